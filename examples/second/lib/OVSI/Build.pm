package OVSI::Build;
# Building one overlay from opened sources (steps 4 and 5 of section 7.1): a superblock, and from it detached mounts.
use strict;
use warnings;
use Errno qw(EACCES EBUSY ENAMETOOLONG EPERM ESTALE);
use POSIX ();
use OVSI::Error;
use OVSI::Json;
use OVSI::Kernel;
use OVSI::Mounts;

my %FLAG = map { $_ => 1 } qw(rw ro sync dirsync mand lazytime);
my %ATTRIBUTE = (rw => 0, ro => 1, nosuid => 2, nodev => 4, noexec => 8, relatime => 0, noatime => 0x10,
    nodiratime => 0x80, nosymfollow => 0x200000);
use constant { STRICTATIME => 0x20, ALL_ATTRIBUTES => 0x2000ff };
use constant { MS_UNBINDABLE => 1 << 17, MS_PRIVATE => 1 << 18, MS_SLAVE => 1 << 19, MS_SHARED => 1 << 20 };

# What a kernel without the option behaves by (OVSI-REST-015).
my %NEUTRAL = (verity => 'off', fsync => 'auto', uuid => 'null');
my %ALWAYS_SHOWN = map { $_ => 1 } qw(volatile default_permissions userxattr);    # wherever they are in effect
# Names that give layers or are the mount API's own. As options they would be an injection (OVSI-REST-011, -012).
my %RESERVED = map { $_ => 1 } qw(lowerdir lowerdir+ datadir+ upperdir workdir source);

# configure(overlay, mount source, without): a context with every option set but the one named, and no superblock yet.
# OVSI-REST-014, -018
sub configure {
    my ($overlay, $source, $without) = @_;
    my $fs = OVSI::Kernel::fsopen('overlay') // refuse_errno($! + 0, 'no overlay can be mounted', $overlay->{id});
    OVSI::Kernel::fsconfig($fs, OVSI::Kernel::SET_STRING, 'source', $source) if length $source;
    my $unsupported = sub { refuse('unsupported', 'unsupported-option', $_[1], $_[0]) };
    my @options = map { [$_->{name}, $_->{value}] } @{ $overlay->{options} },
        grep { $_->{name} ne 'seclabel' } @{ $overlay->{securityOptions} // [] };
    for my $flag (grep { $_ ne 'rw' } @{ $overlay->{superblockFlags} }) {
        $unsupported->($flag, "$flag is no flag of a superblock") unless $FLAG{$flag};
        push @options, [$flag, undef];
    }
    for (@options) {
        my ($name, $value) = ($_->[0], defined $_->[1] ? to_bytes($_->[1]) : undef);
        next if defined $without && $name eq $without;
        $unsupported->($name, "$name is no option that an image can ask for") if $RESERVED{$name};
        my $set = defined $value
            ? OVSI::Kernel::fsconfig($fs, OVSI::Kernel::SET_STRING, $name, $value)
            : OVSI::Kernel::fsconfig($fs, OVSI::Kernel::SET_FLAG, $name);
        next if defined $set || defined $value && ($NEUTRAL{$name} // '') eq $value;
        refuse_errno($! + 0, "option $name", $name) if $! == EPERM || $! == EACCES;
        $unsupported->($name, "this kernel does not take the option $name: " . said($fs));
    }
    return $fs;
}

# What the kernel wrote to the context.
sub said {
    my ($fs) = @_;
    my @said = "$!";
    local $!;    # the caller's errno stays
    open my $log, '<&', $fs or return "@said";
    while (sysread $log, my $line, 4096) { chomp $line; push @said, $line =~ s/^[ewi] //r }
    return join '; ', @said;
}

# create(overlay, mount source, context, sources): the superblock, and its root as a detached mount.
sub create {
    my ($overlay, $source, $fs, $found) = @_;
    my %key = (upper => 'upperdir', lower => 'lowerdir+', data => 'datadir+');
    my @keys = ((map { $key{ $_->{role} } } @{ $overlay->{layers} }), 'workdir');
    my $give = sub {
        for my $i (0 .. $#$found) {    # OVSI-REST-011 is met since no name is passed at all
            next if defined OVSI::Kernel::fsconfig($fs, OVSI::Kernel::SET_FD, $keys[$i], undef, $found->[$i]{fd});
            next if $! == ENAMETOOLONG && standing_in($fs, $keys[$i], $found->[$i]{fd});
            failed($overlay, "$keys[$i] was not taken: " . said($fs));
        }
        return defined OVSI::Kernel::fsconfig($fs, OVSI::Kernel::CREATE);
    };
    my $made = $give->();
    if (!$made && $! == EPERM && !$overlay->{work}) {
        # In a user namespace an overlay without an upper shows redirect_dir=on, and the kernel does not take that as an
        # option there. Left out it comes by itself; verify() looks whether it did.
        OVSI::Kernel::close_fd($fs);
        $fs = configure($overlay, $source, 'redirect_dir');
        $made = $give->();
    }
    failed($overlay, 'the kernel refused: ' . said($fs)) unless $made;
    return OVSI::Kernel::fsmount($fs) // failed($overlay, "no mount: $!");
}

# The kernel wants to show the path of a descriptor, and takes none that is deeper than a path is long. `.` is a name for
# any directory.
sub standing_in {
    my ($fs, $key, $fd) = @_;
    open my $here,  '<',  '.' or return;
    open my $there, '<&', $fd or return;
    chdir $there              or return;
    my $taken = defined OVSI::Kernel::fsconfig($fs, OVSI::Kernel::SET_STRING, $key, '.');
    chdir $here or refuse_errno($! + 0, 'the working directory', '.');
    return $taken;
}

# as_root_of(user namespace, mount namespace, code): what code makes, a descriptor, made by the root of that user
# namespace (OVSI-REST-033). A child enters, since there is no way back.
sub as_root_of {
    my ($user, $mounts, $code) = @_;
    pipe my $answer, my $say or refuse_errno($! + 0, 'pipe', '');
    pipe my $wait,   my $go  or refuse_errno($! + 0, 'pipe', '');
    my $child = fork // refuse_errno($! + 0, 'fork', '');
    if (!$child) {
        close $go;
        my $fd = eval {
            OVSI::Kernel::setns($mounts) // refuse_errno($! + 0, 'its mount namespace', '');
            OVSI::Kernel::setns($user, OVSI::Kernel::CLONE_NEWUSER) // refuse_errno($! + 0, 'its user namespace', '');
            POSIX::setgid(0) && POSIX::setuid(0) or refuse_errno($! + 0, 'its user namespace has no root', '');
            $code->();
        };
        syswrite $say, ref $@ ? encode_json({ %{ $@ } }) . "\n" : defined $fd ? "$fd\n" : "\n";
        sysread $wait, my $nothing, 1;
        POSIX::_exit(0);
    }
    close $_ for $say, $wait;
    my $line = <$answer> // '';
    my ($fd) = $line =~ /^(\d+)$/ ? OVSI::Kernel::descriptor_of($child, $1) : ();
    my $errno = $! + 0;
    close $go;
    waitpid $child, 0;
    return $fd if defined $fd;
    if ($line =~ /^\{/) {
        my $error = parse_json(\$line);
        refuse(map { $error->{$_} } qw(category code message subject));
    }
    refuse_errno($errno, 'the overlay made in its user namespace can not be taken over', '');
}

sub failed {
    my ($overlay, $message) = @_;
    my $errno = $! + 0;
    my @why = $errno == EBUSY ? ('in-use', 'upper-in-use')
        : $errno == ESTALE ? ('identity', 'origin-stale')
        : $errno == EPERM || $errno == EACCES ? ('permission', 'permission-denied')
        : ('system', 'system-call');
    refuse(@why, $message =~ s/[\r\n]+/ /gr, $overlay->{id});
}

# mounts_for(root of the overlay, mounts of the image): for each a detached mount, {fd, propagation}. A mount of the image
# is undef where the overlay is mounted nowhere in it.
sub mounts_for {
    my ($top, @mounts) = @_;
    my $groups = groups($top, @mounts);
    my @ready;
    for my $i (reverse 0 .. $#mounts) {    # clones first: an unbindable mount has none, and the first takes the root's own
        my ($from, $propagation) = $groups->{of}->($mounts[$i]);
        my $fd = mount_for($from // $top, $mounts[$i], $i == 0 && !defined $from, $propagation);
        $ready[$i] = { fd => $fd, propagation => $propagation };
    }
    OVSI::Kernel::close_fd($_) for values %{ $groups->{base} };    # nobody else is in a group
    return @ready;
}

# OVSI-REST-035. A copy of a shared mount is its peer, a copy made a slave is a slave of the group (annex A.6). So a group
# that several mounts of the image name has a base, a shared copy of the whole overlay, and its members and slaves are
# copies of that, whatever their roots. of(mount): the base to copy, if there is one, and the propagation of the copy.
sub groups {
    my ($top, @mounts) = @_;
    my (%members, %named, %base, %begun);
    for my $is (map { $_ ? $_->{propagation} // {} : {} } @mounts) {
        push @{ $members{ ${ $is->{peerGroup} } } }, $is if $is->{peerGroup};
        $named{$$_}++ for grep { defined } @$is{qw(peerGroup master)};
    }
    my $base;
    # The master of a group that is restored too. An image may say that two groups are slaves of each other; a kernel
    # never does, and where such a circle is closed nothing is made a slave.
    my $master = sub {
        my ($number) = map { $$_ } grep { $_ && $members{$$_} } map { $_->{master} } @_;
        return defined $number ? $base->($number) : undef;
    };
    $base = sub {
        my ($number) = @_;
        return $base{$number} if $begun{$number}++;
        my $above = $master->(@{ $members{$number} });
        my $fd = OVSI::Kernel::clone_tree($above // $top) // no_part('/');
        for my $word (defined $above ? MS_SLAVE : (), MS_SHARED) {
            OVSI::Kernel::set_attributes($fd, 0, 0, $word) // refuse_errno($! + 0, 'the propagation was not taken', '/');
        }
        return $base{$number} = $fd;
    };
    my $of = sub {
        my ($mount) = @_;
        my ($is, $own) = ($mount && $mount->{propagation} || {}, propagation($mount));
        if ($own == MS_SHARED) {
            my $number = ${ $is->{peerGroup} };
            my $alone = $named{$number} == 1 && !($is->{master} && $members{ ${ $is->{master} } });
            return ($alone ? undef : $base->($number), $own);
        }
        my $above = $own == MS_PRIVATE ? $master->($is) : undef;
        return ($above, defined $above ? MS_SLAVE : $own);
    };
    return { of => $of, base => \%base };
}

sub no_part {
    my ($root) = @_;
    refuse('unsupported', 'unsupported-kernel', "a part of a detached mount can't be mounted: $!", $root);
}

# mount_for(detached mount of the whole overlay, mount of the image, itself, propagation): a detached mount of the right
# directory, attributes and propagation. itself: the first mount's may be used up.
sub mount_for {
    my ($from, $mount, $itself, $propagation) = @_;
    my $root = !$mount ? '/' : defined $mount->{root} ? to_bytes($mount->{root})    # OVSI-REST-020
        : refuse('not-found', 'source-missing', 'the root of the mount was removed', $mount->{id});
    my $fd = $from;
    if ($root ne '/' || !$itself) {
        my $dir = OVSI::Kernel::open_below($from, $root)
            // refuse('not-found', 'source-missing', "the overlay has no directory $root: $!", $root);
        $fd = OVSI::Kernel::clone_tree($dir) // no_part($root);
        OVSI::Kernel::close_fd($dir);
    }
    my $set = attributes($mount);
    defined OVSI::Kernel::set_attributes($fd, $set, ALL_ATTRIBUTES & ~($set & 0xf), $propagation)
        or refuse_errno($! + 0, 'the attributes were not taken', $root);
    return $fd;
}

sub attributes {    # OVSI-REST-018; asked for before anything is made, too. No word about access times means strictatime, where there are words at all.
    my ($mount) = @_;
    my $words = $mount && $mount->{attributes} or return 0;
    my $set = 0;
    for my $word (@$words) {
        $set |= $ATTRIBUTE{$word} // refuse('unsupported', 'unsupported-option', "attribute $word is not known", $word);
    }
    $set |= STRICTATIME unless grep { /^(?:relatime|noatime)$/ } @$words;
    return $set;
}

# OVSI-REST-019, of one mount alone
sub propagation {
    my ($mount) = @_;
    my $is = $mount && $mount->{propagation} || {};
    return $is->{peerGroup} ? MS_SHARED : $is->{unbindable} ? MS_UNBINDABLE : MS_PRIVATE;
}

# OVSI-REST-026. A detached mount is in no mount table. So a child with a mount table of its own, which ends with it,
# attaches a clone there and hands the line back. undef where the kernel can't do that.
sub shown {
    my ($top, $proc) = @_;
    pipe my $in, my $out or return;
    my $child = fork // return;
    if (!$child) {
        eval {
            close $in;
            OVSI::Kernel::unshare_mounts() // die;
            my $clone = OVSI::Kernel::clone_tree($top) // die;
            my $root = OVSI::Kernel::openat2(OVSI::Kernel::AT_FDCWD, '/', OVSI::Kernel::O_PATH, 0) // die;
            OVSI::Kernel::move_mount($clone, $root) // die;
            my $id = OVSI::Kernel::statx($clone)->{mount};
            my $table = OVSI::Kernel::openat2($proc, 'self/mountinfo', 0, 0) // die;
            open my $lines, '<&=', $table or die;
            my ($mount) = grep { $_->{id} == $id } @{ parse_mounts(join '', <$lines>) };
            syswrite $out, $mount->{shown} . "\n" if $mount;
        };
        POSIX::_exit(0);
    }
    close $out;
    my $line = join '', <$in>;
    waitpid $child, 0;
    return chomp $line ? $line : undef;
}

sub verify {
    my ($overlay, $shown, $found) = @_;
    my $differs = sub { refuse('identity', 'stack-differs', "the finished overlay has $_[0]", $overlay->{id}) };
    my %device = map { $_->{mount}{device} => 1 } @$found;
    my $is = shown_options($shown);
    my @roles = map { $_->{role} } grep { $_->{role} ne 'work' } @{ $is->{sources} };
    $differs->('other layers') if "@roles" ne join ' ', map { $_->{role} } @{ $overlay->{layers} };
    $differs->("the flags @{ $is->{flags} }")
        if $overlay->{work} && join(' ', sort @{ $is->{flags} }) ne join ' ', sort @{ $overlay->{superblockFlags} };
    my %in_effect = map { $_->[0] => $_->[1] // '' } effective_options($is);
    $in_effect{volatile} = '' if ($in_effect{fsync} // '') eq 'volatile';
    for my $option (@{ $overlay->{options} }) {
        my $name  = $option->{name};
        my $want  = defined $option->{value} ? to_bytes($option->{value}) : '';
        my $found = $in_effect{$name};
        if (!defined $found) {
            $differs->("no $name") if $ALWAYS_SHOWN{$name};
            next;
        }
        # What the kernel is known to change or not to show (annex A.3).
        next if $found eq $want || $name eq 'xino' && keys %device < 2 || $name eq 'uuid' && $want eq 'auto';
        next if $name eq 'redirect_dir' && ($want eq 'off' && $found =~ /follow/ || !$overlay->{work} && $found eq 'on'
            && $want =~ /^(?:off|follow)$/);
        $differs->("$name=$found, not $want");
    }
}

1;
