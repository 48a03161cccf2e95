package OVSI::Sources;
# Finding and opening the sources of an image (sections 7.2 and 7.3). Each comes back as a descriptor whose directory
# was compared with the image; what is mounted later is that descriptor (OVSI-REST-001).
use strict;
use warnings;
use Fcntl ();
use OVSI::Error;
use OVSI::Identity;
use OVSI::Json;
use OVSI::Kernel;
use OVSI::Mounts;

# new: image, same_boot, accept (a set), spaces (the namespace to build in first, then where else to look), maps (a list
# of {id, sub, dir, fd}).
sub new {
    my ($class, %self) = @_;
    for my $name (qw(filesystems mounts)) {
        $self{$name} = { map { $_->{id} => $_ } @{ $self{image}{$name} } };
    }
    for my $map (@{ $self{maps} }) {
        next if $self{filesystems}{ $map->{id} };
        refuse('not-found', 'no-such-filesystem', "the image has no file system $map->{id}", $map->{id});
    }
    return bless { %self, accepted => [], clones => {} }, $class;
}

# find(source, what, beside): {fd, mount, space}. beside: what was found of the upper, for the work directory that has
# to lie on the same mount; or the work directory of the image, for the upper.
sub find {
    my ($self, $source, $what, $beside) = @_;
    my $proved = $source->{assurance} eq 'proved';    # any other word is `none` (OVSI-IMG-036)
    my $unmapped = exists $source->{idmap} && !defined $source->{idmap} && $what !~ m{/work\z};
    if (!$proved || $unmapped) {                      # OVSI-REST-003 and -005
        my $why = $proved ? "it is not known which ID mapping $what had" : "$what is not proved";
        refuse('unproved', 'source-unproved', $why, $what) unless $self->{accept}{unproved};
        $self->accept('unproved', $what, 'used without an ID mapping') if $proved;
    }
    my $found = $proved ? $self->proved($source, $what, $beside) : $self->candidate($source, $what);
    $self->accept('changed-identity', $what, $found->{accepted}) if defined $found->{accepted};
    $found->{idmap} = $source->{idmap} // (ref $beside && $beside->{fd} ? $beside->{idmap} : undef);
    return $self->settle($found, $what);
}

sub accept {    # OVSI-REST-028
    my ($self, $word, $what, $detail) = @_;
    push @{ $self->{accepted} }, { what => $word, subject => $what, detail => printable($detail) };
}

sub missing { my ($what, $why) = @_; refuse('not-found', 'source-missing', "$what: $why", $what) }

# Compare a descriptor; refused, or done and what was accepted noted.
sub confirm {
    my ($self, $source, $fs, $found, $what, $mapped) = @_;
    my $is = observe($found->{fd}, $found->{mount}) // missing($what, "it can not be looked at: $!");
    missing($what, 'it was removed') unless $is->{nlink};
    $found->{accepted} = compare($source, $fs, $is, {
        same_boot => $self->{same_boot}, accept => $self->{accept}{'changed-identity'}, mapped => $mapped,
        what => $what,
    });
    return $found;
}

# The path of a source inside its file system: `path`, or what its location says. A state that is not known here has no
# location (OVSI-IMG-037).
sub inner_path {
    my ($self, $source) = @_;
    return to_bytes($source->{path}) if defined $source->{path};
    return unless $source->{state} =~ /^(?:located|covered|elsewhere)$/;
    return $self->path_of_place($source->{location});
}

sub path_of_place {
    my ($self, $place) = @_;
    my $mount = $self->{mounts}{ $place->{mount} // '' } // return;
    return defined $mount->{root} ? join_path(to_bytes($mount->{root}), to_bytes($place->{path})) : undef;
}

# OVSI-REST-008: the --map with the longest SUB that the path is below.
sub mapped {
    my ($self, $id, $path) = @_;
    return unless defined $path;
    my @fit = grep { $_->{id} eq $id && defined below($_->{sub}, $path) } @{ $self->{maps} };
    my ($map) = sort { length $b->{sub} <=> length $a->{sub} } @fit;
    return $map;
}

sub through_map {
    my ($self, $map, $path, $what) = @_;
    my $fd = OVSI::Kernel::open_below($map->{fd}, below($map->{sub}, $path))
        // missing($what, "not below $map->{dir}: $!");
    for my $space (@{ $self->{spaces} }) {
        my $mount = $space->mount_at($fd) // next;
        return { fd => $fd, space => $space, mount => $mount };
    }
    missing($what, 'its mount is not known');
}

sub proved {
    my ($self, $source, $what, $beside) = @_;
    my $fs   = $self->{filesystems}{ $source->{identity}{filesystem} };
    my $path = $self->inner_path($source);
    my $map  = $self->mapped($fs->{id}, $path);
    my $gone = $self->gone($fs);
    refuse('identity', 'identity-changed', "$what: no mount of its $fs->{type} is left", $what)
        if $gone && !($map && $self->{accept}{'changed-identity'});
    if ($map) {    # OVSI-REST-009
        my $found = $self->confirm($source, $fs, $self->through_map($map, $path, $what), $what, 1);
        $found->{accepted} //= 'no mount of its file system is left' if $gone;
        return $found;
    }
    refuse('identity', 'identity-changed', "$what: a directory on $fs->{type} can not be confirmed now", $what)
        unless row($fs->{type}, $self->{same_boot}) || !$self->{same_boot} && $self->{accept}{'changed-identity'};
    my @mounts = $self->mounts_of($fs, $source, $beside, $what)
        or refuse('not-found', 'filesystem-missing', "$what: its file system is mounted nowhere here", $what);
    my $other;
    for my $open (sub { $self->by_path($_[0], $path) }, sub { $self->by_handle($_[0], $source) }) {
        for my $mount (@mounts) {
            my $found = $open->($mount) // next;
            return $found if eval { $self->confirm($source, $fs, $found, $what, 0) };
            die $@ unless ref $@ eq 'OVSI::Error';
            $other = $@;
            OVSI::Kernel::close_fd($found->{fd});
        }
    }
    die $other if $other;
    missing($what, 'no directory of its file system is it any more');    # OVSI-REST-007
}

# OVSI-ID-010: the device number of a squashfs or overlay says something only while one of its mounts is still there.
sub gone {
    my ($self, $fs) = @_;
    my $alone = $fs->{type} =~ /^(?:squashfs|overlay)$/ || $fs->{type} eq 'erofs' && !defined $fs->{uuid};
    return 0 unless $self->{same_boot} && $alone;    # nothing but the device number tells which it was
    for my $was (grep { $_->{filesystem} eq $fs->{id} } values %{ $self->{mounts} }) {
        my ($root, $point) = (to_bytes($was->{root} // ''), to_bytes($was->{mountPoint}));
        return 0 if grep { $_->has($was, $root, $point) } @{ $self->{spaces} };
    }
    return 1;
}

# The mounts of a file system, the likeliest first: {mount, space, root}. Of an upper and its work directory those first
# that both are below. ID-mapped mounts would change what the layer shows.
sub mounts_of {
    my ($self, $fs, $source, $beside, $what) = @_;
    my $at    = $source->{location} ? $self->{mounts}{ $source->{location}{mount} // '' } : undef;
    my $point = $at ? to_bytes($at->{mountPoint}) : '';
    my $other = $beside && !$beside->{fd} ? $self->inner_path($beside) : undef;
    my @found;
    for my $space (@{ $self->{spaces} }) {
        my (@here, %devices, %untold);
        for my $mount (@{ $space->{table} }) {
            next if $mount->{type} ne $fs->{type};
            if ($self->{same_boot}) { next if $mount->{device} ne $fs->{device} }
            else {
                next unless defined $fs->{uuid};
                my $uuid = $space->uuid_of($mount);
                $untold{ $mount->{device} } //= 1 unless defined $uuid;    # hidden, or not to be read: it may be a copy
                next unless defined $uuid;
                $untold{ $mount->{device} } = 0;
                next unless $uuid eq $fs->{uuid};
            }
            $devices{ $mount->{device} } = 1;
            my $root = $space->root_of($mount) // next;
            next if grep { $_ eq 'idmapped' } @{ $mount->{attributes} };
            my $rank = 0;
            $rank -= 8 if $beside && $beside->{fd} && $beside->{mount} == $mount;
            $rank -= 4 if defined $other && defined below($mount->{root}, $other);
            $rank -= 2 if $beside && $mount->{attributes}[0] eq 'rw';
            $rank -= 1 if $mount->{point} eq $point;
            push @here, { mount => $mount, space => $space, root => $root, rank => $rank, with => $other,
                detached => $beside && $beside->{fd} && $beside->{detached} && $beside->{mount} == $mount };
        }
        my $copies = row($fs->{type}, 0) ? grep { $_ } values %untold : 0;
        refuse('identity', 'identity-ambiguous', "$what: several file systems bear its UUID", $what)    # OVSI-ID-012
            if !$self->{same_boot} && %devices && keys(%devices) + $copies > 1;
        push @found, sort { $a->{rank} <=> $b->{rank} } @here;
    }
    return @found if @found || $self->{same_boot} || !$at;
    return map { $self->mounted_at($_, $point, $fs->{type}) // () } @{ $self->{spaces} };    # section 7.3
}

# The topmost mount at a mount point, if it is of a type.
sub mounted_at {
    my ($self, $space, $point, $type) = @_;
    my $root  = OVSI::Kernel::open_in_root($space->{root}, $point) // return;
    my $mount = $space->mount_at($root) // return;
    return if $mount->{point} ne $point || $mount->{type} ne $type;
    return { mount => $mount, space => $space, root => $root };
}

# Hidden below another mount it is reached in a clone of its mount alone, which has nothing on top (annex A.6). Upper and
# work have to come from one mount, so both are if one is: `with` is the path of the other.
sub by_path {
    my ($self, $at, $path) = @_;
    my $rest = defined $path ? below($at->{mount}{root}, $path) : undef;
    return unless defined $rest;
    my $with = defined $at->{with} ? below($at->{mount}{root}, $at->{with}) : undef;
    my $hidden = $at->{detached} || defined $with && !can_open($at->{root}, $with);
    my $fd = $hidden ? undef : OVSI::Kernel::open_below($at->{root}, $rest);
    return { %$at, fd => $fd, rest => $rest } if defined $fd;
    my $clone = $self->clone_of($at) // return;
    $fd = OVSI::Kernel::open_below($clone, $rest) // return;
    return { %$at, fd => $fd, rest => $rest, detached => 1 };
}

sub can_open {
    my $fd = OVSI::Kernel::open_below(@_) // return 0;
    OVSI::Kernel::close_fd($fd);
    return 1;
}

# A clone of one mount, kept: closed, it would be unmounted.
sub clone_of {
    my ($self, $at, $idmap) = @_;
    my $key = join ' ', $at->{space}, $at->{mount}{id}, $idmap ? encode_json($idmap) : ();
    return $self->{clones}{$key} if exists $self->{clones}{$key};
    my $clone = $at->{space}->run(sub { OVSI::Kernel::clone_tree($at->{root}) });
    if (defined $clone && $idmap) {
        my @maps = map { join '', map { join(' ', map { $$_ } @$_{qw(inside outside count)}) . "\n" } @{ $idmap->{$_} } }
            qw(uidMap gidMap);
        my $user = OVSI::Kernel::user_namespace(@maps);
        undef $clone unless defined $user && defined OVSI::Kernel::set_attributes($clone, 0x100000, 0, 0, $user);
        OVSI::Kernel::close_fd($user);
    }
    return $self->{clones}{$key} = $clone;
}

# A directory that was renamed keeps its handle. It is below this mount where going its path leads to it again.
sub by_handle {
    my ($self, $at, $source) = @_;
    return if $at->{detached};
    my $handle = $source->{identity}{handle} or return;
    my $anchor = OVSI::Kernel::readable($at->{root}) // return;
    my $fd = OVSI::Kernel::open_by_handle($anchor, ${ $handle->{type} }, $handle->{bytes});
    OVSI::Kernel::close_fd($anchor);
    return unless defined $fd;
    my $rest = rest($at->{root}, $fd);
    OVSI::Kernel::close_fd($fd);
    return unless defined $rest;
    $fd = OVSI::Kernel::open_below($at->{root}, $rest) // return;
    return { %$at, fd => $fd, rest => $rest };
}

# The path from one descriptor to another below it.
sub rest { my ($root, $path) = map { readlink("/proc/self/fd/$_") // return } @_; return below($root, $path) }

# OVSI-REST-004: below the mount point that the candidate's mount has in the image, where that file system is mounted.
sub candidate {
    my ($self, $source, $what) = @_;
    my $candidate = $source->{candidate} // refuse('unproved', 'no-candidate', "$what has no candidate", $what);
    return $self->held($source, $candidate, $what) if $candidate->{process};
    my $was  = $self->{mounts}{ $candidate->{mount} };
    my $fs   = $self->{filesystems}{ $was->{filesystem} };
    my $path = $self->path_of_place($candidate) // missing($what, 'the mount of its candidate has no root any more');
    my ($found, $map) = (undef, $self->mapped($fs->{id}, $path));
    if ($map) { $found = $self->through_map($map, $path, $what) }
    else {
        for my $at (map { $self->mounted_at($_, to_bytes($was->{mountPoint}), $fs->{type}) // () } @{ $self->{spaces} }) {
            next if $self->{same_boot} ? $at->{mount}{device} ne $fs->{device}
                : defined $fs->{uuid} && $fs->{uuid} ne ($at->{space}->uuid_of($at->{mount}) // '');
            $found = $self->by_path($at, $path) and last;
        }
        missing($what, 'its candidate is not there') unless $found;
    }
    return $self->chosen($source, $found, $what, $map, $map ? "$path below $map->{dir}" : $path);
}

# A candidate that a process holds, on the boot of the image only.
sub held {
    my ($self, $source, $candidate, $what) = @_;
    my $process = $candidate->{process};
    my $pid = ${ $process->{pid} };
    open my $in, '<', "/proc/$pid/stat" or missing($what, "there is no process $pid");
    my @stat = split / /, (<$in> // '') =~ s/.*\) //sr;    # from field 3 on
    missing($what, "process $pid is another one") if !$self->{same_boot} || ($stat[19] // '') ne $process->{startTime};
    my $base = OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, "/proc/$pid/$process->{through}", OVSI::Kernel::O_PATH, 0)
        // missing($what, "process $pid holds no such thing: $!");
    my $fd = OVSI::Kernel::open_below($base, to_bytes($candidate->{path})) // missing($what, 'it is not there');
    for my $space (@{ $self->{spaces} }) {
        my $mount = $space->mount_at($fd) // next;
        return $self->chosen($source, { fd => $fd, mount => $mount, space => $space }, $what, 0, "held by process $pid");
    }
    missing($what, 'its candidate is on a mount that is attached nowhere');
}

sub chosen {
    my ($self, $source, $found, $what, $map, $text) = @_;
    my $identity = $source->{identity};
    $self->confirm($source, $self->{filesystems}{ $identity->{filesystem} }, $found, $what, $map) if $identity;
    $self->accept('unproved', $what, "the candidate was used: $text");
    return $found;
}

# The kernel takes layers of the mount namespace in which it builds, and clones. A layer of another namespace, or with an
# ID mapping (OVSI-REST-034), is reached through a clone of its mount: one for all, since upper and work share one.
sub settle {
    my ($self, $found, $what) = @_;
    my ($space, $mount, $idmap) = @$found{qw(space mount idmap)};
    return $found if !$idmap && ($found->{detached} || $space == $self->{spaces}[0]);
    my $root = $found->{root} // $space->root_of($mount) // missing($what, 'its mount is hidden');
    my $rest = $found->{rest} // rest($root, $found->{fd}) // missing($what, 'it was moved');
    my $clone = $self->clone_of({ space => $space, mount => $mount, root => $root }, $idmap)
        // refuse_errno($! + 0, 'its mount can not be cloned' . ($idmap ? ' and its IDs mapped' : ''), $what);
    my $same = OVSI::Kernel::open_below($clone, $rest) // missing($what, 'it was moved');
    my ($is, $was) = map {    # looked up again, so compared again
        my $handle = OVSI::Kernel::handle($_) // { bytes => '' };
        (OVSI::Kernel::statx($_) // missing($what, $!))->{inode} . " $handle->{bytes}";
    } $same, $found->{fd};
    missing($what, 'it was moved') if $is ne $was;
    return { %$found, fd => $same };
}

1;
