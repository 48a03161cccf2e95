"""How a stack is declared: what it is made of, how it was mounted, what happened since, what must be found.

Declarations are plain frozen data; `builder` makes them real, the judges compare against them.
"""

import functools
from dataclasses import dataclass, field
from enum import Enum

from .content import Entries


class Vantage(Enum):
    """From where an implementation looks (chapter 4 of the specification's command line)."""

    INSIDE = "inside"
    OUTSIDE = "outside"


class Name(Enum):
    """Under which name a source is given to the kernel, where a stack does not spell it out."""

    ABSOLUTE = "absolute"
    NUMBER = "number of an open descriptor, the mounter standing in /proc/self/fd"
    TEMPORARY = "path below a bind mount that is undone right after"
    TREE = "descriptor below a clone of its file system's mount that is attached nowhere"


class Manner(Enum):
    """Which calls mount the overlay."""

    PAGE = "mount(2), one page of options"
    APPEND = "fsconfig, one lowerdir+= a layer"
    DESCRIPTOR = "fsconfig, a descriptor a layer"


IdMap = tuple[tuple[int, int, int], ...]
"""Extents of {first ID on the file system, first ID that is seen, how many}."""


@dataclass(frozen=True)
class FileSystem:
    """A file system that bears sources; its directory `root` is mounted at `at`.

    `overlay`: of the kind overlay, what it is made of, on file systems that come before it. `clone_of`: made by copying
    that one byte by byte, once it was filled. `subvolumes` and `snapshots` ({of, path}): of btrfs. `alike`: where a
    second one stands that differs in nothing that can be seen through an overlay: names, numbers, contents, all times.
    `bears_uuid`: and the upper on it has the UUID of that one in the xattr that overlay keeps its own in.
    """

    name: str
    at: bytes
    kind: str = "tmpfs"
    root: bytes = b"/"
    overlay: "Stack | None" = None
    clone_of: str = ""
    subvolumes: tuple[bytes, ...] = ()
    snapshots: tuple[tuple[bytes, bytes], ...] = ()
    alike: bytes = b""
    bears_uuid: bool = False

    def place(self, path: bytes, at: bytes | None = None) -> bytes:
        """Where a path of it is seen, mounted at its place or at another."""
        below = path[len(self.root.rstrip(b"/")) :]
        return ((self.at if at is None else at).rstrip(b"/") + below.rstrip(b"/")) or b"/"


@dataclass(frozen=True)
class Source:
    """A directory `path` inside the file system named `on`; `name` is what the mounter calls it.

    `idmap`: it is given through a mount with that ID mapping, which is undone right after.
    """

    role: str
    on: str
    path: bytes
    name: Name | bytes = Name.ABSOLUTE
    entries: Entries | None = None
    idmap: IdMap | None = None


@dataclass(frozen=True)
class Bind:
    """The overlay's directory `root` is bound at `at` as well."""

    root: bytes
    at: bytes


# What happened since the overlay was mounted, in the order of `Stack.since`.


@dataclass(frozen=True)
class LazyUnmount:
    """The file system was unmounted where it was; the overlay goes on holding it. `remove`: its mount point too."""

    filesystem: str
    remove: bool = False


@dataclass(frozen=True)
class Rename:
    """The source was renamed inside its file system."""

    label: str
    path: bytes


@dataclass(frozen=True)
class RenameAbove:
    """A directory with sources below it was renamed inside its file system."""

    filesystem: str
    old: bytes
    new: bytes


@dataclass(frozen=True)
class Buried:
    """A directory with sources below it was moved into a new one, that into another, and so on.

    Each has a name of 200 bytes; from 20 levels on no path that the kernel takes in one call leads to the sources.
    """

    filesystem: str
    path: bytes
    levels: int


@dataclass(frozen=True)
class Lookalikes:
    """Directories with the names of the sources: below `below` the relative ones, the absolute ones as they are.

    A name that is taken is left alone: so absolute ones come about only where the source is gone from there.
    """

    below: bytes


@dataclass(frozen=True)
class Linked:
    """Copies of the sources that share their files as hard links (`cp -al`), below `below` on the same file system."""

    below: bytes


@dataclass(frozen=True)
class Twin:
    """A second tmpfs, at `at`, filled in the same order: the same names, inode numbers and times, other contents."""

    filesystem: str
    at: bytes


@dataclass(frozen=True)
class UsedWork:
    """At `at` there is a copy of the work directory as overlayfs left it: nothing shows which of the two is used."""

    label: str
    at: bytes


@dataclass(frozen=True)
class Standing:
    """A process whose working directory is `cwd`."""

    cwd: bytes


@dataclass(frozen=True)
class Holding:
    """A process that holds the directory `path`: `cwd`, `root` or `fd` says by what."""

    path: bytes
    through: str = "cwd"


@dataclass(frozen=True)
class Cover:
    """An empty tmpfs was mounted over `at`."""

    at: bytes


@dataclass(frozen=True)
class Delete:
    """The source was removed. `parent`: and the directory above it."""

    label: str
    parent: bool = False


@dataclass(frozen=True)
class Emptied:
    """The source was renamed; a new directory has its name and all its entries, which the overlay had shown before."""

    label: str
    path: bytes


@dataclass(frozen=True)
class BindSubtree:
    """The directory `path` of the file system was bound at `at`."""

    filesystem: str
    path: bytes
    at: bytes


@dataclass(frozen=True)
class Move:
    """The mount of the file system was moved to `at`."""

    filesystem: str
    at: bytes


@dataclass(frozen=True)
class OtherNamespace:
    """A process with a mount namespace of its own, a copy of this one in which the overlay is unmounted.

    `at`: there the directory `path` of the file system is at another place only. `cover`: there an empty tmpfs is
    mounted over that. `owned`: by a user namespace of its own.
    """

    filesystem: str
    path: bytes = b"/"
    at: bytes = b""
    cover: bytes = b""
    owned: bool = False


@dataclass(frozen=True)
class SnapshotOf:
    """A btrfs snapshot of the subvolume `of`, at `path`: the same inode numbers, generations, names; other contents."""

    filesystem: str
    of: bytes
    path: bytes


@dataclass(frozen=True)
class OverSource:
    """Something else of overlayfs's kind: a second overlay, of two new directories, mounted over `at`."""

    at: bytes


Step = (
    LazyUnmount
    | Rename
    | RenameAbove
    | Buried
    | Lookalikes
    | Linked
    | Twin
    | UsedWork
    | Standing
    | Holding
    | Cover
    | Delete
    | Emptied
    | BindSubtree
    | Move
    | OtherNamespace
    | SnapshotOf
    | OverSource
)


@dataclass(frozen=True)
class Stack:
    """A stack of directories and its overlay. `layers` top to bottom; `vantages`: where it can be built and looked at.

    `needs`: abilities (by name, see `abilities`) without which it can't be built. `provable`: labels of the sources
    that must be proved from a vantage; None means all of them. `states`: by label, the state of each source that is not
    simply located; "*" stands for all others. `undecidable`: labels of which another directory is alike in all that can
    be seen from a vantage without privilege. `not_restored`: why no restore of it is judged.
    """

    name: str
    profile: str
    layers: tuple[Source, ...]
    work: Source | None = None
    filesystems: tuple[FileSystem, ...] = (FileSystem("store", b"/store"),)
    manner: Manner = Manner.PAGE
    cwd: bytes = b"/"
    options: tuple[tuple[bytes, bytes | None], ...] = ()
    flags: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    propagation: str = "private"
    target: bytes = b"/m/merged"
    binds: tuple[Bind, ...] = ()
    since: tuple[Step, ...] = ()
    vantages: tuple[Vantage, ...] = (Vantage.INSIDE, Vantage.OUTSIDE)
    owner: str = "vantage"
    needs: tuple[str, ...] = ()
    provable: dict[Vantage, frozenset[str] | None] = field(
        default_factory=lambda: {Vantage.OUTSIDE: None, Vantage.INSIDE: frozenset()}
    )
    summary: str = ""
    states: dict[str, str] = field(default_factory=dict)
    undecidable: frozenset[str] = frozenset()
    not_restored: str = ""

    def sources(self) -> list[tuple[str, Source]]:
        """Every source with its label: `upper`, `lower/0`…, `data/0`…, `work`."""
        counts: dict[str, int] = {}
        labelled = []
        for layer in self.layers:
            number = counts.get(layer.role, 0)
            counts[layer.role] = number + 1
            labelled.append(("upper" if layer.role == "upper" else f"{layer.role}/{number}", layer))
        return labelled + ([("work", self.work)] if self.work else [])

    def filesystem(self, name: str) -> FileSystem:
        return next(filesystem for filesystem in self.filesystems if filesystem.name == name)

    def place(self, source: Source) -> bytes:
        """The absolute path of a source, as the sandbox sees it when the overlay is mounted."""
        return self.filesystem(source.on).place(source.path)

    def inner(self) -> "list[tuple[str, Stack]]":
        """The overlays that bear sources, by the name of their file system."""
        return [(each.name, each.overlay) for each in self.filesystems if each.overlay]

    def everything(self) -> "list[tuple[str, Stack, Source]]":
        """Every source of this overlay and of those below it: label, whose it is, source. Below: `NAME:upper`…"""
        below = [(f"{name}:{label}", each, source) for name, each in self.inner() for label, source in each.sources()]
        return [(label, self, source) for label, source in self.sources()] + below

    def state(self, label: str) -> str:
        """The state that a source is declared to be in."""
        return self.states.get(label, self.states.get("*", "located"))

    @functools.cached_property
    def _now(self) -> set[str]:
        """The states of all sources but those on an overlay mounted nowhere: that one can be built again."""
        found = {(self.filesystem(source.on).kind, self.state(label)) for label, _, source in self.everything()}
        return {state for kind, state in found if (kind, state) != ("overlay", "unmounted")}

    @property
    def covered(self) -> bool:
        """Whether every source is there still, one of them at least below another mount, here or elsewhere."""
        elsewhere = any(isinstance(step, OtherNamespace) and step.cover for step in self.since)
        return ("covered" in self._now or elsewhere) and self._now <= {"located", "covered", "elsewhere"}

    @property
    def restorable(self) -> bool:
        return not self.why_not_restorable

    @property
    def why_not_restorable(self) -> str:
        """Why it can't be asked of every restorer to build the stack again; empty where it can."""
        if self.not_restored:
            return self.not_restored
        if self.covered:
            return "a source is below another mount, where a restorer need not find it"
        lost = sorted(self._now - {"located", "elsewhere"})
        return f"a source is {lost[0]}" if lost else ""

    @property
    def lost(self) -> bool:
        """Whether a source can't be had back when the overlay is gone."""
        return bool(self._now & {"deleted", "detached", "unmounted", "unknown"}) and not self.not_restored

    def has(self, option: bytes) -> bool:
        return any(name == option for name, _ in self.options)
