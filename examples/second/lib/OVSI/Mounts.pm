package OVSI::Mounts;
# Mount tables and option strings (sections 6.5 and 6.6, annex A.2 and A.3). All names are bytes.
use strict;
use warnings;
use OVSI::Error;
use OVSI::Json qw(is_utf8);
use OVSI::Kernel;
use Exporter 'import';
our @EXPORT = qw(read_mounts parse_mounts shown_options effective_options below join_path);

# The mount table of a process. A long table is given out in pieces, between which mounts may come and go: so it is
# read until two readings are equal. Lines have no bound (OVSI-DUMP-019).
sub read_mounts {
    my ($file) = @_;
    my $before = '';
    for my $try (0 .. 20) {
        open my $in, '<:raw', $file or return;
        local $!;
        my $text = do { local $/; <$in> };
        return if $! && !defined $text;
        $text //= '';
        return parse_mounts($text) if $try && $text eq $before;
        $before = $text;
    }
    refuse('system', 'changed-meanwhile', 'the mount table changed all the time', $file);
}

sub octal { my ($text) = @_; $text =~ s/\\([0-7]{3})/chr oct $1/ge; return $text }

sub parse_mounts {
    my ($text) = @_;
    my @mounts;
    for my $line (split /\n/, $text) {
        my @field = split / /, $line, -1;
        my ($dash) = grep { $field[$_] eq '-' } 6 .. $#field or next;
        my %propagation;
        for (@field[6 .. $dash - 1]) {
            $propagation{ { shared => 'peerGroup', master => 'master', propagate_from => 'propagateFrom' }->{$1} } = $2
                if /^(shared|master|propagate_from):(\d+)$/;
            $propagation{unbindable} = 1 if $_ eq 'unbindable';
        }
        push @mounts, {
            id => $field[0], parent => $field[1], device => $field[2], propagation => \%propagation,
            root => octal($field[3]), point => octal($field[4]), attributes => [split /,/, $field[5]],
            type => octal($field[ $dash + 1 ]), source => octal($field[ $dash + 2 ] // ''), shown => $field[-1],
        };
    }
    return \@mounts;
}

sub join_path {
    my ($dir, $rest) = @_;
    return $dir if $rest eq '/';
    return $dir eq '/' ? $rest : "$dir$rest";
}

# below(dir, path): the rest of an absolute path behind dir, from `/` on; undef where it is not below.
sub below {
    my ($dir, $path) = @_;
    return $path if $dir eq '/';
    return '/' if $dir eq $path;
    return index($path, "$dir/") == 0 ? substr $path, length $dir : undef;
}

my %FLAG     = map { $_ => 1 } qw(rw ro sync dirsync mand lazytime);
my $SECURITY = qr/(?:context|fscontext|defcontext|rootcontext|seclabel|smackfs[a-z]*)/;
my %SHOW_ONLY = map { $_ => 1 } qw(lowerdir_mnt_id upperdir_mnt_id);    # OVSI-DUMP-018

# What an option string holds: {flags, security, options, sources}. Commas first, octal escapes next (annex A.2). A
# comma between the quotes of a security module's value separates nothing.
sub shown_options {
    my ($shown) = @_;
    my %all = (flags => [], security => [], options => [], sources => []);
    my (@upper, @layers, @work);
    for my $item (grep { length } $shown =~ /\G($SECURITY="[^"]*"|[^,]*)(?:,|\z)/g) {
        my ($name, $value) = map { octal($_) } split /=/, $item, 2;
        if    (!defined $value && $FLAG{$name}) { push @{ $all{flags} }, $name }
        elsif ($name =~ /^$SECURITY\z/)   { push @{ $all{security} }, [$name, unquoted($value)] }
        elsif ($SHOW_ONLY{$name} || !is_utf8(\$name)) { }
        elsif ($name eq 'upperdir')       { @upper = { role => 'upper', names => [own_escapes($value)] } }
        elsif ($name eq 'workdir')        { @work  = { role => 'work',  names => [own_escapes($value)] } }
        elsif ($name eq 'lowerdir+')      { push @layers, { role => 'lower', names => [$value] } }
        elsif ($name eq 'datadir+')       { push @layers, { role => 'data',  names => [$value] } }
        elsif ($name eq 'lowerdir')       { push @layers, split_lowers($value) }
        else                              { push @{ $all{options} }, [$name, $value] }
    }
    $all{sources} = [@upper, @layers, @work];
    return \%all;
}

sub unquoted { my ($value) = @_; return defined $value ? $value =~ s/\A"(.*)"\z/$1/sr : undef }

# OVSI-DUMP-014. The names that a shown upperdir or workdir may stand for, the one to state first. Given as a string it
# has overlay's own escapes; given by descriptor it is shown with none, and nothing tells the two apart.
sub own_escapes {
    my ($value) = @_;
    (my $plain = $value) =~ s/\\(.)/$1/gs;
    return $value eq $plain ? $value : ($plain, $value);
}

# `a:b::c`: two lowers and a data-only layer; what follows the first double colon is data-only.
sub split_lowers {
    my ($value) = @_;
    my ($role, $name, @layers) = ('lower', '');
    while ($value =~ /\G(?:\\(.)|(::?)|(.))/gcs) {
        if (!defined $2) { $name .= $1 // $3; next }
        push @layers, { role => $role, names => [$name] };
        $name = '';
        $role = 'data' if $2 eq '::';
    }
    return @layers, { role => $role, names => [$name] };
}

# The options in effect (OVSI-DUMP-016): [name, value, basis]. What is not shown equals the module's default now
# (annex A.3); of three options it is stated only where the kernel is known to have them.
sub effective_options {
    my ($shown) = @_;
    my %is = map { $_->[0] => $_ } @{ $shown->{options} };
    my @out = map { [@$_, 'shown'] } @{ $shown->{options} };
    my $default = sub { push @out, [@_, 'default'] if defined $_[1] && !$is{ $_[0] } };
    for my $name (qw(index nfs_export metacopy)) {
        my $on = parameter($name);
        $default->($name, defined $on ? $on ? 'on' : 'off' : undef);
    }
    my ($redirect, $follow, $xino) = map { parameter($_) } qw(redirect_dir redirect_always_follow xino_auto);
    $default->(redirect_dir => !defined $redirect ? undef : $redirect ? 'on' : $follow ? 'follow' : 'nofollow');
    $default->(xino => defined $xino ? $xino ? 'auto' : 'off' : undef);
    for ([uuid => 'auto'], [verity => 'off'], [fsync => 'auto']) {
        next if $is{ $_->[0] } || $_->[0] eq 'fsync' && $is{volatile};
        $default->(@$_) if kernel_takes(@$_);
    }
    return sort { $a->[0] cmp $b->[0] } @out;
}

sub parameter {    # 1, 0, or undef where it can't be read
    my ($name) = @_;
    open my $in, '<', "/sys/module/overlay/parameters/$name" or return;
    return (<$in> // '') =~ /^[Y1]/ ? 1 : 0;
}

# Whether this kernel has an option: a context of the mount API says so, and nothing is made of it.
sub kernel_takes {
    my ($name, $value) = @_;
    my $fs = OVSI::Kernel::fsopen('overlay') // return 0;
    my $taken = defined OVSI::Kernel::fsconfig($fs, OVSI::Kernel::SET_STRING, $name, $value);
    OVSI::Kernel::close_fd($fs);
    return $taken;
}

1;
