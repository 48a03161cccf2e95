package OVSI::Output;
# Output files (section 8.3). prepare() says at once whether the file can be written, write() holds the contents ready
# beside it, finish() puts them in place: only the last is seen, and it comes when all else has succeeded.
use strict;
use warnings;
use Cwd ();
use Fcntl qw(O_WRONLY O_CREAT O_EXCL);
use File::Basename qw(dirname basename);
use OVSI::Error;

sub prepare {
    my ($class, $file) = @_;
    my $self = bless { name => $file }, $class;
    my %name = ('-' => 1, '/dev/stdout' => 1, '/dev/stderr' => 2);
    my $number = $file =~ m{^(?:/dev/fd|/proc/self/fd)/(\d+)$} ? $1 : $name{$file};
    refuse('target', 'output-not-a-file', 'the output is a directory', $file) if -d $file;    # OVSI-CLI-012
    if (defined $number) {    # OVSI-CLI-011: written to, whatever it is a descriptor of
        open $self->{out}, '>>&=', $number or refuse('target', 'target-missing', "no such descriptor: $!", $file);
    }
    elsif (-e _ && !-f _) {
        open $self->{out}, '>', $file or refuse_errno($! + 0, 'the output can not be opened', $file);
    }
    else {
        my $real = Cwd::realpath($file) // $file;    # a link stays, and the file that it leads to is replaced
        ($self->{dir}, $self->{base}) = (dirname($real), basename($real));
        $self->{mode} = (stat $real)[2];
        refuse('target', 'target-missing', 'the directory of the output does not exist', $file) unless -d $self->{dir};
        $self->{real} = "$self->{dir}/$self->{base}";
    }
    return $self;
}

sub write {
    my ($self, $text) = @_;
    $self->{text} = $text;
    return if $self->{out};
    for my $try (0 .. 99) {
        my $temporary = "$self->{dir}/.ovsi-pl.$$.$try";
        if (sysopen my $out, $temporary, O_WRONLY | O_CREAT | O_EXCL, 0666) {
            $self->{temporary} = $temporary;
            chmod $self->{mode} & 07777, $out if defined $self->{mode};
            $self->put($out);
            close $out or $self->failed;
            return;
        }
        last unless $!{EEXIST};
    }
    $self->failed;
}

sub put {
    my ($self, $out) = @_;
    my $done = 0;
    while ($done < length $self->{text}) {
        $done += syswrite($out, $self->{text}, length($self->{text}) - $done, $done) // $self->failed;
    }
}

sub failed { my ($self) = @_; refuse_errno($! + 0, 'the output can not be written', $self->{name}) }

sub finish {
    my ($self) = @_;
    return $self->put($self->{out}) if $self->{out};    # OVSI-CLI-014
    rename $self->{temporary}, $self->{real} or $self->failed;    # OVSI-CLI-010
    delete $self->{temporary};
}

sub DESTROY { my ($self) = @_; unlink $self->{temporary} if defined $self->{temporary} }

1;
