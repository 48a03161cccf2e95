package OVSI::Restore;
# The restorer (chapter 7): everything is looked for, opened and compared; then built detached; then attached.
use strict;
use warnings;
use Errno qw(EACCES ENOENT EPERM);
use Fcntl qw(O_RDONLY);
use POSIX ();
use OVSI::Build;
use OVSI::Dump;
use OVSI::Error;
use OVSI::Json;
use OVSI::Kernel;
use OVSI::Mounts;
use OVSI::Sources;

# prepare(image, option): option has overlay, target, all, root, pid, maps, accept.
sub prepare {
    my ($class, $image, $option) = @_;
    my $self = bless { %$option, image => $image, done => [] }, $class;
    $self->{mounts}    = { map { $_->{id} => $_ } @{ $image->{mounts} } };
    $self->{same_boot} = $image->{host}{bootId} eq OVSI::Dump::boot_id();
    my @overlays = $self->chosen;
    $self->spaces;
    $self->{sources} = OVSI::Sources->new(
        image => $image, same_boot => $self->{same_boot}, accept => $self->{accept}, spaces => $self->{spaces},
        maps => $self->{maps}, unique => OVSI::Kernel::unique_ids());
    $self->targets(@overlays);
    $self->open_sources($_), $self->mounter($_) for @overlays;
    # From here on nothing is missing; the last checks need the opened directories.
    $self->free($_) for @overlays;
    $_->{context} = OVSI::Build::configure($_->{overlay}, $_->{name}) for @overlays;
    $self->{plan} = \@overlays;
    return $self;
}

# The overlays to build: {overlay, places: [[mount of the image or undef, target]]}
sub chosen {
    my ($self) = @_;
    my @all = @{ $self->{image}{overlays} };
    my @chosen;
    if ($self->{all}) {
        for my $overlay (grep { @{ $_->{mounts} } } @all) {
            my @places = map { my $m = $self->{mounts}{$_}; [$m, to_bytes($m->{mountPoint})] } @{ $overlay->{mounts} };
            push @chosen, { overlay => $overlay, places => \@places };
        }
        refuse('not-found', 'no-overlay', 'no overlay of the image is mounted anywhere', '') unless @chosen;
    }
    else {
        my $id = $self->{overlay};
        refuse('not-found', 'overlay-not-chosen', 'the image holds several overlays', '') if !defined $id && @all > 1;
        my ($overlay) = grep { !defined $id || $_->{id} eq $id } @all
            or refuse('not-found', 'no-such-overlay', "the image holds no overlay $id", $id);
        my $first = $overlay->{mounts}[0];
        my $mount = defined $first ? $self->{mounts}{$first} : undef;
        @chosen = { overlay => $overlay, places => [[$mount, $self->{target}]] };
    }
    for my $one (@chosen) {
        my $source = $one->{places}[0][0] ? $one->{places}[0][0]{source} : undef;
        $one->{name} = defined $source ? to_bytes($source) : 'overlay';
    }
    return @chosen;
}

# The mount namespaces to look in: that of --pid before the caller's, which is always the last.
sub spaces {
    my ($self) = @_;
    my $open = sub {
        OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, $_[0], $_[1], 0)
            // ($! == ENOENT ? refuse('not-found', 'no-such-process', "no process $self->{pid}", $self->{pid})
                : refuse_errno($! + 0, "$_[0] can not be opened", $_[0]));
    };
    my $space = sub {
        my ($process, $root) = @_;
        my $table = read_mounts("/proc/$process/mountinfo") // [];
        refuse('not-found', 'no-such-process', "no process $process", $process) unless @$table;
        return { table => $table, root => $open->($root, OVSI::Kernel::O_PATH) };
    };
    my $own = $space->('self', '/');
    $self->{spaces} = [$own];
    $self->{proc}   = $open->('/proc', OVSI::Kernel::O_PATH);
    $self->{there}  = $own;
    my $pid = $self->{pid} // return;
    refuse('not-found', 'no-such-process', "no process $pid", $pid) unless -d "/proc/$pid";
    $self->{there} = $space->($pid, "/proc/$pid/root");
    my ($theirs, $ours) = map { readlink("/proc/$_/ns/mnt") // '' } $pid, 'self';
    return if $theirs eq $ours;
    $self->{theirs} = $open->("/proc/$pid/ns/mnt", O_RDONLY);
    $self->{ours}   = $open->('/proc/self/ns/mnt', O_RDONLY);
    unshift @{ $self->{spaces} }, $self->{there};
    ($theirs, $ours) = map { readlink("/proc/$_/ns/user") // '' } $pid, 'self';
    @$self{qw(user user_name)} = ($open->("/proc/$pid/ns/user", O_RDONLY), $theirs) if $theirs && $theirs ne $ours;
}

# OVSI-REST-024. Links in a mountPoint of the image stay below --root.
sub target {
    my ($self, $path) = @_;
    my $fd;
    if ($self->{all}) {
        my $base = $self->{base} //= $self->at($self->{root})
            // refuse('target', 'target-missing', "--root can not be opened: $!", $self->{root});
        $fd = OVSI::Kernel::openat2($base, $path, OVSI::Kernel::O_PATH, OVSI::Kernel::IN_ROOT);
        $path = join_path($self->{root}, $path);
    }
    else { $fd = $self->at($path) }
    if (!defined $fd) {
        refuse_errno($! + 0, 'the target can not be opened', $path) if $! == EACCES || $! == EPERM;
        refuse('target', 'target-missing', "the target can not be opened: $!", $path);
    }
    my $stat = OVSI::Kernel::statx($fd) // refuse_errno($! + 0, 'the target can not be looked at', $path);
    refuse('target', 'target-not-a-directory', 'the target is not a directory', $path)
        if ($stat->{mode} & 0170000) != 0040000;
    return ($fd, $path, $stat->{attributes} & 0x2000);    # STATX_ATTR_MOUNT_ROOT
}

sub at {
    my ($self, $path) = @_;
    return OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, $path, OVSI::Kernel::O_PATH, 0) unless defined $self->{pid};
    return OVSI::Kernel::openat2($self->{there}{root}, $path, OVSI::Kernel::O_PATH, OVSI::Kernel::IN_ROOT);
}

# All places, those first that another may lie below. With --all a mount point may lie on a mount that this restore
# makes: that one is looked at when its turn comes.
sub targets {
    my ($self, @overlays) = @_;
    my @places;
    for my $one (@overlays) {
        for my $i (0 .. $#{ $one->{places} }) {
            my ($mount, $path) = @{ $one->{places}[$i] };
            push @places, { one => $one, index => $i, mount => $mount, path => $path };
        }
    }
    @places = sort { length $a->{path} <=> length $b->{path} } @places if $self->{all};
    $self->{order} = \@places;
    my @points;
    for my $path (map { $_->{path} } @places) {
        next if $self->{all} && grep { defined below($_, $path) } @points;
        push @points, $path;
        my ($fd, $shown, $busy) = $self->target($path);
        refuse('target', 'target-busy', 'the target is a mount point already', $shown) if $busy;
        OVSI::Kernel::close_fd($fd);
    }
}

# The word `mounter-differs` of the registry: the superblock would belong to another user namespace.
sub mounter {
    my ($self, $one) = @_;
    my $was = $one->{overlay}{mounter}{userNamespace} // return;
    my $name = $one->{enter} && $self->{user_name} || readlink '/proc/self/ns/user';
    my ($inode) = ($name // '') =~ /(\d+)/ or return;
    my $initial = $inode eq '4026531837';    # PROC_USER_INIT_INO
    my $differs = defined $was->{initial} && ${ $was->{initial} } != $initial
        || $self->{same_boot} && defined $was->{inode} && $was->{inode} ne $inode;
    return unless $differs;
    my $id = $one->{overlay}{id};
    refuse('identity', 'mounter-differs', "$id was mounted in another user namespace", $id)
        unless $self->{accept}{'mounter-differs'};
    $self->{sources}->accept('mounter-differs', $id, "mounted in the user namespace $inode");
}

sub open_sources {
    my ($self, $one) = @_;
    my $overlay = $one->{overlay};
    my ($find, %number) = $self->{sources};
    my @found;
    for my $layer (@{ $overlay->{layers} }) {
        my $role = $layer->{role};
        my $what = $role eq 'upper' ? "$overlay->{id}/upper" : "$overlay->{id}/$role/" . $number{$role}++;
        push @found, $find->find($layer, $what, $role eq 'upper' ? $overlay->{work} : undef);
    }
    push @found, $find->find($overlay->{work}, "$overlay->{id}/work", $found[0]) if $overlay->{work};
    # Descriptors of another mount namespace are not taken as layers; clones of them are (annex A.6).
    my $there = grep { $_->{space} != $self->{spaces}[-1] } @found;
    for my $found (grep { $there && $_->{space} == $self->{spaces}[-1] } @found) {
        $found->{fd} = OVSI::Kernel::clone_tree($found->{fd}) // refuse_errno($! + 0, 'a layer can not be cloned', '');
    }
    $one->{enter} = $there;
    $one->{found} = \@found;
}

sub free {    # OVSI-REST-025 and -031
    my ($self, $one) = @_;
    my $overlay = $one->{overlay};
    return unless $overlay->{work};
    $self->inside($one->{enter}, sub {
        for (['upper', $one->{found}[0]], ['work', $one->{found}[-1]]) {
            my ($role, $found) = @$_;
            refuse('in-use', "$role-in-use", "an overlay uses the $role directory", "$overlay->{id}/$role")
                if OVSI::Kernel::in_use($found->{fd});
        }
    });
    my $incompat = OVSI::Kernel::open_below($one->{found}[-1]{fd}, 'work/incompat') // return;
    my $mark = OVSI::Kernel::open_below($incompat, 'volatile') // return;
    my $what = "$overlay->{id}/work";
    refuse('in-use', 'volatile-leftovers', 'an unfinished volatile mount left its mark', $what)
        unless $self->{accept}{'volatile-leftovers'};
    $self->{sources}->accept('volatile-leftovers', $what, 'work/incompat/volatile was removed');
    $one->{mark} = sub {
        OVSI::Kernel::remove($mark, 'dirty', 0);
        OVSI::Kernel::remove($incompat, 'volatile', 1) // refuse_errno($! + 0, 'the volatile mark stays', $what);
    };
}

# Run in the mount namespace of --pid, where that is another and wanted, and come back.
sub inside {
    my ($self, $wanted, $code) = @_;
    return $code->() unless $wanted && $self->{theirs};
    OVSI::Kernel::setns($self->{theirs}) // refuse_errno($! + 0, 'its namespace can not be entered', $self->{pid});
    my @result = eval { $code->() };
    my $error = $@;
    my ($dot, $root) = ('.', $self->{spaces}[-1]{root});
    OVSI::Kernel::setns($self->{ours}) // die "no way back: $!\n";
    # Entering a namespace moves the root directory too.
    OVSI::Kernel::call(chroot => $dot) if defined OVSI::Kernel::call(fchdir => $root);
    die $error if $error;
    return wantarray ? @result : $result[0];
}

# Step 4 and 5: superblocks and detached mounts, all of them before the first is attached.
sub build {
    my ($self) = @_;
    for my $one (@{ $self->{plan} }) {
        my $overlay = $one->{overlay};
        $one->{mark}->() if $one->{mark};
        my $as_root = $one->{enter} && $self->{user};
        my $made = $as_root && OVSI::Build::as_root_of($self->{user}, $self->{theirs}, sub {
            my $context = OVSI::Build::configure($overlay, $one->{name});
            return OVSI::Build::create($overlay, $one->{name}, $context, $one->{found});
        });
        $self->inside($one->{enter}, sub {
            my $top = $as_root ? $made : OVSI::Build::create($overlay, @$one{qw(name context found)});
            my $shown = OVSI::Build::shown($top, $self->{proc});
            if (defined $shown) { OVSI::Build::verify($overlay, $shown) }
            else                { warn "this kernel does not let a detached mount be looked at\n" }
            # Clones first: an unbindable mount has none.
            my @later = reverse 1 .. $#{ $one->{places} };
            for my $i (@later, 0) {
                my $fd = OVSI::Build::mount_for($top, $one->{places}[$i][0], $i == 0);
                $one->{ready}[$i] = { fd => $fd, id => OVSI::Kernel::statx($fd)->{mount} };
            }
        });
    }
}

# Step 6: each mount in one step. What was attached is undone where a later one fails.
sub commit {
    my ($self) = @_;
    $self->inside(1, sub {
        for my $place (@{ $self->{order} }) {
            my $fd = $place->{one}{ready}[$place->{index}]{fd};
            my ($to, $shown) = $self->target($place->{path});
            OVSI::Kernel::move_mount($fd, $to) // refuse_errno($! + 0, 'the mount was not attached', $shown);
            push @{ $self->{done} }, $fd;
            # Below a shared mount the kernel makes the new mount shared as well.
            my $propagation = OVSI::Build::propagation($place->{mount});
            OVSI::Kernel::set_attributes($fd, 0, 0, $propagation) if $propagation != OVSI::Build::MS_SHARED;
            OVSI::Kernel::close_fd($to);
        }
    });
}

sub undo {
    my ($self) = @_;
    my @done = reverse @{ $self->{done} };
    $self->inside(1, sub { OVSI::Kernel::unmount($_) for @done }) if @done;
}

sub result {
    my ($self) = @_;
    my @overlays;
    for my $place (@{ $self->{order} }) {
        my $path = $self->{all} ? join_path($self->{root}, $place->{path}) : $place->{path};
        push @overlays, {
            id => $place->{one}{overlay}{id}, mountPoint => to_value($path),
            mountId => number($place->{one}{ready}[$place->{index}]{id}), setup => 'descriptor',
        };
    }
    return {
        format => 'overlay-source-result', version => '1.0', overlays => \@overlays,
        accepted => $self->{sources}{accepted},
    };
}

1;
