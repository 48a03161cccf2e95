"""What a rung of the ladder finds, before the judge has weighed it."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ..linux.handles import FileHandle
    from ..linux.mountinfo import Mount

    _Made = TypeVar("_Made", bound=Record)

INTROSPECTION = "introspection"
FILE_IDENTIFIER = "file-identifier"
WITNESS = "witness"
OPTION_STRING = "option-string"
RUNGS = (INTROSPECTION, FILE_IDENTIFIER, WITNESS, OPTION_STRING)
"""The ladder, strongest first."""


def unchecked(kind: type[_Made], fields: dict[str, object]) -> _Made:
    """A record of all its fields, without the constructor's checks: for those of which a dump makes thousands."""
    made = kind.__new__(kind)
    made.__dict__.update(fields)
    return made


class Slot(Record):
    """One place in an overlay that a source fills: its role, its number among those of the role, its shown name."""

    role: str
    index: int
    declared: bytes | None

    @property
    def name(self) -> str:
        """As images and explanations name it: `upper`, `work`, `lower/0`, `data/0`."""
        return f"{self.role}/{self.index}" if self.role in ("lower", "data") else self.role


class Directory(Record):
    """What tells a directory from all others, as far as a rung shows it.

    `device` is s_dev of its superblock. `path` is inside its file system. `subvolume` is of btrfs alone.
    `handle` is the kernel's where `handle_made` is false, else put together from inode and generation;
    `handle_none`: the file system gives none.
    """

    device: str
    fs_type: str
    inode: int
    generation: int | None = None
    subvolume: int | None = None
    path: bytes | None = None
    deleted: bool = False
    handle: FileHandle | None = None
    handle_made: bool = False
    handle_none: bool = False
    uuid: bytes | None = None


class Spot(Record):
    """Where a directory can be reached: below a mount of a namespace (None: the dumped one), or through a process."""

    path: bytes
    mount: Mount | None = None
    namespace: tuple[int, int | None] | None = None
    process: tuple[int, int, str] | None = None


class Findings:
    """What each rung said of each source, in words, in the order in which it was asked: data for `--explain`."""

    def __init__(self) -> None:
        self.said: dict[str, list[tuple[str, str]]] = {}

    def add(self, source: str, rung: str, sentence: str) -> None:
        """Note what a rung said of a source."""
        self.said.setdefault(source, []).append((rung, sentence))


class IdMaps(Record):
    """The ID mapping of a layer's mount: (ID on the file system, ID outside, count)."""

    uid: tuple[tuple[int, int, int], ...]
    gid: tuple[tuple[int, int, int], ...]


class Verdict(Record):
    """What the judge says of one source; `candidate` only where it is not proved."""

    slot: Slot
    assurance: str
    why: str
    method: str | None = None
    directory: Directory | None = None
    candidate: Spot | None = None
    idmap: IdMaps | None = None
    idmap_known: bool = False
