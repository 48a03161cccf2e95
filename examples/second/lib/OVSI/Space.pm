package OVSI::Space;
# A mount namespace to look or to build in, as a process shows it: its mounts, and the root directory of the process.
use strict;
use warnings;
use Errno qw(EACCES EPERM);
use Fcntl qw(O_RDONLY);
use OVSI::Error;
use OVSI::Kernel;
use OVSI::Mounts;

my $home;    # that of this process

# new(process): 'self' or a process ID. Mounts are in `table`, the root directory is the descriptor `root`.
sub new {
    my ($class, $process) = @_;
    my $proc = "/proc/$process";
    my $gone = sub { refuse('not-found', 'no-such-process', "no process $process", $process) };
    -d $proc or $gone->();
    my $open = sub {
        OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, "$proc/$_[0]", $_[1], 0)
            // ($! == EACCES || $! == EPERM ? refuse_errno($! + 0, 'its namespace is out of reach', $process) : $gone->());
    };
    my $self = bless { roots => {}, uuids => {} }, $class;
    $self->{root}  = $open->('root', OVSI::Kernel::O_PATH);
    $self->{ns}    = $open->('ns/mnt', O_RDONLY);
    $self->{inode} = namespace_of($process) // $gone->();
    $self->{table} = read_mounts("$proc/mountinfo") // $gone->();
    return $self;
}

sub home { return $home //= OVSI::Space->new('self') }

sub namespace_of { my ($process) = @_; return (readlink("/proc/$process/ns/mnt") // '') =~ /^mnt:\[(\d+)\]$/ ? $1 : undef }

# named(namespace of an image): the space, by any process that is in it; undef where none can be found.
sub named {
    my ($class, $name) = @_;
    for my $process (map { m{^/proc/(\d+)$} } glob '/proc/[0-9]*') {
        next if (namespace_of($process) // '') ne $name->{inode};
        my $self = eval { $class->new($process) } // next;
        my $id = OVSI::Kernel::namespace_id($self->{ns});
        return $self if !defined $id || !defined $name->{uniqueId} || $id eq $name->{uniqueId};
    }
    return;
}

# Run code in this namespace, and come back. No path is of use there: /proc may be another.
sub run {
    my ($self, $code) = @_;
    my $home = home();
    return $code->() if $self->{inode} eq $home->{inode};
    OVSI::Kernel::setns($self->{ns}) // refuse_errno($! + 0, 'the mount namespace can not be entered', '');
    my @result = eval { $code->() };
    my ($error, $errno, $dot) = ($@, $! + 0, '.');
    OVSI::Kernel::setns($home->{ns}) // die "no way back: $!\n";
    # Entering a namespace moves the root directory too.
    OVSI::Kernel::call(chroot => $dot) if defined OVSI::Kernel::call(fchdir => int $home->{root});
    die $error if $error;
    $! = $errno;
    return wantarray ? @result : $result[0];
}

# The root of a mount, where a path leads to it.
sub root_of {
    my ($self, $mount) = @_;
    return $self->{roots}{ $mount->{id} } //= do {
        my $fd = OVSI::Kernel::open_in_root($self->{root}, $mount->{point}) // return;
        my $at = $self->mount_at($fd);
        if (!$at || $at != $mount) { OVSI::Kernel::close_fd($fd); return }
        $fd;
    };
}

sub mount_at {
    my ($self, $fd) = @_;
    my $id = OVSI::Kernel::mount_of($fd) // return;
    my ($mount) = grep { $_->{id} == $id } @{ $self->{table} };
    return $mount;
}

# The UUID of its file system, empty where that has none; undefined where the mount is hidden, or may not be read.
sub uuid_of {
    my ($self, $mount) = @_;
    return $self->{uuids}{ $mount->{device} } //= do {
        my $root     = $self->root_of($mount) // return;
        my $readable = OVSI::Kernel::readable($root) // return;
        my $uuid     = OVSI::Kernel::uuid($readable, $mount->{type});
        OVSI::Kernel::close_fd($readable);
        $uuid // '';
    };
}

# Is this mount of an image still here? OVSI-ID-010
sub has {
    my ($self, $was, $root, $point) = @_;
    $self->{unique} //= OVSI::Kernel::unique_ids(OVSI::Kernel::namespace_id($self->{ns}));
    for my $is (@{ $self->{table} }) {
        my $unique = $self->{unique}{ $is->{id} };
        if (defined $was->{uniqueId} && defined $unique) { return 1 if $was->{uniqueId} eq $unique }
        elsif (${ $was->{mountId} } == $is->{id} && $root eq $is->{root} && $point eq $is->{point}) { return 1 }
    }
    return 0;
}

1;
