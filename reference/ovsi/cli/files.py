"""Image files in, results out (spec: The command line).

An output is looked at before the work begins and written when all of it is there. A regular file, or one that is not
there yet, is replaced by rename: a reader sees the old one or the new one, and a failure leaves the old one. A symbolic
link is followed: the file that it names is replaced, the link stays. Anything else (a pipe, a device, a descriptor's
entry in /proc or /dev/fd) is written to.
"""

from __future__ import annotations

import os

from ..errors import Refusal, from_oserror, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, Self

    from ..image.model import Image

    class Output(Protocol):
        """A place to write one document to."""

        def __enter__(self) -> Self: ...
        def __exit__(self, *_error: object) -> None: ...
        def reserve(self, size: int) -> None: ...
        def write(self, *data: bytes) -> None: ...


_DIRECTORY, _REGULAR, _LINK, _FORMAT = 0o040000, 0o100000, 0o120000, 0o170000
_UNABLE = (21, 22, 38, 95)  # EISDIR, EINVAL, ENOSYS, EOPNOTSUPP: the file system or kernel lacks the operation
_ELOOP = 40
_MOST_LINKS = 40
_CHUNK = 1 << 20


def load_image(path: bytes) -> Image:
    """The image in a file. Raises Refusal as `read_image` and `ovsi.image.read.decode`, with the file's name."""
    from ..image.read import decode

    data = read_image(path)
    try:
        return decode(data)
    except Refusal as refusal:
        name = "standard input" if path == b"-" else text(path)
        raise Refusal(refusal.code, f"{name}: {refusal.message}", refusal.subject) from None


def read_image(path: bytes) -> bytes:
    """The bytes of an image file, `-` for standard input; of a too large one no more than shows that it is.

    Raises Refusal: image-missing, not-a-file, permission-denied, system-call.
    """
    try:
        fd = 0 if path == b"-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal("image-missing", "there is no such image file", path) from None
    except OSError as error:
        raise from_oserror(error, path) from None
    try:
        return _read(fd)
    except IsADirectoryError:
        raise Refusal("not-a-file", "is a directory, not an image file", path) from None
    except OSError as error:
        raise from_oserror(error, path) from None
    finally:
        if fd:
            os.close(fd)


def _read(fd: int) -> bytes:
    from ..image.parse import MAX_BYTES  # a dump reads none

    parts, size = [], 0
    while size <= MAX_BYTES and (part := os.read(fd, _CHUNK)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def open_output(path: bytes) -> Output:
    """Where to write; nothing is changed before `write`. Raises Refusal (category target, …)."""
    if path == b"-":
        return Stream(1, b"standard output")
    try:
        final, special = _resolve(path)
        kind = _kind(final)
        if kind == _DIRECTORY or path.endswith(b"/"):
            raise Refusal("output-not-a-file", "the output is a directory", path)
        if special or kind not in (0, _REGULAR):
            return Stream(os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY), path)
        return Replacement(final, path)
    except OSError as error:
        raise _refused(error, path) from None


class Stream:
    """A pipe, a device, standard output: written to as it is."""

    def __init__(self, fd: int, name: bytes) -> None:
        self.fd = fd
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.fd > 2:
            _put_away(self.fd)

    def reserve(self, size: int) -> None:
        """Nothing can be reserved there."""

    def write(self, *data: bytes) -> None:
        """All of the data. Raises Refusal: no-space, system-call."""
        try:
            for piece in data:
                _write(self.fd, piece)
        except OSError as error:
            raise from_oserror(OSError(error.errno, f"write: {os.strerror(error.errno or 0)}"), self.name) from None


class Replacement:
    """A regular file, written without a name (or under a temporary one beside it) and put in place by rename."""

    def __init__(self, final: bytes, name: bytes) -> None:
        directory, base = os.path.split(final)
        self.final = final
        self.name = name
        self.temporary = os.path.join(directory, b".%s.%s.tmp" % (base[:200], os.urandom(6).hex().encode()))
        self.has_name = False
        try:
            self.fd = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            self.fd = os.open(self.temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
            self.has_name = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.has_name:
            os.unlink(self.temporary)
        _put_away(self.fd)

    def reserve(self, size: int) -> None:
        """Take the space now, so that a full disk is met before the work. Raises Refusal: no-space."""
        try:
            os.posix_fallocate(self.fd, 0, size)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise _refused(error, self.name) from None

    def write(self, *data: bytes) -> None:
        """All of the data, then the file in its place. Raises Refusal; nothing has changed then."""
        try:
            for piece in data:
                _write(self.fd, piece)
            os.ftruncate(self.fd, sum(map(len, data)))
            self._keep_mode_and_owner()
            os.fsync(self.fd)
            self._put_in_place()
        except OSError as error:
            raise _refused(error, self.name) from None

    def _put_in_place(self) -> None:
        """In one step where no file has the name yet; else under a temporary name first, for only rename replaces."""
        if not self.has_name:
            try:
                self._link(self.final)
            except FileExistsError:
                self._link(self.temporary)
                self.has_name = True
        if self.has_name:
            os.rename(self.temporary, self.final)
            self.has_name = False

    def _link(self, name: bytes) -> None:
        # src_dir_fd makes it linkat(2) with AT_SYMLINK_FOLLOW
        os.link(b"/proc/self/fd/%d" % self.fd, name, src_dir_fd=self.fd, follow_symlinks=True)

    def _keep_mode_and_owner(self) -> None:
        try:
            before = os.stat(self.final)
        except FileNotFoundError:
            return
        now = os.fstat(self.fd)
        if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
            _give(self.fd, before.st_uid, before.st_gid)
        os.fchmod(self.fd, before.st_mode & 0o777)


def _put_away(fd: int) -> None:
    """Close what is done with: nothing is lost, whatever close(2) says."""
    try:
        os.close(fd)
    except OSError:
        return


def _give(fd: int, uid: int, gid: int) -> None:
    try:
        os.fchown(fd, uid, gid)
    except PermissionError:
        return  # the file is the caller's from now on


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _resolve(path: bytes) -> tuple[bytes, bool]:
    """The file that a path names, links followed, and whether it is a descriptor's entry in /proc."""
    for _ in range(_MOST_LINKS):
        directory, name = os.path.split(path)
        real = os.path.realpath(directory or b".", strict=True)
        final = os.path.join(real, name)
        if real.startswith(b"/proc/") and real.endswith(b"/fd"):
            return final, True
        if _kind(final, follow=False) != _LINK:
            return final, False
        _kind(final)  # refused where the kernel lets no one follow this link (protected_symlinks, proc_sys_fs(5))
        path = os.path.join(real, os.readlink(final))
    raise OSError(_ELOOP, "too many symbolic links")


def _kind(path: bytes, follow: bool = True) -> int:
    """The file type bits of a file, 0 where there is none."""
    try:
        return os.stat(path, follow_symlinks=follow).st_mode & _FORMAT
    except FileNotFoundError:
        return 0


def _refused(error: OSError, name: bytes) -> Refusal:
    if isinstance(error, FileNotFoundError):
        return Refusal("output-directory-missing", "the directory of the output does not exist", name)
    if isinstance(error, NotADirectoryError):
        return Refusal("target-not-a-directory", "the output lies below what is not a directory", name)
    return from_oserror(OSError(error.errno, os.strerror(error.errno or 0)), name)
