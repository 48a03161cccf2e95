"""Paths as an image has them: absolute and plain, bytes. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def joined(base: bytes, path: bytes) -> bytes:
    """`path` (absolute) below `base`."""
    return base.rstrip(b"/") + (b"" if path == b"/" else path) or b"/"


def below(path: bytes, base: bytes) -> bytes | None:
    """What is left of an absolute path below `base`, absolute too; None where it is not below it."""
    base = base.rstrip(b"/")
    if path == base or not base:
        return path if not base else b"/"
    return path[len(base) :] if path.startswith(base + b"/") else None


def common(first: bytes, second: bytes) -> bytes:
    """The deepest directory that two absolute paths are below, or are."""
    parts = []
    for left, right in zip(first.split(b"/"), second.split(b"/"), strict=False):
        if left != right:
            break
        parts.append(left)
    return b"/".join(parts) or b"/"


def relative(path: bytes) -> bytes:
    """An absolute path as one below a directory descriptor: `.` for the directory itself."""
    return path.lstrip(b"/") or b"."


def plain(path: bytes) -> bytes:
    """A path without trailing slashes."""
    return path.rstrip(b"/") or b"/"


def above(path: bytes) -> Iterator[bytes]:
    """Every directory above an absolute path, the nearest first."""
    while path != b"/":
        path = plain(path[: path.rfind(b"/")])
        yield path
