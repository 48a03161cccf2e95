package OVSI::Candidates;
# Where the sources of an overlay may be (section 6.2). This dumper reads names; a name proves nothing (OVSI-DUMP-007),
# so all that comes out of here is a candidate, and only where nothing speaks against it (OVSI-DUMP-008).
use strict;
use warnings;
use OVSI::Image qw(plain_path);
use OVSI::Kernel;
use OVSI::Mounts;

# new(mounts, root): the mount table and root directory of the dumped process; cwd: its working directory; own: true
# where its mount namespace is the caller's.
sub new {
    my ($class, %self) = @_;
    $self{by_id}{ $_->{id} } = $_ for @{ $self{mounts} };
    $self{prefix} = defined $self{root} ? readlink("/proc/self/fd/$self{root}") // '/' : '/';
    return bless \%self, $class;
}

# find(overlay, sources): adds to each source a `place` or a `reason`, and `assurance`.
sub find {
    my ($self, $overlay, $sources, $fsid) = @_;
    my $context = { device => $overlay->{device}, fsid => $fsid };
    my (@absolute, @relative);
    for my $source (@$sources) {
        $source->{assurance} = 'none';
        if (!defined $self->{root}) { $source->{reason} = 'the root directory of the process can not be looked into' }
        elsif (!length $source->{names}[0]) { $source->{reason} = 'the kernel shows an empty name' }
        elsif ($source->{names}[0] =~ m{\A/}) { push @absolute, $source }
        else { push @relative, $source }
    }
    for my $source (@absolute) {
        my @found = map { $self->look($context, $source, $_) // () } @{ $source->{names} };
        if (@found == 1) { take($source, $found[0]) }
        elsif (@found) { $source->{reason} = 'the name can be read in two ways, and both name a directory' }
        else { $source->{reason} = 'no directory that could be the source has the name' }
    }
    $self->relative($context, \@absolute, \@relative) if @relative;
    $self->overlaps($sources);
}

sub take {
    my ($source, $place) = @_;
    @$source{qw(place assurance)} = ($place, $place->{in_use} ? 'consistent' : 'none');
    $source->{reason} = $place->{in_use}
        ? 'a directory of that name is in use by an overlay, and another might have been meant'
        : 'a directory has that name, and nothing shows that it is the one';
}

# look(name): the place that a name leads to, unless something speaks against it.
sub look {
    my ($self, $context, $source, $name, $base) = @_;
    my $path = defined $base ? join_path($base, "/$name") : $name;
    my $fd = OVSI::Kernel::open_in_root($self->{root}, $path) // return;
    my $place = $self->place($fd);
    if ($place) {
        my $mount = $place->{mount};
        # The overlay itself, where it was mounted over its own lower, is not a layer of itself.
        undef $place if $mount->{type} eq 'overlay' && $mount->{device} eq $context->{device};
        my $writable = $source->{role} =~ /^(?:upper|work)$/;
        undef $place if $place && $writable && !$self->serves($context, $source, $place, $fd);
    }
    OVSI::Kernel::close_fd($fd);
    return $place;
}

# Evidence about an upper or work directory. The kernel marks both as in use; the probe that asks it leaves no trace
# (annex A.6), and takes directories of the caller's mount namespace only. In a user namespace the overlay shows the
# f_fsid of its upper's file system (annex A.4).
sub serves {
    my ($self, $context, $source, $place, $fd) = @_;
    if (defined $context->{fsid}) {
        my $readable = OVSI::Kernel::readable($fd);
        my $fsid = defined $readable ? OVSI::Kernel::fsid($readable) : undef;
        OVSI::Kernel::close_fd($readable);
        return 0 if defined $fsid && $fsid ne $context->{fsid};
    }
    my $in_use = $self->{own} ? OVSI::Kernel::in_use($fd) : undef;
    return 0 if defined $in_use && !$in_use;
    $place->{in_use} = $in_use;
    return 1;
}

# The path by which the process sees what a descriptor leads to, as the kernel puts it.
sub path_of {
    my ($self, $fd) = @_;
    return below($self->{prefix}, readlink("/proc/self/fd/$fd") // return);
}

# The mount of the table that a descriptor lies on, and the path below its root. Found by the kernel's own path, and
# checked by going it.
sub place {
    my ($self, $fd) = @_;
    my $mount = $self->{by_id}{ OVSI::Kernel::mount_of($fd) // '' } or return;
    return unless plain_path($mount->{root});
    my $rest = below($mount->{point}, $self->path_of($fd) // return) // return;
    my $again = OVSI::Kernel::open_in_root($self->{root}, $mount->{point}) // return;
    my $same = (OVSI::Kernel::mount_of($again) // '') eq $mount->{id};
    my $there = $same ? OVSI::Kernel::open_below($again, $rest) : undef;
    OVSI::Kernel::close_fd($_) for $again, $there;
    return unless defined $there && plain_path($rest);
    return { mount => $mount, path => $rest, full => join_path($mount->{root}, $rest) };
}

# Relative names: below which directory? It is one below which all of them are found; where several fit, and lead to
# different directories, none is stated (section 6.2).
sub relative {
    my ($self, $context, $absolute, $relative) = @_;
    my (%tried, %fits);
    for my $base (grep { !$tried{$_}++ } $self->bases(map { $_->{names}[0] } @$absolute)) {
        my @places;
        for my $source (@$relative) {
            my ($place) = map { $self->look($context, $source, $_, $base) // () } @{ $source->{names} };
            last unless $place;
            push @places, $place;
        }
        $fits{ join "\0", map { "$_->{mount}{device} $_->{full}" } @places } //= \@places if @places == @$relative;
    }
    my @fits = values %fits;
    for my $i (0 .. $#$relative) {
        if (@fits == 1) { take($relative->[$i], $fits[0][$i]); next }
        $relative->[$i]{reason} = @fits
            ? 'a relative name, and it fits below several directories'
            : 'a relative name, and nothing tells below which directory';
    }
}

sub bases {
    my ($self, @names) = @_;
    my @bases;
    for my $name (@names) { push @bases, $name while $name =~ s{/[^/]*\z}{} && length $name }
    push @bases, '/', map { $_->{point} } grep { $_->{type} ne 'overlay' } @{ $self->{mounts} };
    if (defined $self->{cwd}) {
        my $place = $self->place($self->{cwd});
        push @bases, join_path($place->{mount}{point}, $place->{path}) if $place;
    }
    return @bases;
}

# The kernel refuses one directory as two layers, or one below another, and upper and work on two mounts (annex A.6).
# So such candidates can't all be right, and none of them is stated.
sub overlaps {
    my ($self, $sources) = @_;
    my %taken;
    push @{ $taken{"$_->{place}{mount}{device} $_->{place}{full}"} }, $_ for grep { $_->{place} } @$sources;
    my %wrong;
    for my $key (keys %taken) {
        $wrong{$key} = 1 if @{ $taken{$key} } > 1;
        my $above = $key;
        while ($above =~ s{/[^/]*\z}{}) {
            my $at = $above =~ m{ \z} || $above !~ m{/} ? "$above/" : $above;
            @wrong{ $key, $at } = (1, 1) if $at ne $key && $taken{$at};
            last if $at ne $above;
        }
    }
    my ($upper, $work) = map { my $role = $_; grep { $_->{role} eq $role && $_->{place} } @$sources } qw(upper work);
    my @apart = $upper && $work ? ($upper, $work) : ();
    @apart = () if @apart && $upper->{place}{mount}{device} eq $work->{place}{mount}{device};
    for my $source (@apart, map { @{ $taken{$_} } } keys %wrong) {
        delete $source->{place};
        $source->{assurance} = 'none';
        $source->{reason} = 'the directory of that name can not be this source beside the others';
    }
}

1;
