package OVSI::Kernel;
# System calls. Each returns undef and sets $! where the call failed; descriptors are plain numbers.
use strict;
use warnings;
use Config;
use Errno qw(EBUSY EINVAL);
use Fcntl qw(O_RDONLY O_DIRECTORY O_NOATIME);
use POSIX ();
use OVSI::Error;

my %NUMBER = (    # calls from 424 on have one number everywhere
    common => {
        open_tree => 428, move_mount => 429, fsopen => 430, fsconfig => 431, fsmount => 432, pidfd_open => 434,
        openat2 => 437, pidfd_getfd => 438,
        mount_setattr => 442, statmount => 457, listmount => 458,
    },
    x86_64 => {
        close => 3, ioctl => 16, fchdir => 81, chroot => 161, mount => 165, umount2 => 166, openat => 257,
        unlinkat => 263, unshare => 272, name_to_handle_at => 303, open_by_handle_at => 304, setns => 308,
        statx => 332, fstatfs => 138,
    },
    aarch64 => {
        close => 57, ioctl => 29, fchdir => 50, chroot => 51, mount => 40, umount2 => 39, openat => 56,
        unlinkat => 35, unshare => 97, name_to_handle_at => 264, open_by_handle_at => 265, setns => 268,
        statx => 291, fstatfs => 44,
    },
);
my ($machine) = $Config{archname} =~ /^(x86_64|aarch64)-linux/;
my %nr = $machine ? (%{ $NUMBER{common} }, %{ $NUMBER{$machine} }) : ();

use constant {
    AT_FDCWD => -100, AT_EMPTY_PATH => 0x1000, O_PATH => 0x200000, O_CLOEXEC => 0x80000,
    NO_XDEV => 1, NO_MAGICLINKS => 2, NO_SYMLINKS => 4, BENEATH => 8, IN_ROOT => 16,    # RESOLVE_*
    CLONE_NEWNS => 0x20000, CLONE_NEWUSER => 0x10000000, MNT_DETACH => 2, MS_PRIVATE => 1 << 18, MS_REC => 1 << 14,
    SET_FLAG => 0, SET_STRING => 1, SET_FD => 5, CREATE => 6,    # FSCONFIG_*
};

# Perl passes a scalar as a number or as a pointer, by what it is: so numbers go through int(), and strings are copies
# that were never used as numbers.
sub call {
    my $name = shift;
    my $nr = $nr{$name} or refuse('unsupported', 'unsupported-kernel', 'this machine is not known', '');
    my $result = syscall($nr, @_);
    return $result < 0 ? undef : $result;
}

sub close_fd { call(close => int $_[0]) if defined $_[0]; return }

sub openat2 {
    my ($dir, $path, $flags, $resolve) = @_;
    my $copy = "$path";
    my $how  = pack 'Q3', $flags | O_CLOEXEC, 0, $resolve;
    for (1 .. 8) {    # EAGAIN: something was renamed while it looked
        my $fd = call(openat2 => int $dir, $copy, $how, 24);
        return $fd if defined $fd || !$!{EAGAIN};
    }
    return;
}

# A directory as a descriptor that can't be used for more than naming it. Links are followed, below $root.
sub open_in_root { my ($root, $path) = @_; return openat2($root, $path, O_PATH | O_DIRECTORY, IN_ROOT) }

# OVSI-REST-010: a directory below $dir, over no link and no mount. A path of any length: in steps.
sub open_below {
    my ($dir, $path) = @_;
    my @steps = ('.');
    for my $name (grep { length } split m{/}, $path) {
        if   (length("$steps[-1]/$name") < 4000) { $steps[-1] .= "/$name" }
        else                                     { push @steps, $name }
    }
    my $at = $dir;
    for my $step (@steps) {
        my $next = openat2($at, $step, O_PATH | O_DIRECTORY, BENEATH | NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV);
        { local $!; close_fd($at) if $at != $dir }
        return unless defined $next;
        $at = $next;
    }
    return $at;
}

# A readable descriptor of a directory that is held by name only; ioctls want one.
sub readable {
    my ($fd) = @_;
    my $dot = '.';
    return call(openat => int $fd, $dot, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME, 0)
        // call(openat => int $fd, $dot, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

sub statx {
    my ($fd) = @_;
    my ($empty, $buffer) = ('', "\0" x 256);
    defined call(statx => int $fd, $empty, AT_EMPTY_PATH, 0x1107, $buffer) or return;
    my %at = (attributes => [8, 'Q'], nlink => [16, 'L'], mode => [28, 'S'], inode => [32, 'Q'], mount => [144, 'Q']);
    return { map { my ($offset, $form) = @{ $at{$_} }; $_ => unpack "\@$offset $form", $buffer } keys %at };
}

# The mount that a descriptor lies on, without a look at the directory: stat may write on an overlay (annex A.5).
sub mount_of {
    my ($fd) = @_;
    open my $in, '<', "/proc/self/fdinfo/$fd" or return;
    my ($id) = join('', <$in>) =~ /^mnt_id:\s*(\d+)/m;
    return $id;
}

sub handle {
    my ($fd) = @_;
    my ($empty, $buffer, $mount) = ('', pack('LlZ128', 128, 0, ''), pack 'Q', 0);
    defined call(name_to_handle_at => int $fd, $empty, $buffer, $mount, AT_EMPTY_PATH) or return;
    my ($length, $type) = unpack 'Ll', $buffer;
    return { type => $type, bytes => unpack "\@8 H" . 2 * $length, $buffer };
}

sub open_by_handle {
    my ($anchor, $type, $hex) = @_;
    my $buffer = pack('Ll', length($hex) / 2, $type) . pack 'H*', $hex;
    return call(open_by_handle_at => int $anchor, $buffer, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

sub ioctl_read {
    my ($fd, $request, $size) = @_;
    my $buffer = "\0" x $size;
    return defined call(ioctl => int $fd, $request, $buffer) ? $buffer : undef;
}

sub generation {    # FS_IOC_GETVERSION, of a readable descriptor
    my $buffer = ioctl_read($_[0], 0x80087601, 8) // return;
    return unpack 'L', $buffer;
}

sub uuid {          # FS_IOC_GETFSUUID; btrfs has an ioctl of its own
    my ($fd, $type) = @_;
    my $bytes;
    if ($type eq 'btrfs') { $bytes = substr(ioctl_read($fd, 0x8400941f, 1024) // return, 16, 16) }
    else {
        my ($length, $uuid) = unpack 'Ca16', ioctl_read($fd, 0x80111500, 17) // return;
        $bytes = $uuid if $length == 16;
    }
    return unless defined $bytes && $bytes =~ /[^\0]/;
    return join '-', unpack 'H8H4H4H4H12', $bytes;
}

sub fsid {
    my ($fd) = @_;
    my $buffer = "\0" x 120;
    return defined call(fstatfs => int $fd, $buffer) ? unpack '@56 H16', $buffer : undef;
}

# The 64-bit mount IDs of a mount namespace: ID of mountinfo to unique ID; empty where the kernel has none.
sub unique_ids {
    my ($namespace) = @_;    # its 64-bit ID, or undef for the caller's
    my ($last, %unique) = (0);
    while (1) {
        my $ids = "\0" x (8 * 512);
        my $ask = pack 'LLQQQ', 32, 0, ~0, $last, $namespace // 0;
        my $count = call(listmount => $ask, $ids, 512, 0) // last;
        for my $id (unpack "Q$count", $ids) {
            my $buffer = "\0" x 4096;
            my $one = pack 'LLQQQ', 32, 0, $id, 2, $namespace // 0;    # STATMOUNT_MNT_BASIC
            defined call(statmount => $one, $buffer, 4096, 0) or next;
            $unique{ unpack '@56 L', $buffer } = $id;
            $last = $id;
        }
        last if $count < 512;
    }
    return \%unique;
}

sub namespace_id { my $b = ioctl_read($_[0], 0x8008b705, 8) // return; return unpack 'Q', $b }    # NS_GET_MNTNS_ID

# --- the mount API ---

sub fsopen { my ($type) = @_; my $copy = "$type"; return call(fsopen => $copy, 1) }

sub fsconfig {
    my ($fs, $command, $key, $value, $aux) = @_;
    my $name = defined $key ? "$key" : 0;
    my $data = defined $value ? "$value" : 0;
    return call(fsconfig => int $fs, int $command, $name, $data, int($aux // 0));
}

sub fsmount { my ($fs) = @_; return call(fsmount => int $fs, 1, 0) }

# A detached clone of the one mount that $fd lies on, with $fd's directory as its root.
sub clone_tree {
    my ($fd) = @_;
    my $empty = '';
    return call(open_tree => int $fd, $empty, 1 | O_CLOEXEC | AT_EMPTY_PATH);
}

sub move_mount {
    my ($from, $to) = @_;
    my ($a, $b) = ('', '');
    return call(move_mount => int $from, $a, int $to, $b, 0x4 | 0x40);    # both by descriptor
}

# MOVE_MOUNT_SET_GROUP: a private mount gets the peer group and the master of another one.
sub share_like {
    my ($from, $to) = @_;
    my ($a, $b) = ('', '');
    return call(move_mount => int $from, $a, int $to, $b, 0x4 | 0x40 | 0x100);
}

sub set_attributes {
    my ($fd, $set, $clear, $propagation, $user) = @_;
    my ($empty, $what) = ('', pack 'Q4', $set, $clear, $propagation, $user // 0);
    return call(mount_setattr => int $fd, $empty, AT_EMPTY_PATH, $what, 32);
}

sub setns { my ($fd, $kind) = @_; return call(setns => int $fd, int($kind // CLONE_NEWNS)) }

# A descriptor of another process, a child of this one.
sub descriptor_of {
    my ($process, $number) = @_;
    my $pidfd = call(pidfd_open => int $process, 0) // return;
    my $fd = call(pidfd_getfd => $pidfd, int $number, 0);
    close_fd($pidfd);
    return $fd;
}

# A new user namespace with these maps, lines of uid_map and gid_map. A child lives in it until it is held.
sub user_namespace {
    my (@maps) = @_;
    pipe my $ready, my $say or return;
    pipe my $wait,  my $go  or return;
    my $child = fork // return;
    if (!$child) {
        close $go;
        syswrite $say, '.' if defined call(unshare => CLONE_NEWUSER);
        sysread $wait, my $nothing, 1;
        POSIX::_exit(0);
    }
    close $_ for $say, $wait;
    my $made = sysread $ready, my $byte, 1;
    for my $file (qw(uid_map gid_map)) {
        $made &&= open my $map, '>', "/proc/$child/$file";
        $made &&= defined syswrite $map, shift @maps;
    }
    my $fd = $made ? openat2(AT_FDCWD, "/proc/$child/ns/user", O_RDONLY, 0) : undef;
    my $errno = $! + 0;
    close $go;
    waitpid $child, 0;
    $! = $errno;
    return $fd;
}

sub unshare_mounts {
    defined call(unshare => CLONE_NEWNS) or return;
    my ($none, $root) = ('none', '/');
    return call(mount => $none, $root, 0, MS_REC | MS_PRIVATE, 0);
}

# Undo a mount that this program made. Its descriptor names it; its path might name another by now.
sub unmount {
    my ($fd) = @_;
    my $dot = '.';
    call(umount2 => $dot, MNT_DETACH) if defined call(fchdir => int $fd);
    chdir '/';
}

sub remove {
    my ($dir, $name, $is_dir) = @_;
    my $copy = "$name";
    return call(unlinkat => int $dir, $copy, $is_dir ? 0x200 : 0);
}

# Is this directory upper or work of an overlay? The probe of annex A.6, which leaves no trace: it asks for an overlay
# with this upper and a work directory on another file system, which the kernel can't but refuse: EBUSY where the
# directory is in use, EINVAL otherwise. 1, 0, or undef where the answer is another.
my $scratch;
sub in_use {
    my ($dir) = @_;
    $scratch //= do {
        my $fs = fsopen('tmpfs') // return;
        my $root = defined fsconfig($fs, CREATE) ? fsmount($fs) : undef;
        close_fd($fs);
        $root // return;
    };
    my $fs = fsopen('overlay') // return;
    my $ready = defined fsconfig($fs, SET_STRING, 'index', 'on');
    for ([upperdir => $dir], [workdir => $scratch], ['lowerdir+' => $scratch]) {
        $ready &&= defined fsconfig($fs, SET_FD, $_->[0], undef, $_->[1]);
    }
    my $error = $ready && !defined fsconfig($fs, CREATE) ? $! + 0 : 0;
    close_fd($fs);
    return $error == EBUSY ? 1 : $error == EINVAL ? 0 : undef;
}

1;
