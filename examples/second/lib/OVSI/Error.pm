package OVSI::Error;
# Refusals (chapter 8, OVSI-CLI-004 and -005): an object with category, code, message and subject, thrown by `refuse`.
use strict;
use warnings;
use Errno qw(EPERM EACCES ENOSPC EDQUOT);
use Exporter 'import';
our @EXPORT = qw(refuse refuse_errno wrong_usage);

# refuse(category, code, message, subject)
sub refuse {
    my ($category, $code, $message, $subject) = @_;
    die bless { category => $category, code => $code, message => $message, subject => $subject // '' }, 'OVSI::Error';
}

# A call that failed for a reason of its own: a missing privilege has a category, the rest is `system`.
sub refuse_errno {
    my ($errno, $what, $subject) = @_;
    local $! = $errno;
    my ($category, $code) = ('system', 'system-call');
    ($category, $code) = ('permission', 'permission-denied') if $errno == EPERM || $errno == EACCES;
    $code = 'no-space' if $errno == ENOSPC || $errno == EDQUOT;
    refuse($category, $code, "$what: $!", $subject);
}

sub wrong_usage { die bless { message => $_[0] }, 'OVSI::Usage' }

1;
