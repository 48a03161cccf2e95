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

# new: image, same_boot, accept (a set), spaces (see below), maps (a list of [fs, sub, directory]).
# A space is a mount namespace to search in: {table, root}. With --pid there are two, that of the process first.
sub new {
    my ($class, %self) = @_;
    for my $name (qw(filesystems mounts)) {
        $self{$name} = { map { $_->{id} => $_ } @{ $self{image}{$name} } };
    }
    my $self = bless { %self, accepted => [], roots => {} }, $class;
    $self->{maps} = [map { $self->map_entry(@$_) } @{ $self{maps} }];
    return $self;
}

sub map_entry {
    my ($self, $id, $sub, $dir) = @_;
    refuse('not-found', 'no-such-filesystem', "the image has no file system $id", $id) unless $self->{filesystems}{$id};
    my $fd = OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, $dir, OVSI::Kernel::O_PATH | Fcntl::O_DIRECTORY(), 0)
        // refuse('not-found', 'source-missing', "--map leads nowhere: $!", $dir);
    return { id => $id, sub => $sub, dir => $dir, fd => $fd };
}

# find(source, what, beside): {fd, mount, space}. beside: the upper, for the work directory that has to lie on the same
# mount; or the work directory, for the upper.
sub find {
    my ($self, $source, $what, $beside) = @_;
    refuse('unsupported', 'unsupported-kernel', "$what: this program has no ID-mapped layers", $what)
        if $source->{idmap};
    return $self->proved($source, $what, $beside) if $source->{assurance} eq 'proved';
    # OVSI-REST-003 and -005; any other word is `none` (OVSI-IMG-036)
    refuse('unproved', 'source-unproved', "$what is not proved", $what) unless $self->{accept}{unproved};
    my $candidate = $source->{candidate}
        // refuse('unproved', 'no-candidate', "$what has no candidate", $what);
    return $self->candidate($source, $candidate, $what);
}

sub accept {
    my ($self, $word, $what, $detail) = @_;
    $detail =~ s/[\x80-\xff]/?/g unless is_utf8(\$detail);
    push @{ $self->{accepted} }, { what => $word, subject => $what, detail => $detail };    # OVSI-REST-028
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

sub taken {
    my ($self, $found, $what) = @_;
    $self->accept('changed-identity', $what, $found->{accepted}) if defined $found->{accepted};
    return $found;
}

# The path of a source inside its file system: `path`, or what its location says.
sub inner_path {
    my ($self, $source) = @_;
    return to_bytes($source->{path}) if defined $source->{path};
    my $place = $source->{location} // return;
    my $mount = $self->{mounts}{ $place->{mount} // '' } // return;
    return join_path(to_bytes($mount->{root}), to_bytes($place->{path}));
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
    my $space = $self->{spaces}[-1];    # the caller's
    return { fd => $fd, space => $space, mount => mount_at($space, $fd) // missing($what, 'its mount is not known') };
}

sub mount_at {
    my ($space, $fd) = @_;
    my $stat = OVSI::Kernel::statx($fd) // return;
    my ($mount) = grep { $_->{id} == $stat->{mount} } @{ $space->{table} };
    return $mount;
}

sub proved {
    my ($self, $source, $what, $beside) = @_;
    my $fs   = $self->{filesystems}{ $source->{identity}{filesystem} };
    my $path = $self->inner_path($source);
    if (my $map = $self->mapped($fs->{id}, $path)) {    # OVSI-REST-009
        my $found = $self->through_map($map, $path, $what);
        return $self->taken($self->confirm($source, $fs, $found, $what, 1), $what);
    }
    refuse('identity', 'identity-changed', "$what: a directory on $fs->{type} can not be confirmed now", $what)
        if !row($fs->{type}, $self->{same_boot}) && !$self->{accept}{'changed-identity'};
    $self->still_mounted($fs, $what);
    my @mounts = $self->mounts_of($fs, $source, $beside)
        or refuse('not-found', 'filesystem-missing', "$what: its file system is mounted nowhere here", $what);
    my $other;
    for my $open (sub { $self->by_path($_[0], $path) }, sub { $self->by_handle($_[0], $source) }) {
        for my $mount (@mounts) {
            my $fd = $open->($mount) // next;
            my $found = eval { $self->confirm($source, $fs, { fd => $fd, %$mount }, $what, 0) };
            return $self->taken($found, $what) if $found;
            die $@ unless ref $@ eq 'OVSI::Error';
            $other = $@;
            OVSI::Kernel::close_fd($fd);
        }
    }
    die $other if $other;
    missing($what, 'no directory of its file system is it any more');    # OVSI-REST-007
}

# OVSI-ID-010: the device number of a squashfs or overlay says something only while one of its mounts is still there.
sub still_mounted {
    my ($self, $fs, $what) = @_;
    return unless $self->{same_boot} && $fs->{type} =~ /^(?:squashfs|overlay)$/;
    for my $was (grep { $_->{filesystem} eq $fs->{id} } values %{ $self->{mounts} }) {
        for my $is (map { @{ $_->{table} } } @{ $self->{spaces} }) {
            my $unique = $self->{unique}{ $is->{id} };
            return if defined $was->{uniqueId} && defined $unique && $was->{uniqueId} eq $unique;
            return if !defined $unique && ${ $was->{mountId} } == $is->{id} && to_bytes($was->{root}) eq $is->{root}
                && to_bytes($was->{mountPoint}) eq $is->{point};
        }
    }
    refuse('identity', 'identity-changed', "$what: no mount of its $fs->{type} is left", $what);
}

# The mounts of a file system, the likeliest first: {mount, space, root}. Of an upper and its work directory those first
# that both are below. ID-mapped mounts would change what the layer shows.
sub mounts_of {
    my ($self, $fs, $source, $beside) = @_;
    my $at = $source->{location} ? $self->{mounts}{ $source->{location}{mount} // '' } : undef;
    my $point = $at ? to_bytes($at->{mountPoint}) : '';
    my $other = $beside && !$beside->{fd} ? $self->inner_path($beside) : undef;
    my @found;
    for my $space (@{ $self->{spaces} }) {
        for my $mount (@{ $space->{table} }) {
            next if $mount->{type} ne $fs->{type} || grep { $_ eq 'idmapped' } @{ $mount->{attributes} };
            next if $self->{same_boot} && $mount->{device} ne $fs->{device};
            my $root = $self->root_of($space, $mount) // next;
            my $known = $self->{same_boot} || defined $fs->{uuid};
            next unless $known && ($self->{same_boot} || $fs->{uuid} eq ($self->uuid_of($mount, $root) // ''));
            my $rank = 0;
            $rank -= 8 if $beside && $beside->{fd} && $beside->{mount}{id} == $mount->{id};
            $rank -= 4 if defined $other && defined below($mount->{root}, $other);
            $rank -= 2 if $beside && $mount->{attributes}[0] eq 'rw';
            $rank -= 1 if $mount->{point} eq $point;
            push @found, { mount => $mount, space => $space, root => $root, rank => $rank };
        }
    }
    return sort { $a->{rank} <=> $b->{rank} } @found;
}

# The root of a mount, where a path leads to it.
sub root_of {
    my ($self, $space, $mount) = @_;
    my $key = "$space $mount->{id}";
    return $self->{roots}{$key} if exists $self->{roots}{$key};
    my $fd = OVSI::Kernel::open_in_root($space->{root}, $mount->{point});
    if (defined $fd) {
        my $stat = OVSI::Kernel::statx($fd);
        if (!$stat || $stat->{mount} != $mount->{id}) { OVSI::Kernel::close_fd($fd); undef $fd }
    }
    return $self->{roots}{$key} = $fd;
}

sub uuid_of {
    my ($self, $mount, $root) = @_;
    return $self->{uuids}{ $mount->{device} } //= do {
        my $readable = OVSI::Kernel::readable($root) // return;
        my $uuid = OVSI::Kernel::uuid($readable, $mount->{type});
        OVSI::Kernel::close_fd($readable);
        $uuid // '';
    };
}

sub by_path {
    my ($self, $at, $path) = @_;
    my $rest = defined $path ? below($at->{mount}{root}, $path) : undef;
    return unless defined $rest;
    my $fd = OVSI::Kernel::open_below($at->{root}, $rest);
    return $fd if defined $fd;
    # Hidden below another mount: a clone of this mount alone has nothing on top (OVSI-REST-006).
    my $clone = OVSI::Kernel::clone_tree($at->{root}) // return;
    $fd = OVSI::Kernel::open_below($clone, $rest);
    if (defined $fd) { push @{ $self->{kept} }, $clone }    # closed, the clone would be unmounted
    else             { OVSI::Kernel::close_fd($clone) }
    return $fd;
}

# A directory that was renamed keeps its handle. It is below this mount where going its path leads to it again.
sub by_handle {
    my ($self, $at, $source) = @_;
    my $handle = $source->{identity}{handle} or return;
    my $anchor = OVSI::Kernel::readable($at->{root}) // return;
    my $fd = OVSI::Kernel::open_by_handle($anchor, ${ $handle->{type} }, $handle->{bytes});
    OVSI::Kernel::close_fd($anchor);
    return unless defined $fd;
    my ($root, $path) = map { readlink "/proc/self/fd/$_" } $at->{root}, $fd;
    OVSI::Kernel::close_fd($fd);
    my $rest = below($root, $path) // return;
    return OVSI::Kernel::open_below($at->{root}, $rest);
}

# OVSI-REST-004: below the mount point that the candidate's mount has in the image, where that file system is mounted.
sub candidate {
    my ($self, $source, $candidate, $what) = @_;
    my $was = $self->{mounts}{ $candidate->{mount} // '' }
        // missing($what, 'its candidate is held by a process; this program follows none');
    my $fs   = $self->{filesystems}{ $was->{filesystem} };
    my $path = join_path(to_bytes($was->{root}), to_bytes($candidate->{path}));
    my ($found, $map) = (undef, $self->mapped($fs->{id}, $path));
    if ($map) { $found = $self->through_map($map, $path, $what) }
    else {
        my $other = '';
        for my $space (@{ $self->{spaces} }) {
            my $root = OVSI::Kernel::open_in_root($space->{root}, to_bytes($was->{mountPoint})) // next;
            my $mount = mount_at($space, $root) // next;
            next if $mount->{point} ne to_bytes($was->{mountPoint});
            next if $mount->{type} ne $fs->{type} || $self->{same_boot} && $mount->{device} ne $fs->{device};
            next if !$self->{same_boot} && !$self->same_filesystem($fs, $mount, $root, $what);
            my $rest = below($mount->{root}, $path) // next;
            my $fd = OVSI::Kernel::open_below($root, $rest) // next;
            $found = { fd => $fd, mount => $mount, space => $space };
            last;
        }
        missing($what, 'its candidate is not there') unless $found;
    }
    my $identity = $source->{identity};
    $self->confirm($source, $self->{filesystems}{ $identity->{filesystem} }, $found, $what, $map) if $identity;
    $self->accept('unproved', $what, 'the candidate ' . $path . ' was used' . ($map ? " below $map->{dir}" : ''));
    return $self->taken($found, $what);
}

# On another boot a file system is told by its UUID; one without can be taken only where that was accepted.
sub same_filesystem {
    my ($self, $fs, $mount, $root, $what) = @_;
    return $fs->{uuid} eq ($self->uuid_of($mount, $root) // '') if defined $fs->{uuid};
    refuse('identity', 'identity-changed', "$what: nothing tells its file system on another boot", $what)
        unless $self->{accept}{'changed-identity'};
    $self->accept('changed-identity', $what, 'its file system was told by its mount point alone');
    return 1;
}

1;
