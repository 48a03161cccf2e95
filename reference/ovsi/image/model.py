"""The image as records: schemas/image.json in Python terms, and the one list of its properties in the reference.

The annotations of the records are read at run time: `shape` derives from them what the writer writes and the reader
checks. A property is named as in the schema, in snake_case (`mountPoint` is `mount_point`), in the order of the schema.
Its annotation is a *kind* from the list below (what values it may have) and says how it may lack a value:

- `Kind` without a default is required, `Kind | None = None` may be absent (None), `tuple[Kind, ...] = ()` may too;
- `Nullable[Kind]` may be null. None there is null where `missing` of the same record names the property, or where
  it has no default; else it is absent;
- `Some[Kind]` is a tuple that is not empty, `Unique[Kind]` one where none is twice.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal, Optional, Protocol, TypeVar, dataclass_transform

    _T = TypeVar("_T")
    Nullable = Optional[_T]  # noqa: UP045 - an alias with a type variable can't be written with `|`
    Some = tuple[_T, ...]
    Unique = tuple[_T, ...]

    # Kinds, with the Python type that carries them; their forms are in `kinds`.
    Version = str  # "1.0"
    Timestamp = str  # "2025-01-31T12:00:00Z"
    Uuid = str  # lower-case, with dashes
    Id = str  # a table id
    Device = str  # "8:1"
    Text = str  # for people, not empty
    Name = str  # the kernel's word, not empty
    Word = str  # a registered word or one beginning "x-"
    StateWord = str  # the same, of a state or an assurance
    Through = str  # "cwd", "root", "fd/7"
    Bytes = bytes  # what the kernel gave
    Path = bytes  # absolute and plain: b"/a/b", or b"/" alone
    Hex = bytes  # written as hexadecimal digits
    U64 = int
    U32 = int
    MountNumber = int  # a mount ID as mountinfo shows it
    PeerGroup = int
    ProcessId = int
    HandleType = int  # signed 32 bits
    Flag = bool  # true, or absent
    Count = int  # from 1 to 2^32-1
    Missing = tuple[tuple[str, str], ...]  # (property, sentence)
    Stability = Literal["filesystem", "boot", "none"]
    MadeBy = Literal["kernel", "producer"]
    Role = Literal["upper", "lower", "data"]
    Basis = Literal["held", "shown", "default"]
    RelativeTo = Literal["initial", "parent"]

    class _HasId(Protocol):
        @property
        def id(self) -> str: ...

    _Entry = TypeVar("_Entry", bound=_HasId)
else:
    from ..record import dataclass_transform

VERSION = "1.0"


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Entry(Record):
    """Base of the records here: keyword arguments only."""


class Producer(Entry):
    """The program that wrote the image."""

    name: Text
    version: Text


class Host(Entry):
    """The running kernel that device numbers, mount IDs and namespaces belong to."""

    kernel_release: Text
    boot_id: Uuid


class Namespace(Entry):
    """A mount namespace."""

    inode: U64
    unique_id: U64 | None = None


class Filesystem(Entry):
    """A superblock that bears a source, or an overlay itself. `device` is its `s_dev`, "major:minor"."""

    id: Id
    type: Name
    device: Device
    uuid: Nullable[Uuid] = None
    source: Bytes | None = None
    stability: Stability
    missing: Missing = ()


class Propagation(Entry):
    """How mount events propagate; `Propagation()` is private."""

    peer_group: PeerGroup | None = None
    master: PeerGroup | None = None
    propagate_from: PeerGroup | None = None
    unbindable: Flag = False


class Mount(Entry):
    """A mount of an overlay, or one through which a source is reached; `root` None: it was removed."""

    id: Id
    filesystem: Id
    mount_id: MountNumber
    unique_id: U64 | None = None
    parent_id: MountNumber | None = None
    root: Nullable[Path]
    mount_point: Path
    source: Bytes | None = None
    attributes: tuple[Text, ...] = ()
    propagation: Propagation | None = None
    namespace: Namespace | None = None
    missing: Missing = ()


class Handle(Entry):
    """A file handle; `bytes` is f_handle."""

    type: HandleType
    bytes: Hex
    made_by: MadeBy | None = None


class Identity(Entry):
    """What tells a directory from every other."""

    filesystem: Id
    inode: U64
    generation: Nullable[U32] = None
    subvolume: Nullable[U64] = None
    handle: Nullable[Handle] = None
    missing: Missing = ()


class Process(Entry):
    """A process that holds a detached tree; `start_time` in clock ticks since boot."""

    pid: ProcessId
    start_time: U64
    through: Through


class Place(Entry):
    """Where a directory can be reached: below a mount (a table id), or through a process; exactly one is set."""

    mount: Id | None = None
    process: Process | None = None
    path: Path


class IdRange(Entry):
    """One extent of an ID mapping; inside: of a user namespace, the ID in it; of a layer, the ID on the file system."""

    inside: U32
    outside: U32
    count: Count


class LayerIdmap(Entry):
    """The ID mapping of a layer's mount: inside is the ID on the file system."""

    uid_map: Some[IdRange]
    gid_map: Some[IdRange]


class Source(Entry):
    """A directory that an overlay is made of, as far as it is known. The words: schemas/registries.json."""

    declared: Nullable[Bytes]
    identity: Identity | None = None
    path: Path | None = None
    state: StateWord
    assurance: StateWord
    method: Word | None = None
    location: Place | None = None
    candidate: Place | None = None
    idmap: Nullable[LayerIdmap] = None
    reason: Text | None = None
    requires: Unique[Word] = ()
    missing: Missing = ()


class Layer(Source):
    """A layer of an overlay; the work directory is a plain `Source`."""

    role: Role


class MountOption(Entry):
    """A mount option; `value` None: it takes none."""

    name: Name
    value: Nullable[Bytes]
    basis: Basis | None = None


class UserNamespace(Entry):
    """A user namespace with its ID maps; `initial` None: not known."""

    initial: bool | None = None
    inode: U64 | None = None
    uid_map: Some[IdRange] | None = None
    gid_map: Some[IdRange] | None = None
    relative_to: RelativeTo | None = None


class Credentials(Entry):
    """Credentials in IDs of the initial user namespace; `cap_effective` is the bit set."""

    uid: U32 | None = None
    gid: U32 | None = None
    fsuid: U32 | None = None
    fsgid: U32 | None = None
    groups: tuple[U32, ...] | None = None
    cap_effective: U64 | None = None


class Mounter(Entry):
    """Whose rights an overlay acts with."""

    user_namespace: UserNamespace | None = None
    credentials: Credentials | None = None


class Overlay(Entry):
    """An overlay superblock. `layers` top to bottom: upper, lowers, data-only; `mounts`: table ids."""

    id: Id
    filesystem: Id
    requires: Unique[Word] = ()
    mounts: Unique[Id]
    options: tuple[MountOption, ...]
    security_options: tuple[MountOption, ...] = ()
    superblock_flags: tuple[Text, ...]
    shown_options: Bytes
    mounter: Mounter | None = None
    layers: Some[Layer]
    work: Source | None = None


class Image(Entry):
    """A whole document. The tables first, then the overlays, the one asked for first."""

    version: Version = VERSION
    requires: Unique[Word] = ()
    producer: Producer | None = None
    created: Timestamp | None = None
    host: Host
    namespace: Namespace | None = None
    filesystems: Some[Filesystem]
    mounts: tuple[Mount, ...]
    overlays: Some[Overlay]


def by_id(entries: Iterable[_Entry]) -> dict[str, _Entry]:
    """A table of the image by its ids."""
    return {entry.id: entry for entry in entries}


def made_of(overlay: Overlay) -> tuple[Source, ...]:
    """Every source of an overlay: its layers, then the work directory."""
    return overlay.layers if overlay.work is None else (*overlay.layers, overlay.work)


def sources(overlay: Overlay) -> Iterator[tuple[str, Source]]:
    """Every source of an overlay with its name: `upper`, `lower/0`…, `data/0`…, and `work` last."""
    counts = {"lower": 0, "data": 0}
    for layer in overlay.layers:
        if layer.role in counts:
            yield f"{layer.role}/{counts[layer.role]}", layer
            counts[layer.role] += 1
        else:
            yield layer.role, layer
    if overlay.work is not None:
        yield "work", overlay.work
