"""The mount table, read by the suite itself. Fields stay bytes; lines may be of any length."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo: octal escapes are resolved but in `super_options`, which stays as shown."""

    id: int
    parent: int
    device: str
    root: bytes
    point: bytes
    attributes: tuple[str, ...]
    propagation: tuple[tuple[str, int], ...]
    kind: str
    source: bytes
    super_options: bytes
    unique: int | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """Superblock flags: what stands before the file system's own options."""
        known = {"rw", "ro", "sync", "dirsync", "mand", "lazytime"}
        shown = self.super_options.decode("utf-8", "surrogateescape").split(",")
        return tuple(word for word in shown if word in known)


def unescape(field: bytes) -> bytes:
    """Without mountinfo's octal escapes."""
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), field)


def parse(text: bytes) -> list[Mount]:
    return [_line(line) for line in text.split(b"\n") if line]


def _line(line: bytes) -> Mount:
    fields = line.split(b" ")
    dash = fields.index(b"-", 6)
    tags = [tag.decode().partition(":") for tag in fields[6:dash]]
    kind, source, options = (*fields[dash + 1 :], b"", b"")[:3]
    return Mount(
        id=int(fields[0]),
        parent=int(fields[1]),
        device=fields[2].decode(),
        root=unescape(fields[3]),
        point=unescape(fields[4]),
        attributes=tuple(fields[5].decode().split(",")),
        propagation=tuple((name, int(number or 1)) for name, _, number in tags),
        kind=unescape(kind).decode(),
        source=unescape(source),
        super_options=options,
    )


def table(pid: int | str = "self") -> list[Mount]:
    with open(f"/proc/{pid}/mountinfo", "rb") as file:
        return parse(file.read())


def at(mounts: Sequence[Mount], point: bytes) -> Mount | None:
    """The mount on top at a mount point."""
    here = [mount for mount in mounts if mount.point == point]
    covered = {mount.parent for mount in here}
    return next((mount for mount in here if mount.id not in covered), None)
