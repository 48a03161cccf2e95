"""With which errnos each system call is made to fail: what its man page names and a host can meet.

A call that a program makes and that stands neither in ERRNOS nor in NEVER_FAIL is a gap of this table: the run says so
and fails.
"""

from __future__ import annotations

import errno

_TABLE = """
access              ENOENT EACCES ENOMEM EIO
accept4             EMFILE ENOMEM
bind                ENOMEM EACCES
bpf                 EPERM ENOMEM EINVAL
capget              EPERM EINVAL
chdir               ENOENT EACCES ENOMEM
chroot              EPERM EACCES ENOENT ENOMEM
clone               EAGAIN ENOMEM EPERM
clone3              EAGAIN ENOMEM EPERM ENOSYS
close               EIO EINTR
close_range         EINVAL ENOSYS
connect             ECONNREFUSED EACCES
dup                 EMFILE ENOMEM
dup2                EMFILE EBUSY
dup3                EMFILE EBUSY
eventfd2            EMFILE ENFILE ENOMEM
execve              ENOENT EACCES ENOMEM
faccessat           ENOENT EACCES
faccessat2          ENOENT EACCES ENOSYS
fallocate           ENOSPC EIO EOPNOTSUPP EINTR
fchdir              EACCES ENOENT
fchmod              EPERM EROFS EIO
fchmodat            EPERM EROFS ENOENT
fchown              EPERM EROFS EIO
fcntl               EMFILE EINVAL EAGAIN
fdatasync           EIO ENOSPC
fgetxattr           ENODATA EOPNOTSUPP EIO
flistxattr          EOPNOTSUPP EIO
fork                EAGAIN ENOMEM
fsconfig            EINVAL ENOMEM EPERM EBUSY EOPNOTSUPP EINTR
fsetxattr           ENOSPC EPERM EOPNOTSUPP
fsmount             EBUSY ENOMEM EMFILE EPERM
fsopen              ENODEV EPERM EMFILE ENOMEM ENOSYS
fspick              EPERM EMFILE ENOMEM ENOSYS
fstat               EIO ENOMEM EOVERFLOW
fstatfs             EIO ENOSYS ENOMEM
fsync               EIO ENOSPC
ftruncate           EIO EINVAL ENOSPC
futex               EAGAIN EINTR
getcwd              ENOENT ENOMEM
getdents64          EIO ENOENT ENOMEM
getrandom           EAGAIN EINTR ENOSYS
getxattr            ENODATA EOPNOTSUPP EIO
io_uring_setup      ENOMEM EPERM
ioctl               ENOTTY EIO EPERM ENOMEM EOPNOTSUPP
kill                EPERM ESRCH
lgetxattr           ENODATA EOPNOTSUPP EIO
link                EEXIST ENOSPC EXDEV EPERM
linkat              EEXIST ENOSPC EXDEV EPERM ENOENT
listmount           EPERM ENOENT ENOMEM ENOSYS
listxattr           EOPNOTSUPP EIO
llistxattr          EOPNOTSUPP EIO
lseek               EINVAL ESPIPE
lstat               ENOENT EACCES EIO ENOMEM
madvise             ENOMEM EINVAL EAGAIN
memfd_create        EMFILE ENOMEM ENOSYS
mkdir               EEXIST ENOSPC EACCES EROFS
mkdirat             EEXIST ENOSPC EACCES EROFS
mmap                ENOMEM EAGAIN
mount               EBUSY EINVAL EPERM ENOMEM ENOENT EIO
mount_setattr       EINVAL EPERM EBUSY ENOMEM ENOSYS
move_mount          EBUSY EINVAL EPERM ENOENT ENOMEM ELOOP
mprotect            ENOMEM EACCES
mremap              ENOMEM
munmap              ENOMEM EINVAL
name_to_handle_at   EOPNOTSUPP EOVERFLOW EPERM EIO ENOSYS
newfstatat          ENOENT EACCES EIO ENOMEM ELOOP
open                ENOENT EACCES EMFILE ENFILE ENOMEM EIO
open_by_handle_at   ESTALE EPERM EMFILE ENOMEM
open_tree           ENOENT EACCES EPERM EINVAL EMFILE ENOMEM
open_tree_attr      EINVAL EPERM ENOMEM ENOSYS
openat              ENOENT EACCES EMFILE ENFILE ENOMEM EIO EINTR ELOOP
openat2             ENOENT EACCES EMFILE ENOMEM EIO ELOOP EXDEV EAGAIN ENOSYS
pidfd_open          ESRCH EMFILE ENOMEM ENOSYS
pidfd_getfd         EPERM ESRCH EMFILE ENOSYS
pipe                EMFILE ENFILE
pipe2               EMFILE ENFILE
pivot_root          EBUSY EINVAL EPERM
poll                EINTR ENOMEM
ppoll               EINTR ENOMEM
prctl               EINVAL EPERM
pread64             EIO EINTR
preadv              EIO EINTR
prlimit64           EPERM EINVAL
process_vm_readv    EPERM ESRCH
pwrite64            ENOSPC EIO EINTR
read                EIO EINTR ENOMEM
readlink            ENOENT EACCES EINVAL EIO
readlinkat          ENOENT EACCES EINVAL EIO
recvfrom            ECONNRESET EINTR ENOMEM
recvmsg             ECONNRESET EINTR ENOMEM
rename              ENOSPC EIO EACCES EROFS
renameat            ENOSPC EIO EACCES EROFS
renameat2           ENOSPC EIO EACCES EROFS EINVAL
rmdir               EBUSY ENOENT EACCES
sendmsg             EPIPE ENOMEM EINTR ENOBUFS
sendto              EPIPE ENOMEM EINTR ENOBUFS
setgid              EPERM
setgroups           EPERM
setns               EPERM EINVAL ENOMEM
setresgid           EPERM EAGAIN
setresuid           EPERM EAGAIN
setuid              EPERM EAGAIN
shutdown            ENOTCONN
socket              EMFILE ENFILE ENOMEM EACCES
socketpair          EMFILE ENFILE ENOMEM
stat                ENOENT EACCES EIO ENOMEM
statfs              ENOENT EACCES EIO ENOSYS
statmount           EPERM ENOENT EOVERFLOW ENOMEM ENOSYS
statx               ENOENT EACCES EIO ENOMEM ENOSYS
symlink             EEXIST ENOSPC EACCES
symlinkat           EEXIST ENOSPC EACCES
umount2             EBUSY EINVAL EPERM ENOENT
unlink              ENOENT EACCES EIO EROFS
unlinkat            ENOENT EACCES EIO EROFS
unshare             EPERM ENOMEM ENOSPC EINVAL
vfork               EAGAIN ENOMEM
wait4               ECHILD EINTR
waitid              ECHILD EINTR
write               ENOSPC EIO EINTR EPIPE
writev              ENOSPC EIO EINTR EPIPE
"""

ERRNOS: dict[str, tuple[int, ...]] = {
    words[0]: tuple(getattr(errno, name) for name in words[1:]) for words in map(str.split, _TABLE.strip().splitlines())
}

_NEVER = """
brk exit exit_group getegid geteuid getgid getpid getppid getsid gettid getuid gettimeofday clock_gettime
restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn sched_yield set_robust_list set_tid_address rseq
sigaltstack umask uname arch_prctl sched_getaffinity sysinfo times getrusage clock_nanosleep getpgrp getpgid
getgroups getresuid getresgid
"""

NEVER_FAIL = frozenset(_NEVER.split())
"""Calls that can't fail for a program that passes sane pointers, or whose failing no one could be told of (brk)."""


def name_of(number: int) -> str:
    """`ENOMEM` and its kin."""
    return errno.errorcode.get(number, str(number))


def number_of(name: str) -> int:
    """Of such a name. Raises ValueError for one that is none."""
    found = getattr(errno, name, None) if name.startswith("E") else None
    if not isinstance(found, int):
        raise ValueError(f"no errno is called {name}")
    return found
