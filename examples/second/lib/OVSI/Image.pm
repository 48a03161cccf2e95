package OVSI::Image;
# Reading and checking an image: chapter 3, in the order that the end of section 3.7 gives.
use strict;
use warnings;
use Errno qw(ENOENT ENOTDIR);
use MIME::Base64 qw(decode_base64);
use OVSI::Error;
use OVSI::Json;
use OVSI::Schema;
use Exporter 'import';
our @EXPORT = qw(read_image plain_path sources);

use constant MAJOR => 1;
my %SOURCE = map { $_ => 1 } qw(lowerdir lowerdir+ datadir+ upperdir workdir);    # OVSI-IMG-043
my %ROLE = (upper => 0, lower => 1, data => 2);    # the registry, in the order of OVSI-IMG-023

# read_image(file, schema file): the checked document, or a refusal.
sub read_image {
    my ($file, $schema) = @_;
    my $bytes = slurp($file);
    my $image = parse_json(\$bytes);
    check_version($image);
    check_abilities($image);
    my $fault = OVSI::Schema->new($schema)->check($image);
    refuse('bad-image', 'not-by-schema', $fault, '') if $fault;    # OVSI-IMG-016
    check_values($image);
    check_tables($image);
    check_overlay($image, $_) for @{ $image->{overlays} };
    check_nesting($image);
    return $image;
}

sub slurp {
    my ($file) = @_;
    my $in;
    if ($file eq '-') { $in = \*STDIN; binmode $in }    # OVSI-CLI-013
    else {
        refuse('bad-image', 'not-a-file', 'the image is a directory', $file) if -d $file;
        if (!open $in, '<:raw', $file) {
            refuse('not-found', 'image-missing', "no such image file: $!", $file) if $! == ENOENT || $! == ENOTDIR;
            refuse_errno($! + 0, 'the image can not be read', $file);
        }
    }
    my $bytes = '';
    while (length $bytes <= OVSI::Json::MAX_BYTES) {    # one byte too many is enough to refuse
        my $got = sysread $in, $bytes, 1 << 20, length $bytes;
        refuse_errno($! + 0, 'the image can not be read', $file) unless defined $got;
        last unless $got;
    }
    return $bytes;
}

sub check_version {
    my ($image) = @_;
    my $is = json_type($image);
    refuse('bad-image', 'not-by-schema', 'the document is not of the format overlay-source-image', '')
        if $is ne 'object' || json_type($image->{format}) ne 'string' || $image->{format} ne 'overlay-source-image';
    my $version = $image->{version};
    refuse('bad-image', 'not-by-schema', 'the document has no version major.minor', '')
        if json_type($version) ne 'string' || $version !~ /\A(0|[1-9][0-9]{0,4})\.(?:0|[1-9][0-9]{0,4})\z/;
    # OVSI-IMG-032. Of a major version below 1 the chapter says nothing; it is one that is not known here.
    refuse('unsupported', 'unsupported-version', "version $version is not known here", $version) if $1 != MAJOR;
}

# OVSI-IMG-034, -035 and -039: looked for in whatever of the document has the right shape, before any fault is named.
sub check_abilities {
    my ($image) = @_;
    my @overlays = grep { json_type($_) eq 'object' } list($image->{overlays});
    my @layers   = grep { json_type($_) eq 'object' } map { list($_->{layers}) } @overlays;
    my @works    = grep { json_type($_) eq 'object' } map { $_->{work} } @overlays;
    for my $name (map { list($_->{requires}) } $image, @overlays, @layers, @works) {
        next if json_type($name) ne 'string';    # that is a fault, found later
        refuse('unsupported', 'unsupported-requires', "the image requires $name", $name);    # none is registered
    }
    for my $role (map { $_->{role} } @layers) {
        next if json_type($role) ne 'string' || exists $ROLE{$role};
        refuse('unsupported', 'unsupported-role', "a layer has the role $role", $role);
    }
}

sub list { my ($value) = @_; return json_type($value) eq 'array' ? @$value : () }

sub sources { my ($overlay) = @_; return (@{ $overlay->{layers} }, $overlay->{work} // ()) }

# OVSI-IMG-015
sub plain_path {
    my ($bytes) = @_;
    return $bytes eq '/' || $bytes =~ m{\A/}s && $bytes !~ m{//|/\z|/\.\.?(?:/|\z)};
}

# The rules for single values, at the places of the schema: below an unknown key they don't hold. So half of OVSI-IMG-010
# is here.
sub check_values {
    my ($image) = @_;
    bytes_at($image->{filesystems}, 'source');
    for my $fs (@{ $image->{filesystems} }) { check_missing($fs, 'uuid') }
    for my $mount (@{ $image->{mounts} }) {
        u64_at($mount, 'uniqueId');
        u64_at($mount->{namespace}, qw(inode uniqueId)) if $mount->{namespace};
        check_missing($mount, 'root');
        bytes_at([$mount], 'source');
        path_at($mount, qw(root mountPoint));
    }
    u64_at($image->{namespace}, qw(inode uniqueId)) if $image->{namespace};
    for my $overlay (@{ $image->{overlays} }) {
        bytes_at([$overlay], 'shownOptions');
        bytes_at([$_], 'value') for @{ $overlay->{options} }, @{ $overlay->{securityOptions} // [] };
        my $mounter = $overlay->{mounter} // {};
        u64_at($mounter->{userNamespace}, 'inode')     if $mounter->{userNamespace};
        u64_at($mounter->{credentials}, 'capEffective') if $mounter->{credentials};
        check_source($_) for sources($overlay);
    }
}

sub check_source {
    my ($source) = @_;
    bytes_at([$source], 'declared');
    path_at($source, 'path');
    check_missing($source, qw(declared idmap));
    for my $place (map { $source->{$_} // () } qw(location candidate)) {
        path_at($place, 'path');
        u64_at($place->{process}, 'startTime') if $place->{process};
    }
    my $identity = $source->{identity} or return;
    u64_at($identity, qw(inode subvolume));    # OVSI-IMG-014, the handle, is in the schema
    check_missing($identity, qw(generation subvolume handle));
}

sub bytes_at {
    my ($objects, @names) = @_;
    for my $value (grep { ref } map { my $o = $_; map { $o->{$_} // () } @names } @$objects) {
        my $text = $value->{base64};
        refuse('bad-image', 'bad-bytes', "base64 that is not canonical: $text", '') unless canonical_base64($text);
        my $bytes = decode_base64($text);
        refuse('bad-image', 'bad-bytes', "base64 of bytes with a NUL: $text", '') if $bytes =~ /\0/;    # IMG-010
        refuse('bad-image', 'bad-bytes', "base64 of bytes that are UTF-8: $text", '') if is_utf8(\$bytes);    # IMG-012
    }
}

sub path_at {
    my ($object, @names) = @_;
    bytes_at([$object], @names);
    for my $name (grep { defined $object->{$_} } @names) {
        next if plain_path(to_bytes($object->{$name}));
        refuse('bad-image', 'bad-path', "`$name` is not an absolute and plain path", to_bytes($object->{$name}));
    }
}

sub u64_at {    # OVSI-IMG-013
    my ($object, @names) = @_;
    for my $value (map { $object->{$_} // () } @names) {
        next if length $value < 20 || $value le '18446744073709551615';    # the schema has 20 digits at most
        refuse('bad-image', 'bad-number', "$value has more than 64 bits", $value);
    }
}

# OVSI-IMG-017 and -018. A null of an unknown key needs no explanation; that it has one is no fault. Only what the schema
# gives a `missing` comes here.
sub check_missing {
    my ($object, @nullable) = @_;
    my $missing = $object->{missing} // {};
    for my $name (grep { exists $object->{$_} && !defined $object->{$_} && !exists $missing->{$_} } @nullable) {
        refuse('bad-image', 'bad-null', "`$name` is null and `missing` does not say why", $name);
    }
    for my $name (grep { !exists $object->{$_} || defined $object->{$_} } sort keys %$missing) {
        refuse('bad-image', 'bad-null', "`missing` names `$name`, which is not null", $name);
    }
}

sub check_tables {    # OVSI-IMG-019 to -022, -041, -042, -044
    my ($image) = @_;
    my %table;
    for (['filesystems', 'device'], ['overlays', 'filesystem']) {
        my ($name, $key) = @$_;
        my %seen;
        for my $twice (grep { $seen{$_}++ } map { $_->{$key} } @{ $image->{$name} }) {
            refuse('bad-image', 'duplicate-id', "two of $name have the $key $twice", $twice);
        }
    }
    for my $name (qw(filesystems mounts overlays)) {
        for my $entry (@{ $image->{$name} }) {
            refuse('bad-image', 'duplicate-id', "$name has two entries $entry->{id}", $entry->{id})
                if $table{$name}{ $entry->{id} };
            $table{$name}{ $entry->{id} } = $entry;
        }
    }
    my $find = sub {
        my ($name, $id) = @_;
        return $table{$name}{$id} // refuse('bad-image', 'bad-reference', "$name has no entry $id", $id);
    };
    $find->(filesystems => $_->{filesystem}) for @{ $image->{mounts} };
    for my $overlay (@{ $image->{overlays} }) {
        my $fs = $find->(filesystems => $overlay->{filesystem});
        refuse('bad-image', 'bad-reference', "the file system of $overlay->{id} is no overlay", $overlay->{id})
            if $fs->{type} ne 'overlay';
        for my $id (@{ $overlay->{mounts} }) {
            next if $find->(mounts => $id)->{filesystem} eq $overlay->{filesystem};
            refuse('bad-image', 'bad-reference', "$id is no mount of $overlay->{id}", $id);
        }
        for my $source (sources($overlay)) {
            $find->(filesystems => $source->{identity}{filesystem}) if $source->{identity};
            my ($at) = map { $find->(mounts => $_) } map { $_->{mount} // () } map { $source->{$_} // () }
                qw(location candidate);
            next if !$at || $source->{assurance} ne 'proved' || $at->{filesystem} eq $source->{identity}{filesystem};
            refuse('bad-image', 'bad-reference', 'a location on another file system than its source', $overlay->{id});
        }
    }
}

sub check_overlay {    # OVSI-IMG-023 to -028, -043
    my ($image, $overlay) = @_;
    my $bad = sub { refuse('bad-image', 'bad-layers', "$overlay->{id}: $_[0]", $overlay->{id}) };
    for my $option (@{ $overlay->{options} }, @{ $overlay->{securityOptions} // [] }) {
        $bad->("the option $option->{name} names a source") if $SOURCE{ $option->{name} };
    }
    my @roles = map { $_->{role} } @{ $overlay->{layers} };
    my %count = (upper => 0, lower => 0, data => 0);
    $count{$_}++ for @roles;
    $bad->('two uppers') if $count{upper} > 1;
    $bad->('no lower')   if !$count{lower};
    $bad->('more than 500 lower and data-only layers') if $count{lower} + $count{data} > 500;
    $bad->('layers out of order') if grep { $ROLE{ $roles[$_] } < $ROLE{ $roles[ $_ - 1 ] } } 1 .. $#roles;
    $bad->('an upper without work, or work without an upper') if $count{upper} != ($overlay->{work} ? 1 : 0);
    my ($upper, $work) = ($overlay->{layers}[0], $overlay->{work});
    $bad->('upper and work on two file systems')
        if $work && $upper->{assurance} eq 'proved' && $work->{assurance} eq 'proved'
        && $upper->{identity}{filesystem} ne $work->{identity}{filesystem};
}

# OVSI-IMG-029 and -030, among the overlays that are described.
sub check_nesting {
    my ($image) = @_;
    my %described = map { $_->{filesystem} => 1 } @{ $image->{overlays} };
    my (%on, %bears);    # by file system: those that its sources lie on; whether it bears one of another overlay
    for my $overlay (@{ $image->{overlays} }) {
        my @below = map { $_->{identity} ? $_->{identity}{filesystem} : () } sources($overlay);
        $on{ $overlay->{filesystem} } = [grep { $described{$_} } @below];
        $bears{$_} = 1 for @below;
    }
    for my $start (sort keys %on) {
        my (%seen, @next);
        @next = @{ $on{$start} };
        while (defined(my $fs = shift @next)) {
            refuse('bad-image', 'bad-nesting', 'an overlay is a source of itself', $start) if $fs eq $start;
            push @next, @{ $on{$fs} } unless $seen{$fs}++;
        }
        refuse('bad-image', 'bad-nesting', 'overlays nested more than two deep', $start)
            if @{ $on{$start} } && $bears{$start};
    }
}

1;
