"""What is asked of a restore, and the plan that comes of it: plain data that can be printed before anything is done."""

from __future__ import annotations

from ..record import Record, unchecked
from .paths import joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ..image.model import Filesystem, Identity, LayerIdmap, Mounter
    from ..linux.mounttable import MountTable

    Role = Literal["upper", "lower", "data", "work"]


class Mapping(Record):
    """`--map FS[:/SUB]=DIR`: the root of the file system, or /SUB on it, is at DIR now."""

    filesystem: str
    sub: bytes
    directory: bytes


def parse_map(word: bytes) -> Mapping:
    """The argument of --map, `FS[:/SUB]=DIR`; the first `=` ends FS:/SUB. Raises ValueError for another form."""
    left, equals, directory = word.partition(b"=")
    filesystem, colon, sub = left.partition(b":")
    if not equals or not filesystem or not directory:
        raise ValueError("must be FS=DIR or FS:/SUB=DIR")
    if colon and not sub.startswith(b"/"):
        raise ValueError("SUB must begin with /")
    if any(part in (b".", b"..") for part in sub.split(b"/")):
        raise ValueError("SUB must not have . or .. in it")
    plain = b"/" + b"/".join(part for part in sub.split(b"/") if part)
    return Mapping(filesystem.decode(errors="replace"), plain, directory)


class Request(Record):
    """What the command line of `restore` asks for. `accept`: words of the registry.

    mount_devices: a file system that is mounted nowhere may be mounted, privately, from its device.
    """

    overlay_id: str | None = None
    target: bytes | None = None
    all_root: bytes | None = None
    pid: int | None = None
    maps: tuple[Mapping, ...] = ()
    accept: frozenset[str] = frozenset()
    mount_devices: bool = False


class Host(Record):
    """What a plan must know of the machine it is made for."""

    boot_id: str


class Witness(Record):
    """A mount that the image lists: while it is there, so is its superblock."""

    mount_id: int
    unique_id: int | None
    root: bytes
    mount_point: bytes

    def still_in(self, table: MountTable) -> bool:
        """Whether that very mount is in a table; on the boot of the image only."""
        if self.unique_id is not None and any(mount.unique_id is not None for mount in table.entries[:1]):
            return table.by_unique_id(self.unique_id) is not None
        mount = table.by_mount_id(self.mount_id)
        return mount is not None and (mount.root, mount.mount_point) == (self.root, self.mount_point)


class ByMount(Record):
    """Look below every mount of the file system, by its path there and by its handle.

    `device` is None where the image is of another boot. `path` is inside the file system. `mount_point`, `mount_root`
    and `below` say where the image found it: tried first. `witnesses` are the mounts of that file system in the image,
    where nothing else tells that it is still the same. `namespaces` are inode numbers of mount namespaces in which to
    look in the same way, where the caller's does not have it.
    """

    device: str | None
    uuid: str | None
    path: bytes | None
    mount_point: bytes | None
    mount_root: bytes | None
    below: bytes | None
    witnesses: tuple[Witness, ...] = ()
    namespaces: tuple[int, ...] = ()

    def at(self, path: bytes | None, below: bytes | None) -> ByMount:
        """The same for another source there."""
        device, uuid, _path, mount_point, mount_root, _below, witnesses, namespaces = self
        return unchecked(ByMount, (device, uuid, path, mount_point, mount_root, below, witnesses, namespaces))

    def hint(self) -> bytes | None:
        """The whole path at which the image found it."""
        if self.mount_point is None or self.below is None:
            return None
        return joined(self.mount_point, self.below)


class ByMap(Record):
    """Look at `path` below `directory`, as `--map` says. `witnesses` as of ByMount."""

    directory: bytes
    path: bytes
    witnesses: tuple[Witness, ...] = ()


class ByProcess(Record):
    """Look at `path` below what a process holds: /proc/PID/cwd, root or fd/N. On the same boot only."""

    pid: int
    start_time: int
    through: str
    path: bytes


class ByInner(Record):
    """Take `path` inside another overlay of the image, which this restore builds first."""

    overlay: str
    path: bytes


class SourcePlan(Record):
    """One source. name: `upper`, `lower/0`…, `data/0`…, `work`. ways: how to reach it, tried in order.

    identity is compared with the opened directory; None for a candidate of which nothing is known. `proved` tells
    whether the image proves it; if not, `ways` lead to its candidate and the restore records that. idmap_known is False
    where the image does not know whether the layer is ID-mapped.
    """

    name: str
    role: Role
    ways: tuple[ByMap | ByMount | ByProcess | ByInner, ...]
    identity: Identity | None
    filesystem: Filesystem | None
    proved: bool
    state: str
    reason: str
    idmap: LayerIdmap | None
    idmap_known: bool = True


class Option(Record):
    """An option for the kernel; `needed` is False where leaving it out means the same to a kernel without it."""

    name: str
    value: bytes | None
    needed: bool


class MountPlan(Record):
    """One mount of a superblock: which directory of the overlay, where, and how.

    root is None where that directory was removed. attributes: MOUNT_ATTR_* words to set, all others are cleared.
    peer_group and master are the image's numbers; master is None where no mount of that group is restored with it.
    within: the directory that no link on the way to the target may lead out of, None where the caller chose all of it.
    """

    root: bytes | None
    target: bytes
    source: bytes | None
    attributes: tuple[str, ...]
    peer_group: int | None
    master: int | None
    unbindable: bool
    within: bytes | None = None


class OverlayPlan(Record):
    """One superblock, built once. serves: another overlay of the plan has it as a layer; then mounts may be empty."""

    id: str
    device: str | None
    sources: tuple[SourcePlan, ...]
    options: tuple[Option, ...]
    security_options: tuple[Option, ...]
    superblock_flags: tuple[str, ...]
    mounter: Mounter | None
    mounts: tuple[MountPlan, ...]
    serves: bool
    notes: tuple[str, ...]

    def subject(self, source: SourcePlan | None = None) -> str:
        """How messages and results name it: `ID`, or `ID/lower/3`."""
        return self.id if source is None else f"{self.id}/{source.name}"


class Plan(Record):
    """A whole restore, inner overlays before those that use them. pid: whose mount namespace, None the caller's.

    mount_devices: a file system that is mounted nowhere may be mounted, privately, from its device.
    """

    same_boot: bool
    pid: int | None
    accept: frozenset[str]
    overlays: tuple[OverlayPlan, ...]
    mount_devices: bool = False
