package OVSI::Schema;
# The part of JSON Schema 2020-12 that schemas/image.json uses. The schema is normative, so it is read and not
# written down a second time; an unknown keyword is an error of this program and not passed over.
use strict;
use warnings;
use OVSI::Error;
use OVSI::Json;

sub new {
    my ($class, $file) = @_;
    open my $in, '<:raw', $file or refuse_errno($! + 0, "the schema $file can't be read", $file);
    my $text = do { local $/; <$in> };
    return bless { root => parse_json(\$text), patterns => {} }, $class;
}

# check(value): the first fault found, as text, or undef.
sub check { my ($self, $value) = @_; return $self->fault($self->{root}, $value, 'the document') }

sub integer {
    my ($number) = @_;
    my $text = ref $number ? $$number : $number;
    return length $text > 16 ? ($text =~ /^-/ ? -1e300 : 1e300) : 0 + $text;
}

sub pattern {
    my ($self, $text) = @_;
    return $self->{patterns}{$text} //= do {
        (my $perl = $text) =~ s/\\u([0-9a-fA-F]{4})/\\x{$1}/g;    # the dialect of the schema is ECMAScript's
        $perl =~ s/\$\z/\\z/;
        qr/$perl/;
    };
}

my %keyword = (
    '$ref' => sub {
        my ($self, $ref, $value, $at) = @_;
        my ($name) = $ref =~ m{^#/\$defs/(.+)$};
        return $self->fault($self->{root}{'$defs'}{$name}, $value, $at);
    },
    type => sub {
        my ($self, $types, $value, $at) = @_;
        my $is = json_type($value);
        return if grep { $_ eq $is } ref $types ? @$types : $types;
        return "$at is of type $is";
    },
    const => sub {
        my ($self, $const, $value, $at) = @_;
        return encode_json($value) eq encode_json($const) ? undef : "$at is not " . encode_json($const);
    },
    enum => sub {
        my ($self, $enum, $value, $at) = @_;
        my $text = encode_json($value);
        return (grep { encode_json($_) eq $text } @$enum) ? undef : "$at is none of the words of the schema";
    },
    pattern => sub {
        my ($self, $pattern, $value, $at) = @_;
        return if json_type($value) ne 'string' || $value =~ $self->pattern($pattern);
        return "$at has not the form that the schema asks for";
    },
    minLength => sub {
        my ($self, $min, $value, $at) = @_;
        (my $chars = $value // '') =~ s/[\x80-\xbf]//g;
        return json_type($value) eq 'string' && length $chars < $$min ? "$at is too short" : undef;
    },
    minimum => sub {
        my ($self, $min, $value, $at) = @_;
        return json_type($value) eq 'integer' && integer($value) < integer($min) ? "$at is too small" : undef;
    },
    maximum => sub {
        my ($self, $max, $value, $at) = @_;
        return json_type($value) eq 'integer' && integer($value) > integer($max) ? "$at is too large" : undef;
    },
    minItems => sub {
        my ($self, $min, $value, $at) = @_;
        return json_type($value) eq 'array' && @$value < $$min ? "$at has too few entries" : undef;
    },
    maxItems => sub {
        my ($self, $max, $value, $at) = @_;
        return json_type($value) eq 'array' && @$value > $$max ? "$at has too many entries" : undef;
    },
    uniqueItems => sub {
        my ($self, $on, $value, $at) = @_;
        my %seen;
        return json_type($value) eq 'array' && (grep { $seen{ encode_json($_) }++ } @$value)
            ? "$at has an entry twice" : undef;
    },
    items => sub {
        my ($self, $schema, $value, $at) = @_;
        return if json_type($value) ne 'array';
        for my $i (0 .. $#$value) {
            my $fault = $self->fault($schema, $value->[$i], "$at/$i");
            return $fault if $fault;
        }
        return;
    },
    required => sub {
        my ($self, $names, $value, $at) = @_;
        return if json_type($value) ne 'object';
        my ($lacking) = grep { !exists $value->{$_} } @$names;
        return defined $lacking ? "$at lacks `$lacking`" : undef;
    },
    properties => sub {
        my ($self, $properties, $value, $at) = @_;
        return if json_type($value) ne 'object';
        for my $name (grep { exists $value->{$_} } sort keys %$properties) {
            my $fault = $self->fault($properties->{$name}, $value->{$name}, "$at/$name");
            return $fault if $fault;
        }
        return;
    },
    additionalProperties => sub {
        my ($self, $schema, $value, $at, $whole) = @_;
        return if json_type($value) ne 'object';
        for my $name (grep { !exists $whole->{properties}{$_} } sort keys %$value) {
            my $fault = $self->fault($schema, $value->{$name}, "$at/$name");
            return $fault if $fault;
        }
        return;
    },
    maxProperties => sub {
        my ($self, $max, $value, $at) = @_;
        return json_type($value) eq 'object' && keys %$value > $$max ? "$at has too many properties" : undef;
    },
    oneOf => sub {
        my ($self, $schemas, $value, $at) = @_;
        my @faults = map { $self->fault($_, $value, $at) // () } @$schemas;
        return if @faults == @$schemas - 1;
        return $faults[0] // "$at is of several forms at once";
    },
    allOf => sub {
        my ($self, $schemas, $value, $at) = @_;
        for my $schema (@$schemas) {
            my $fault = $self->fault($schema, $value, $at);
            return $fault if $fault;
        }
        return;
    },
    if => sub {
        my ($self, $if, $value, $at, $whole) = @_;
        return $self->fault($if, $value, $at) ? undef : $self->fault($whole->{then}, $value, $at);
    },
);
$keyword{$_} = sub { undef } for qw(then description title $schema $id $defs);

sub fault {
    my ($self, $schema, $value, $at) = @_;
    if (json_type($schema) eq 'boolean') { return $$schema ? undef : "$at must not be there" }
    for my $name (sort keys %$schema) {
        my $rule = $keyword{$name} or die "schema keyword $name is not known\n";
        my $fault = $rule->($self, $schema->{$name}, $value, $at, $schema);
        return $fault if $fault;
    }
    return;
}

1;
