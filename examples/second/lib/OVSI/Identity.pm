package OVSI::Identity;
# The identity table (section 4.3) and the comparisons of sections 4.4 and 4.5. What is compared is what a descriptor
# tells; no name is looked at.
use strict;
use warnings;
use OVSI::Error;
use OVSI::Kernel;
use Exporter 'import';
our @EXPORT = qw(row observe compare);

my %ROW = (    # the fields of the minimum set: on the boot of the image, on another; undef: nothing suffices
    (map { $_ => [[qw(device inode generation)], [qw(uuid inode generation)]] } qw(ext2 ext3 ext4 xfs)),
    btrfs => [[qw(device subvolume inode generation)], [qw(uuid subvolume inode generation)]],
    erofs => [[qw(device inode)], [qw(uuid inode)]],
    squashfs => [[qw(device inode)], undef],
    tmpfs => [[qw(device inode generation)], undef],
    overlay => [[qw(device inode)], undef],
);

sub row { my ($type, $same_boot) = @_; return ($ROW{$type} // [])->[$same_boot ? 0 : 1] }

# What a directory shows of itself: the fields of the table, as text. mount: an entry of the mount table.
sub observe {
    my ($fd, $mount) = @_;
    my $stat = OVSI::Kernel::statx($fd) or return;
    my %is = (type => $mount->{type}, device => $mount->{device}, inode => "$stat->{inode}", nlink => $stat->{nlink});
    my $handle = $is{handle} = $mount->{type} eq 'overlay' ? undef : OVSI::Kernel::handle($fd);
    my $readable = OVSI::Kernel::readable($fd);
    if (defined $readable) {
        $is{generation} = OVSI::Kernel::generation($readable) if $mount->{type} =~ /^(?:ext[234]|xfs|btrfs)$/;
        $is{uuid} = OVSI::Kernel::uuid($readable, $mount->{type});
        OVSI::Kernel::close_fd($readable);
    }
    if ($handle) {    # annex A.7
        my $bytes = pack 'H*', $handle->{bytes};
        my $form = "$mount->{type} $handle->{type} " . length $bytes;
        $is{generation} = unpack 'L', $bytes if $form eq 'tmpfs 1 12';
        $is{generation} //= unpack '@4 L', $bytes if $form =~ /^ext[234] 1 8$/;
        $is{generation} //= unpack '@8 L', $bytes if $form eq 'xfs 129 12';
        (undef, $is{subvolume}) = map { "$_" } unpack 'QQ', $bytes if $form =~ /^btrfs 7[789] /;
    }
    return \%is;
}

# The image's side: the same fields, undef where it does not say.
sub expected {
    my ($source, $fs) = @_;
    my $identity = $source->{identity} // {};
    my $handle = $identity->{handle};
    undef $handle if $handle && ($handle->{madeBy} // 'kernel') ne 'kernel';
    my %want = (type => $fs->{type}, device => $fs->{device}, uuid => $fs->{uuid}, handle => $handle);
    $want{$_} = ref $identity->{$_} ? ${ $identity->{$_} } : $identity->{$_} for qw(inode generation subvolume);
    return \%want;
}

# compare(source, fs, is, context): dies with `identity` where the directory is not the source; returns what was
# accepted, or undef. context: same_boot, accept (changed-identity was given), mapped (a --map led here), what (text).
sub compare {
    my ($source, $fs, $is, $context) = @_;
    my $want = expected($source, $fs);
    my $proved = $source->{assurance} eq 'proved';
    return unless $source->{identity};    # only a source that is not proved has none
    my $fields = row($fs->{type}, $context->{same_boot});
    my $refuse = sub { refuse('identity', $_[0], "$context->{what}: $_[1]", $context->{what}) };

    if (!$context->{same_boot}) {    # section 4.5, first item; device numbers mean nothing (OVSI-ID-009)
        return 'made on another boot; the caller answers for the directory'
            if $context->{accept} && ($context->{mapped} || !$fields);
        $refuse->('identity-changed', "a directory on $fs->{type} can not be confirmed on another boot") unless $fields;
    }
    # On this boot an equal handle stands for generation and subvolume where one side lacks them.
    my ($a, $b) = ($want->{handle}, $is->{handle});
    my $handles = $context->{same_boot} && $a && $b && ${ $a->{type} } == $b->{type};
    my $equal = $handles && $a->{bytes} eq $b->{bytes};
    my (@lacking, @differ);
    my @compared = ('type', @{ $fields // [qw(device inode generation subvolume)] });
    push @compared, 'uuid' if $context->{same_boot};
    my %minimum = map { $_ => 1 } @{ $fields // [] };
    for my $field (@compared) {
        if (defined $want->{$field} && defined $is->{$field}) {
            push @differ, $field if $want->{$field} ne $is->{$field};
        }
        elsif ($minimum{$field} && !($equal && $field =~ /^(?:generation|subvolume)$/)) { push @lacking, $field }
    }
    push @differ, 'handle' if $handles && !$equal;
    my $list = join ', ', map { "$_ is " . text($is->{$_}) . ', not ' . text($want->{$_}) } @differ;

    if (@differ == 1 && $differ[0] eq 'device' && $context->{accept} && !@lacking) {    # section 4.5, second item
        my $other = row($fs->{type}, 0);
        my $equal_field = sub { defined $want->{$_} && defined $is->{$_} && $want->{$_} eq $is->{$_} };
        return $list if $other && !grep { !$equal_field->() } @$other;
    }
    $refuse->('identity-differs', $list) if @differ;    # OVSI-ID-006 and -011
    # OVSI-ID-007: a proved source has all of the minimum set. On another boot any source with an identity has (OVSI-ID-008);
    # on this one what is not proved may be too little to be confirmed.
    return if $context->{same_boot} && !$proved;
    $refuse->('identity-insufficient', "nothing names a directory on $fs->{type}") unless $fields;
    $refuse->('identity-insufficient', 'not known: ' . join ', ', @lacking) if @lacking;
    return;
}

sub text { my ($field) = @_; return ref $field ? $field->{bytes} : $field }

1;
