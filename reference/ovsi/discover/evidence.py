"""What a rung of the ladder finds, before the judge has weighed it."""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.handles import FileHandle
    from ..linux.mountinfo import Mount

INTROSPECTION = "introspection"
FILE_IDENTIFIER = "file-identifier"
OPENING = "opening"
WITNESS = "witness"
OPTION_STRING = "option-string"
RUNGS = (INTROSPECTION, FILE_IDENTIFIER, OPENING, WITNESS, OPTION_STRING)
"""The ladder, strongest first."""


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
    `handle_none`: the file system gives none. `uuid` is the file system's: all zero where it has none, None: not read.
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
    """What the judge says of one source; `candidate` only where it is not proved.

    `why` is a sentence; empty where the kernel's own account is all there is to say.
    """

    slot: Slot
    assurance: str
    why: str
    method: str | None = None
    directory: Directory | None = None
    candidate: Spot | None = None
    idmap: IdMaps | None = None
    idmap_known: bool = False

    def explained(self) -> str:
        """Why it is so, in a sentence."""
        one = self.directory
        if self.why or one is None:
            return self.why
        return f"the kernel holds inode {one.inode} of {one.fs_type} {one.device}"
