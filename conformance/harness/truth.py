"""What is so: recorded by the builder from descriptors that it holds, never asked of an implementation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .kernel import Handle
from .mounts import Mount
from .rights import Rights
from .stack import IdMap

Place = tuple[int, bytes]
"""A mount's ID and a path below the root of that mount."""


@dataclass(frozen=True)
class Holder:
    """A process that holds a directory: `path` leads from what it holds to a source."""

    pid: int
    start: int
    through: str
    path: bytes


@dataclass(frozen=True)
class SourceTruth:
    """A source. `label`: `upper`, `lower/N`, `data/N`, `work`. `path`: inside its file system, None where removed.

    `reached`: every place of the namespace where it is found now; `hidden`: the same for places at which another mount
    stands above it; `elsewhere`: places in other mount namespaces, by their number; `held`: processes that lead to it.
    `mounted`: whether its file system has any mount in this namespace, `abroad`: in another one.
    """

    label: str
    role: str
    declared: bytes
    device: str
    kind: str
    uuid: str | None
    inode: int
    generation: int | None
    handle: Handle | None
    path: bytes | None
    reached: tuple[Place, ...] = ()
    hidden: tuple[Place, ...] = ()
    subvolume: int | None = None
    idmap: IdMap | None = None
    elsewhere: tuple[tuple[int, int, bytes], ...] = ()
    held: tuple[Holder, ...] = ()
    mounted: bool = True
    abroad: bool = False

    @property
    def state(self) -> str:
        """The first that holds, in the order of section 10.2 of the specification."""
        if self.path is None:
            return "deleted"
        for found, state in (
            (self.reached, "located"),
            (self.hidden, "covered"),
            (self.elsewhere, "elsewhere"),
            (self.held, "detached"),
        ):
            if found:
                return state
        return "unknown" if self.mounted or self.abroad else "unmounted"


@dataclass(frozen=True)
class InnerTruth:
    """An overlay that bears sources: its device, its own sources, its mounts here, what mountinfo showed of it."""

    name: str
    device: str
    sources: tuple[SourceTruth, ...]
    mounts: tuple[Mount, ...]
    shown: Mount


@dataclass(frozen=True)
class Truth:
    """A built stack: its sources top to bottom, work last; the mount table; the overlay's own mount and device.

    `others`: the mount tables of other namespaces, by their number. `rights`: of whoever mounted all its overlays.
    """

    sources: tuple[SourceTruth, ...]
    mounts: tuple[Mount, ...]
    target: Mount
    nonce: str
    namespace: int
    inner: tuple[InnerTruth, ...] = ()
    others: Mapping[int, tuple[Mount, ...]] = field(default_factory=dict)
    rights: Rights | None = None

    @property
    def own_mounts(self) -> list[Mount]:
        """All mounts of the overlay: the one asked for first, the others by mount ID."""
        return sorted(
            (mount for mount in self.mounts if mount.device == self.target.device),
            key=lambda mount: (mount.id != self.target.id, mount.id),
        )

    def source(self, label: str) -> SourceTruth:
        return next(source for source in self.everything if source.label == label)

    @property
    def everything(self) -> list[SourceTruth]:
        """Every source of this overlay and of those below it."""
        return [*self.sources, *(source for inner in self.inner for source in inner.sources)]

    def mount(self, number: int) -> Mount | None:
        return next((mount for mount in self.mounts if mount.id == number), None)

    def told_with(self, pids: Mapping[int, int]) -> "Truth":
        """The same with processes as another /proc names them."""

        def renamed(source: SourceTruth) -> SourceTruth:
            held = tuple(replace(holder, pid=pids.get(holder.pid, holder.pid)) for holder in source.held)
            return replace(source, held=held)

        inner = tuple(replace(each, sources=tuple(map(renamed, each.sources))) for each in self.inner)
        return replace(self, sources=tuple(map(renamed, self.sources)), inner=inner)
