package OVSI::Json;
# A strict JSON reader (section 3.2) and a small writer.
#
# Everything is bytes: a string of the document is the Perl byte string of its UTF-8. So a JSON string, a name from
# the kernel and an argument of the command line compare as they are.
#   object: hash    array: array    string: plain scalar    null: undef
#   number: OVSI::Num (a reference to its text)    true, false: OVSI::Bool (a reference to 1 or 0)
use strict;
use warnings;
use MIME::Base64 qw(encode_base64 decode_base64);
use OVSI::Error;
use Exporter 'import';
our @EXPORT = qw(parse_json encode_json json_type number true false is_utf8 printable to_value to_bytes
    canonical_base64);

use constant MAX_BYTES => 64 * 1024 * 1024;
use constant MAX_DEPTH => 64;

my %numbers;    # one object for each short number, so that long arrays stay small
my ($true, $false) = map { my $n = $_; bless \$n, 'OVSI::Bool' } 1, 0;

sub true  { $true }
sub false { $false }

sub number {
    my $text = "$_[0]";
    return bless(\$text, 'OVSI::Num') if length $text > 4;
    return $numbers{$text} //= bless \$text, 'OVSI::Num';
}

sub bad { my ($code, $message) = @_; refuse('bad-image', $code, $message, '') }

# OVSI-IMG-002: overlong forms, surrogates and code points above U+10FFFF are no UTF-8.
sub is_utf8 {
    my ($ref) = @_;
    pos($$ref) = 0;
    1 while $$ref =~ /\G(?:[\x00-\x7f]++
        |(?:[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}
           |\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}
           |\xf4[\x80-\x8f][\x80-\xbf]{2}){1,1000}+)/gcx;
    my $end = (pos($$ref) // 0) == length $$ref;
    pos($$ref) = 0;
    return $end;
}

# For words for people (section 8.2): bytes that are not UTF-8, and control characters, as \xNN.
my $CONTROL = qr/[\x00-\x1f\x7f]|(?<=\xc2)[\x80-\x9f]/;

sub printable {
    my ($text) = @_;
    my $out = '';
    for my $piece (split /(?<=[\x00-\x7f])|(?=[\x00-\x7f\xc0-\xff])/, $text) {
        $piece =~ s/([\x80-\xff])/sprintf '\\x%02x', ord $1/ge unless is_utf8(\$piece);
        $piece =~ s/\xc2?($CONTROL)/sprintf '\\x%02x', ord $1/ge;
        $out .= $piece;
    }
    return $out =~ s/(?:\\x0a)+\z//r;    # what Perl itself says ends a line
}

# parse_json(\$bytes): the document, or a refusal as bad-image.
sub parse_json {
    my ($in) = @_;
    bad('too-large', 'the document has more than 64 MiB') if length $$in > MAX_BYTES;    # OVSI-IMG-007
    bad('not-utf8', 'the document is not valid UTF-8') unless is_utf8($in);
    bad('not-utf8', 'the document begins with a byte order mark') if $$in =~ /\A\xef\xbb\xbf/;    # OVSI-IMG-003
    pos($$in) = 0;
    my $value = value($in, 1);
    $$in =~ /\G[ \t\r\n]*+/gc;
    bad('not-json', 'bytes after the document, at ' . pos $$in) if pos($$in) != length $$in;    # OVSI-IMG-001
    return $value;
}

sub value {
    my ($in, $depth) = @_;
    $$in =~ /\G[ \t\r\n]*+/gc;
    return string($in) if $$in =~ /\G"/gc;
    if ($$in =~ /\G(-?(?:0|[1-9][0-9]*+))(?![0-9.eE])/gc) { return number($1 eq '-0' ? 0 : $1) }
    if ($$in =~ /\G([\{\[])/gc) {
        bad('too-large', 'nested more than 64 levels deep') if $depth > MAX_DEPTH;    # OVSI-IMG-008
        return $1 eq '{' ? object($in, $depth) : array($in, $depth);
    }
    return $true  if $$in =~ /\Gtrue\b/gc;
    return $false if $$in =~ /\Gfalse\b/gc;
    return undef  if $$in =~ /\Gnull\b/gc;
    # OVSI-IMG-005 and -006; whatever else stands here is no JSON.
    bad('bad-number', 'a number that is not a plain integer, at ' . pos_of($in))
        if $$in =~ /\G-?(?:[0-9]+[.eE]|NaN|Infinity)/gc;
    bad('not-json', 'not JSON, at byte ' . pos_of($in));
}

sub pos_of { pos(${ $_[0] }) // 0 }

sub object {
    my ($in, $depth) = @_;
    my %object;
    $$in =~ /\G[ \t\r\n]*+/gc;
    return \%object if $$in =~ /\G\}/gc;
    while (1) {
        $$in =~ /\G[ \t\r\n]*+"/gc or bad('not-json', 'a key is missing, at byte ' . pos_of($in));
        my $key = string($in);
        bad('duplicate-key', 'a key occurs twice in an object: ' . $key) if exists $object{$key};    # OVSI-IMG-004
        $$in =~ /\G[ \t\r\n]*+:/gc or bad('not-json', 'a colon is missing, at byte ' . pos_of($in));
        $object{$key} = value($in, $depth + 1);
        next if $$in =~ /\G[ \t\r\n]*+,/gc;
        last if $$in =~ /\G[ \t\r\n]*+\}/gc;
        bad('not-json', 'an object does not end, at byte ' . pos_of($in));
    }
    return \%object;
}

sub array {
    my ($in, $depth) = @_;
    my @array;
    return \@array if $$in =~ /\G[ \t\r\n]*+\]/gc;
    while (1) {
        push @array, value($in, $depth + 1);
        next if $$in =~ /\G[ \t\r\n]*+,/gc;
        return \@array if $$in =~ /\G[ \t\r\n]*+\]/gc;
        bad('not-json', 'an array does not end, at byte ' . pos_of($in));
    }
}

my %plain = ('"' => '"', '\\' => '\\', '/' => '/', b => "\b", f => "\f", n => "\n", r => "\r", t => "\t");

sub string {
    my ($in) = @_;
    my $out = '';
    while (1) {
        $out .= $1 if $$in =~ /\G([^"\\\x00-\x1f]++)/gc;
        return $out if $$in =~ /\G"/gc;
        if ($$in =~ m{\G\\(["\\/bfnrt])}gc) { $out .= $plain{$1} }
        elsif ($$in =~ /\G\\u([0-9a-fA-F]{4})/gc) {
            my $code = hex $1;
            bad('bad-bytes', 'a string holds a NUL') if $code == 0;    # OVSI-IMG-010
            if ($code >= 0xd800 && $code <= 0xdbff && $$in =~ /\G\\u([dD][c-fC-F][0-9a-fA-F]{2})/gc) {
                $code = 0x10000 + (($code & 0x3ff) << 10) + (hex($1) & 0x3ff);
            }
            bad('not-utf8', 'a string holds a lone surrogate') if $code >= 0xd800 && $code <= 0xdfff;    # OVSI-IMG-009
            my $char = chr $code;
            utf8::encode($char);
            $out .= $char;
        }
        else { bad('not-json', 'a string is not JSON, at byte ' . pos_of($in)) }
    }
}

sub json_type {
    my ($value) = @_;
    return 'null' unless defined $value;
    my $ref = ref $value or return 'string';
    return { HASH => 'object', ARRAY => 'array', 'OVSI::Num' => 'integer', 'OVSI::Bool' => 'boolean' }->{$ref};
}

# Keys sorted, so that one document has one form (OVSI-EQV-001). `$indent` undefined: one line.
sub encode_json {
    my ($value, $indent) = @_;
    my $type = json_type($value);
    return 'null' if $type eq 'null';
    return $$value if $type eq 'integer';
    return $$value ? 'true' : 'false' if $type eq 'boolean';
    if ($type eq 'string') {
        (my $text = $value) =~ s/(["\\])/\\$1/g;
        $text =~ s/\xc2?($CONTROL)/sprintf '\\u%04x', ord $1/ge;    # OVSI-SEC-005
        return qq("$text");
    }
    my ($inner, $open, $close, $colon) = (undef, '', '', ':');
    if (defined $indent) {
        $inner = $indent + 1;
        ($open, $close, $colon) = ("\n" . ' ' x $inner, "\n" . ' ' x $indent, ': ');
    }
    my @parts = $type eq 'array'
        ? map { encode_json($_, $inner) } @$value
        : map { encode_json($_) . $colon . encode_json($value->{$_}, $inner) } sort keys %$value;
    my ($left, $right) = $type eq 'array' ? ('[', ']') : ('{', '}');
    return "$left$right" unless @parts;
    return $left . $open . join(",$open", @parts) . $close . $right;
}

# Section 3.3: bytes of the kernel as a string where they are UTF-8, else as base64; and back.
sub to_value {
    my ($bytes) = @_;
    return is_utf8(\$bytes) ? $bytes : { base64 => encode_base64($bytes, '') };
}

sub to_bytes {
    my ($value) = @_;
    return ref $value ? decode_base64($value->{base64}) : $value;
}

sub canonical_base64 { my ($text) = @_; return encode_base64(decode_base64($text), '') eq $text }    # OVSI-IMG-011

1;
