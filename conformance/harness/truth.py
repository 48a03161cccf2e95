"""What is so: recorded by the builder from descriptors that it holds, never asked of an implementation."""

from dataclasses import dataclass

from .kernel import Handle
from .mounts import Mount


@dataclass(frozen=True)
class SourceTruth:
    """A source. `label`: `upper`, `lower/N`, `data/N`, `work`. `path`: inside its file system, None where removed.

    `reached`: (mount ID, path below that mount's root) of every place of the namespace where it is found now;
    `hidden`: the same for places at which another mount stands above it.
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
    reached: tuple[tuple[int, bytes], ...] = ()
    hidden: tuple[tuple[int, bytes], ...] = ()

    @property
    def state(self) -> str:
        if self.path is None:
            return "deleted"
        return "located" if self.reached else "covered" if self.hidden else "unmounted"


@dataclass(frozen=True)
class Truth:
    """A built stack: its sources top to bottom, work last; the mount table; the overlay's own mount and device."""

    sources: tuple[SourceTruth, ...]
    mounts: tuple[Mount, ...]
    target: Mount
    nonce: str
    namespace: int

    @property
    def own_mounts(self) -> list[Mount]:
        """All mounts of the overlay: the one asked for first, the others by mount ID."""
        return sorted(
            (mount for mount in self.mounts if mount.device == self.target.device),
            key=lambda mount: (mount.id != self.target.id, mount.id),
        )

    def source(self, label: str) -> SourceTruth:
        return next(source for source in self.sources if source.label == label)

    def mount(self, number: int) -> Mount | None:
        return next((mount for mount in self.mounts if mount.id == number), None)
