"""How a stack is declared: what it is made of, how it was mounted, what happened since, what must be found.

Declarations are plain frozen data; `builder` makes them real, the judges compare against them.
"""

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


class Manner(Enum):
    """Which calls mount the overlay."""

    PAGE = "mount(2), one page of options"
    APPEND = "fsconfig, one lowerdir+= a layer"
    DESCRIPTOR = "fsconfig, a descriptor a layer"


@dataclass(frozen=True)
class FileSystem:
    """A file system that bears sources, mounted at `at`."""

    name: str
    at: bytes
    kind: str = "tmpfs"


@dataclass(frozen=True)
class Source:
    """A directory `path` inside the file system named `on`; `name` is what the mounter calls it."""

    role: str
    on: str
    path: bytes
    name: Name | bytes = Name.ABSOLUTE
    entries: Entries | None = None


@dataclass(frozen=True)
class Bind:
    """The overlay's directory `root` is bound at `at` as well."""

    root: bytes
    at: bytes


# What happened since the overlay was mounted, in the order of `Stack.since`.


@dataclass(frozen=True)
class LazyUnmount:
    """The file system was unmounted where it was; the overlay goes on holding it."""

    filesystem: str


@dataclass(frozen=True)
class Rename:
    """The source was renamed inside its file system."""

    label: str
    path: bytes


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
class Standing:
    """A process whose working directory is `cwd`."""

    cwd: bytes


Step = LazyUnmount | Rename | Lookalikes | Linked | Twin | Standing


@dataclass(frozen=True)
class Stack:
    """A stack of directories and its overlay. `layers` top to bottom; `vantages`: where it can be built and looked at.

    `needs`: abilities (by name, see `abilities`) without which it can't be built. `provable`: labels of the sources
    that must be proved from a vantage; None means all of them.
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
        return self.filesystem(source.on).at.rstrip(b"/") + source.path

    @property
    def covered(self) -> bool:
        """Whether a twin stands above a file system of the sources, which is still mounted below it."""
        points = {filesystem.at for filesystem in self.filesystems}
        gone = any(isinstance(step, LazyUnmount) for step in self.since)
        return not gone and any(isinstance(step, Twin) and step.at in points for step in self.since)

    def restorable(self, vantage: Vantage) -> bool:
        """Whether every source can be reached by a path, and the mounter's rights can be had from there."""
        gone = any(isinstance(step, LazyUnmount) for step in self.since)
        return not gone and not self.covered and not (vantage is Vantage.OUTSIDE and self.owner == "user namespace")

    def has(self, option: bytes) -> bool:
        return any(name == option for name, _ in self.options)
