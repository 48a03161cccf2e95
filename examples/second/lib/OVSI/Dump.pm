package OVSI::Dump;
# The dumper (chapter 6), without privilege: what the kernel shows is fact (number, roles and order of layers, options,
# flags, mounts); of the sources it has names, and so at most candidates.
use strict;
use warnings;
use Errno qw(EACCES EPERM EXDEV);
use POSIX ();
use OVSI::Candidates;
use OVSI::Error;
use OVSI::Json;
use OVSI::Kernel;
use OVSI::Mounts;

my %STABILITY = (    # the identity table, section 4.3; every other type: none
    (map { $_ => 'filesystem' } qw(ext2 ext3 ext4 xfs btrfs erofs squashfs)), (map { $_ => 'boot' } qw(tmpfs overlay)),
);

# image(pid, choice): the document. choice: {point => PATH} or {id => ID} or {all => 1}
sub image {
    my ($pid, $choice) = @_;
    my $self = bless { pid => $pid, filesystems => [], mounts => [] }, __PACKAGE__;
    $self->look_at_process;
    my @overlays = map { $self->overlay($_) } $self->chosen($choice);
    return {
        format => 'overlay-source-image', version => '1.0',
        producer => { name => 'ovsi-pl', version => '1.0' },
        created => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
        host => { kernelRelease => (POSIX::uname())[2], bootId => boot_id() },
        defined $self->{namespace} ? (namespace => $self->{namespace}) : (),
        filesystems => $self->{filesystems}, mounts => $self->{mounts}, overlays => \@overlays,
    };
}

sub boot_id {
    open my $in, '<', '/proc/sys/kernel/random/boot_id' or refuse_errno($! + 0, 'the boot ID can not be read', '');
    chomp(my $id = <$in>);
    return $id;
}

sub look_at_process {
    my ($self) = @_;
    my $proc = "/proc/$self->{pid}";
    my $gone = sub { refuse('not-found', 'no-such-process', "no process $self->{pid}", $self->{pid}) };
    -d $proc or $gone->();
    $self->{table} = read_mounts("$proc/mountinfo");
    if (!$self->{table}) {
        refuse_errno($! + 0, 'its mounts can not be read', $self->{pid}) if $! == EACCES || $! == EPERM;
        $gone->();
    }
    $gone->() unless @{ $self->{table} };
    my ($theirs, $ours) = map { readlink "/proc/$_/ns/mnt" } $self->{pid}, 'self';
    my $own = defined $theirs && defined $ours && $theirs eq $ours;
    my $open = sub { OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, "$proc/$_[0]", $_[1], 0) };
    if (defined $theirs && $theirs =~ /^mnt:\[(\d+)\]$/) {
        $self->{namespace} = { inode => $1 };
        my $fd = $open->('ns/mnt', 0);
        my $id = defined $fd ? OVSI::Kernel::namespace_id($fd) : undef;
        OVSI::Kernel::close_fd($fd);
        $self->{namespace}{uniqueId} = "$id" if defined $id;
        $self->{unique} = OVSI::Kernel::unique_ids($id) if $own || defined $id;
    }
    $self->{root} = $open->('root', OVSI::Kernel::O_PATH);
    $self->{candidates} = OVSI::Candidates->new(
        mounts => $self->{table}, root => $self->{root}, own => $own, cwd => $open->('cwd', OVSI::Kernel::O_PATH));
}

# The overlays asked for, each as the list of its mounts: the one asked for first, the others by ascending mount ID
# (OVSI-EQV-002).
sub chosen {
    my ($self, $choice) = @_;
    my @overlays = sort { $a->{id} <=> $b->{id} } grep { $_->{type} eq 'overlay' } @{ $self->{table} };
    my (%by_device, @order);
    for my $mount (@overlays) {
        push @order, $mount->{device} unless $by_device{ $mount->{device} };
        push @{ $by_device{ $mount->{device} } }, $mount;
    }
    if ($choice->{all}) {
        refuse('not-found', 'no-overlay', 'the mount namespace holds no overlay', $self->{pid}) unless @order;
        return map { $by_device{$_} } @order;
    }
    my $first = defined $choice->{point} ? $self->at_point($choice->{point}) : $self->with_id($choice->{id});
    refuse('not-found', 'not-an-overlay', "it is a mount of $first->{type}", $choice->{point} // $choice->{id})
        if $first->{type} ne 'overlay';
    return [$first, grep { $_ != $first } @{ $by_device{ $first->{device} } }];
}

# OVSI-CLI-017. The topmost is the one that the process sees. No directory below its root is looked at.
sub at_point {
    my ($self, $point) = @_;
    refuse('permission', 'permission-denied', 'the root directory of the process is out of reach', $self->{pid})
        unless defined $self->{root};
    my $fd = OVSI::Kernel::open_in_root($self->{root}, $point);
    refuse_errno($! + 0, 'the mount point is out of reach', $point) if !defined $fd && ($! == EACCES || $! == EPERM);
    my $id = defined $fd ? OVSI::Kernel::mount_of($fd) // '' : '';
    my ($mount) = grep { $_->{id} eq $id } @{ $self->{table} };
    if ($mount && ($self->{candidates}->path_of($fd) // '') ne $mount->{point}) {
        # The root of a mount all the same, where the way up leaves it.
        my $above = OVSI::Kernel::openat2($fd, '..', OVSI::Kernel::O_PATH, OVSI::Kernel::NO_XDEV);
        undef $mount if defined $above || $! != EXDEV;
        OVSI::Kernel::close_fd($above);
    }
    OVSI::Kernel::close_fd($fd);
    return $mount // refuse('not-found', 'no-such-mount', 'no mount there', $point);
}

sub with_id {    # OVSI-CLI-018
    my ($self, $id) = @_;
    my $unique = $id =~ s/^unique://;
    for my $mount (@{ $self->{table} }) {
        my $is = $unique ? $self->{unique}{ $mount->{id} } // '' : $mount->{id};
        return $mount if "$is" eq $id;
    }
    refuse('not-found', 'no-such-mount', "no mount with the ID $id", $id);
}

sub overlay {
    my ($self, $mounts) = @_;
    my ($first) = @$mounts;
    my $shown   = shown_options($first->{shown});
    my $sources = $shown->{sources};
    $self->{candidates}->find($first, $sources, $self->upper_fsid($first, $shown));
    my $number = ++$self->{overlays};
    my $fs     = $self->filesystem($first);
    my @ids    = map { $self->mount($_) } @$mounts;
    my @layers = map { $self->source($_) } grep { $_->{role} ne 'work' } @$sources;
    my ($work) = map { $self->source($_) } grep { $_->{role} eq 'work' } @$sources;
    my $option = sub {
        my ($name, $value, $basis) = @_;
        return { name => $name, value => defined $value ? to_value($value) : undef, $basis ? (basis => $basis) : () };
    };
    return {
        id => "o$number", filesystem => $fs, mounts => \@ids,
        options => [map { $option->(@$_) } effective_options($shown)],
        @{ $shown->{security} } ? (securityOptions => [map { $option->(@$_) } @{ $shown->{security} }]) : (),
        superblockFlags => $shown->{flags},
        shownOptions => to_value($first->{shown}),    # OVSI-DUMP-015
        layers => \@layers, $work ? (work => $work) : (),
    };
}

# Only with `uuid=null` or `uuid=off` does an overlay show the f_fsid of its upper's file system.
sub upper_fsid {
    my ($self, $mount, $shown) = @_;
    return unless defined $self->{root} && grep { $_->{role} eq 'upper' } @{ $shown->{sources} };
    return unless grep { $_->[0] eq 'uuid' && $_->[1] =~ /^(?:null|off)$/ } @{ $shown->{options} };
    my $fd = OVSI::Kernel::open_in_root($self->{root}, $mount->{point}) // return;
    my $fsid = (OVSI::Kernel::mount_of($fd) // '') eq $mount->{id} ? OVSI::Kernel::fsid($fd) : undef;
    OVSI::Kernel::close_fd($fd);
    return $fsid;
}

sub source {
    my ($self, $found) = @_;
    my %source = (
        declared => to_value($found->{names}[0]), state => 'unknown', assurance => $found->{assurance},
        reason => $found->{reason},
    );
    if ($found->{role} ne 'work') {    # OVSI-DUMP-028: there may be a mapping, and nothing that is read here shows it
        @source{qw(role idmap)} = ($found->{role}, undef);
        $source{missing} = { idmap => 'nothing but introspection shows the ID mapping of a layer' };
    }
    if (my $place = $found->{place}) {
        $source{method} = 'option-string';
        $source{candidate} = { mount => $self->mount($place->{mount}), path => to_value($place->{path}) };
    }
    return \%source;
}

# Table entries, made when they are first met, so that ids follow from the mounts (OVSI-EQV-001).
sub filesystem {
    my ($self, $mount) = @_;
    my $key = "$mount->{device} $mount->{type}";
    return $self->{fs_id}{$key} if $self->{fs_id}{$key};
    my $id = $self->{fs_id}{$key} = 'fs' . (@{ $self->{filesystems} } + 1);
    my %fs = (
        id => $id, type => $mount->{type}, device => $mount->{device}, source => to_value($mount->{source}),
        stability => $STABILITY{ $mount->{type} } // 'none',    # OVSI-ID-004
    );
    if ($mount->{type} !~ /^(?:overlay|squashfs)$/) {    # these bear no UUID (section 4.4)
        $fs{uuid} = $self->uuid($mount);
        $fs{missing} = { uuid => 'the file system does not tell a UUID here' } unless defined $fs{uuid};
    }
    push @{ $self->{filesystems} }, \%fs;
    return $id;
}

sub uuid {
    my ($self, $mount) = @_;
    my $at = OVSI::Kernel::open_in_root($self->{root}, $mount->{point}) // return;
    my $same = (OVSI::Kernel::mount_of($at) // '') eq $mount->{id};
    my $readable = $same ? OVSI::Kernel::readable($at) : undef;
    my $uuid = defined $readable ? OVSI::Kernel::uuid($readable, $mount->{type}) : undef;
    OVSI::Kernel::close_fd($_) for $at, $readable;
    return $uuid;
}

sub mount {
    my ($self, $mount) = @_;
    return $self->{mount_id}{ $mount->{id} } if $self->{mount_id}{ $mount->{id} };
    my $id = $self->{mount_id}{ $mount->{id} } = 'm' . (@{ $self->{mounts} } + 1);
    my $unique = $self->{unique}{ $mount->{id} };
    my $root = $mount->{root} =~ m{//deleted\z} ? undef : to_value($mount->{root});    # OVSI-DUMP-029
    my $point = to_value($mount->{point} =~ s{//deleted\z}{}r);
    my %propagation = map { $_ => $_ eq 'unbindable' ? true() : number($mount->{propagation}{$_}) }
        keys %{ $mount->{propagation} };
    push @{ $self->{mounts} }, {
        id => $id, filesystem => $self->filesystem($mount), mountId => number($mount->{id}),
        defined $unique ? (uniqueId => "$unique") : (), parentId => number($mount->{parent}),
        root => $root, defined $root ? () : (missing => { root => 'the directory was removed' }),
        mountPoint => $point, source => to_value($mount->{source}),
        attributes => $mount->{attributes}, propagation => \%propagation,
    };
    return $id;
}

# OVSI-CLI-007 and -008
sub complete {
    my ($image) = @_;
    my @sources = map { @{ $_->{layers} }, $_->{work} // () } @{ $image->{overlays} };
    return !grep { $_->{assurance} ne 'proved' || $_->{state} !~ /^(?:located|covered|elsewhere)$/ } @sources;
}

1;
