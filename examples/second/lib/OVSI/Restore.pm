package OVSI::Restore;
# The restorer (chapter 7): everything is looked for, opened and compared; then built detached; then attached.
use strict;
use warnings;
use Errno qw(EACCES EINVAL EPERM);
use Fcntl qw(O_RDONLY S_ISDIR);
use OVSI::Build;
use OVSI::Dump;
use OVSI::Error;
use OVSI::Image qw(sources);
use OVSI::Json;
use OVSI::Kernel;
use OVSI::Mounts;
use OVSI::Sources;
use OVSI::Space;

# prepare(image, option): option has overlay, target, all, root, pid, maps, accept.
sub prepare {
    my ($class, $image, $option) = @_;
    my $self = bless { %$option, image => $image, done => [] }, $class;
    $self->{mounts}    = { map { $_->{id} => $_ } @{ $image->{mounts} } };
    $self->{same_boot} = $image->{host}{bootId} eq OVSI::Dump::boot_id();
    my @overlays = $self->chosen;
    for my $one (@overlays) { OVSI::Build::attributes($_->[0]) for @{ $one->{places} } }
    $self->spaces;
    $self->map_directories;
    $self->{sources} = OVSI::Sources->new(
        image => $image, same_boot => $self->{same_boot}, accept => $self->{accept}, spaces => $self->{spaces},
        maps => $self->{maps});
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

# Where to build and mount, and where to look besides (section 7.3): the namespace of --pid or the caller's, then those
# that the image names, and the caller's.
sub spaces {
    my ($self) = @_;
    my $home = OVSI::Space::home();
    $self->{proc}  = OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, '/proc', OVSI::Kernel::O_PATH, 0);
    $self->{there} = defined $self->{pid} ? OVSI::Space->new($self->{pid}) : $home;
    my $first = $self->{there}{inode} eq $home->{inode} ? $home : $self->{there};
    my %known = map { $_->{inode} => 1 } $first, $home;
    my @named = map { $_->{namespace} // () } $self->{image}, @{ $self->{image}{mounts} };
    @named = grep { !$known{ $_->{inode} }++ } @named;
    @named = () unless $self->{same_boot};
    $self->{spaces} = [$first, map({ OVSI::Space->named($_) // () } @named), $first == $home ? () : $home];
}

sub map_directories {
    my ($self) = @_;
    for my $map (@{ $self->{maps} }) {
        $map->{fd} = $self->at($map->{dir}) // refuse('not-found', 'source-missing', "--map leads nowhere: $!", $map->{dir});
    }
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
        unless S_ISDIR($stat->{mode});
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
    if ($self->{all}) {    # inner overlays first, then by path (section 8.4)
        my %inner = map { $_->{identity} ? ($_->{identity}{filesystem} => 1) : () }
            map { sources($_->{overlay}) } @overlays;
        $_->{outer} = !$inner{ $_->{one}{overlay}{filesystem} } for @places;
        @places = sort { $a->{outer} <=> $b->{outer} || length $a->{path} <=> length $b->{path} } @places;
    }
    $self->{order} = \@places;
    my @points;
    my %twice;
    for my $path (map { $_->{path} } @places) {
        refuse('target', 'target-busy', 'two mounts of the image have this mount point', $path) if $twice{$path}++;
        next if $self->{all} && grep { defined below($_, $path) } @points;
        push @points, $path;
        my ($fd, $shown, $busy) = $self->target($path);
        refuse('target', 'target-busy', 'the target is a mount point already', $shown) if $busy;
        OVSI::Kernel::close_fd($fd);
    }
}

# OVSI-REST-032 and -033: in whose user namespace the overlay is made.
sub mounter {
    my ($self, $one) = @_;
    my $was = ($one->{overlay}{mounter} // {})->{userNamespace} // return;
    my $here = user_namespace('self');
    return unless $self->is_other($was, $here);
    my $there = defined $self->{pid} ? user_namespace($self->{pid}) : $here;
    if ($there->{inode} ne $here->{inode} && !$self->is_other($was, $there)) {
        $one->{user} = OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, "/proc/$self->{pid}/ns/user", O_RDONLY, 0)
            // refuse_errno($! + 0, 'its user namespace is out of reach', $self->{pid});
        return;
    }
    my $id = $one->{overlay}{id};
    refuse('identity', 'mounter-differs', "$id was mounted in another user namespace", $id)
        unless $self->{accept}{'mounter-differs'};
    $self->{sources}->accept('mounter-differs', $id, "mounted in the user namespace $here->{inode}");
}

sub user_namespace {
    my ($process) = @_;
    my ($inode) = (readlink("/proc/$process/ns/user") // '') =~ /(\d+)/;
    my %is = (inode => $inode // '', initial => ($inode // '') eq '4026531837');    # PROC_USER_INIT_INO
    for my $map (qw(uid gid)) {
        open my $in, '<', "/proc/$process/${map}_map" or next;
        $is{"${map}Map"} = join "\n", map { join ' ', split } <$in>;
    }
    return \%is;
}

sub is_other {
    my ($self, $was, $is) = @_;
    return 1 if defined $was->{initial} && ${ $was->{initial} } != $is->{initial};
    return 0 if $is->{initial} || $self->{same_boot} && ($was->{inode} // '') eq $is->{inode};
    for my $map (grep { $was->{$_} } qw(uidMap gidMap)) {
        my $text = join "\n", map { join ' ', map { $$_ } @$_{qw(inside outside count)} } @{ $was->{$map} };
        return 1 if $text ne ($is->{$map} // '');
    }
    return 0;
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
    $one->{found} = \@found;
}

sub free {    # OVSI-REST-025 and -031
    my ($self, $one) = @_;
    my $overlay = $one->{overlay};
    return unless $overlay->{work};
    $self->{spaces}[0]->run(sub {
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

# Step 4 and 5: superblocks and detached mounts, all of them before the first is attached.
sub build {
    my ($self) = @_;
    for my $one (@{ $self->{plan} }) {
        my $overlay = $one->{overlay};
        $one->{mark}->() if $one->{mark};
        my $build = $self->{spaces}[0];
        my $made = $one->{user} && OVSI::Build::as_root_of($one->{user}, $build->{ns}, sub {
            my $context = OVSI::Build::configure($overlay, $one->{name});
            return OVSI::Build::create($overlay, $one->{name}, $context, $one->{found});
        });
        $build->run(sub {
            my $top = $made // OVSI::Build::create($overlay, @$one{qw(name context found)});
            my $shown = OVSI::Build::shown($top, $self->{proc});
            if (defined $shown) { OVSI::Build::verify($overlay, $shown, $one->{found}) }
            else                { warn "this kernel does not let a detached mount be looked at\n" }
            my @mounts = map { $_->[0] } @{ $one->{places} };
            $one->{ready} = [map { { %$_, id => OVSI::Kernel::statx($_->{fd})->{mount} } }
                OVSI::Build::mounts_for($top, @mounts)];
        });
    }
}

# Step 6: each mount in one step. What was attached is undone where a later one fails.
sub commit {
    my ($self) = @_;
    $self->{spaces}[0]->run(sub {
        for my $place (@{ $self->{order} }) {
            my ($fd, $propagation) = @{ $place->{one}{ready}[$place->{index}] }{qw(fd propagation)};
            my ($to, $shown, $busy) = $self->target($place->{path});
            refuse('target', 'target-busy', 'the target is a mount point already', $shown) if $busy;
            # Below a shared mount the kernel makes the new mount shared as well, and takes no unbindable one.
            my $twin = $propagation == OVSI::Build::MS_SLAVE ? OVSI::Kernel::clone_tree($fd) : undef;
            my $attached = OVSI::Kernel::move_mount($fd, $to);
            if (!defined $attached && $! == EINVAL && $propagation == OVSI::Build::MS_UNBINDABLE) {
                OVSI::Kernel::set_attributes($fd, 0, 0, OVSI::Build::MS_PRIVATE);
                $attached = OVSI::Kernel::move_mount($fd, $to);
            }
            $attached // refuse_errno($! + 0, 'the mount was not attached', $shown);
            push @{ $self->{done} }, $fd;
            if (defined $twin) { $self->stay_slave($fd, $twin, $shown) }
            elsif ($propagation != OVSI::Build::MS_SHARED) { OVSI::Kernel::set_attributes($fd, 0, 0, $propagation) }
            OVSI::Kernel::close_fd($_) for $to, $twin;
        }
    });
}

# A slave that was attached below a shared mount is shared too by now, maybe with copies of it, and made a slave again it
# might be one of theirs. So it is made what its twin is, which was attached nowhere.
sub stay_slave {
    my ($self, $fd, $twin, $shown) = @_;
    my $table = OVSI::Kernel::openat2($self->{proc}, 'self/mountinfo', O_RDONLY, 0);
    defined $table && open my $lines, '<&=', $table or refuse_errno($! + 0, 'the mount table can not be read', $shown);
    my $id = OVSI::Kernel::statx($fd)->{mount};
    my ($is) = grep { $_->{id} == $id } @{ parse_mounts(join '', <$lines>) };
    return unless $is && $is->{propagation}{peerGroup};
    OVSI::Kernel::set_attributes($fd, 0, 0, OVSI::Build::MS_PRIVATE);
    OVSI::Kernel::share_like($twin, $fd) // refuse_errno($! + 0, 'the mount did not become a slave', $shown);
}

sub undo {
    my ($self) = @_;
    my @done = reverse @{ $self->{done} };
    $self->{spaces}[0]->run(sub { OVSI::Kernel::unmount($_) for @done }) if @done;
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
