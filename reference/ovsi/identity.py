"""Whether a directory is the source that an image names: the comparison, and what it knows of file systems. Pure.

Spec: chapter Identity. Which fields are compared depends on whether the image was made on this boot and on the type
of the file system; what they are compared with is what the very descriptor shows that will be used.
"""

from __future__ import annotations

import struct

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from .image.model import Filesystem, Identity

    Stability = Literal["filesystem", "boot", "none"]


class Row(Record):
    """A row of the identity table: the minimum set, besides the inode number, on the image's boot and on another.

    On the image's boot the device is compared as well, on another the UUID; `later` None: nothing suffices there.
    """

    stability: Stability
    now: tuple[str, ...] | None
    later: tuple[str, ...] | None


_DISK = Row("filesystem", ("generation",), ("generation",))
_NOTHING = Row("none", None, None)
TABLE: dict[str, Row] = {
    "ext2": _DISK,
    "ext3": _DISK,
    "ext4": _DISK,
    "xfs": _DISK,
    "btrfs": Row("filesystem", ("subvolume", "generation"), ("subvolume", "generation")),
    "erofs": Row("filesystem", (), ()),
    "squashfs": Row("filesystem", (), None),
    "tmpfs": Row("boot", ("generation",), None),
    "overlay": Row("boot", (), None),
}
"""Spec section 4.3; a type that is not in it names nothing for good."""


def row_of(fs_type: str) -> Row:
    """The row of a file system type."""
    return TABLE.get(fs_type, _NOTHING)


def stability_of(fs_type: str) -> Stability:
    """For how long an inode number and generation name an object on a file system of this type."""
    return row_of(fs_type).stability


def by_device_alone(fs_type: str, uuid: str | None = None) -> bool:
    """Whether the device number is all that tells which superblock it was (OVSI-ID-010).

    `uuid`: one that both sides know. An erofs may have been made without a UUID, and older kernels do not tell it.
    """
    return fs_type in ("squashfs", "overlay") or (fs_type == "erofs" and uuid is None)


class Seen(Record):
    """What a descriptor shows of the directory that it is open on; None: not shown, or not asked.

    `device` is the superblock's "major:minor" (of the mount, not st_dev), `uuid` the superblock's with dashes, `handle`
    its type and bytes as the kernel encodes it.
    """

    fs_type: str
    device: str
    inode: int
    uuid: str | None = None
    generation: int | None = None
    subvolume: int | None = None
    handle: tuple[int, bytes] | None = None


class Verdict(Record):
    """The outcome of a comparison, with a clause for a person.

    kind: `same`; `differs`: another object, or another type; `moved`: only the device differs, and all that is compared
    on another boot is equal; `unconfirmed`: of an image of another boot, not confirmed by the table; `insufficient`:
    nothing contradicts, but the image says too little.
    """

    kind: Literal["same", "differs", "moved", "unconfirmed", "insufficient"]
    detail: str


SAME = Verdict("same", "")


def compare(wanted: Identity, filesystem: Filesystem, seen: Seen, *, same_boot: bool) -> Verdict:
    """Whether `seen` is the directory that `wanted` names on `filesystem`, an entry of the image (spec section 4.3).

    same_boot: the image was made on the running kernel. OVSI-ID-006 to 011.
    """
    if filesystem.type != seen.fs_type:
        detail = f"it is on {seen.fs_type}, not on {filesystem.type}"
        return Verdict("differs" if same_boot else "unconfirmed", detail)
    return _now(wanted, filesystem, seen) if same_boot else _later(wanted, filesystem, seen)


def _now(wanted: Identity, filesystem: Filesystem, seen: Seen) -> Verdict:
    difference = _difference(wanted, seen, handles=True)
    if difference:
        return Verdict("differs", difference)
    row = row_of(filesystem.type)
    if row.now is None:
        return Verdict("insufficient", f"inode numbers of {filesystem.type} name nothing for good")
    missing = "" if _handle_agrees(wanted, seen) else _missing(row.now, wanted, seen)
    if missing:
        return Verdict("insufficient", missing)
    if filesystem.device == seen.device:
        if filesystem.uuid is not None and seen.uuid is not None and filesystem.uuid != seen.uuid:
            return Verdict("differs", f"its file system has UUID {seen.uuid}, not {filesystem.uuid}")
        return SAME
    detail = f"it is on device {seen.device}, not {filesystem.device}"
    return Verdict("moved" if _later(wanted, filesystem, seen) == SAME else "differs", detail)


def _later(wanted: Identity, filesystem: Filesystem, seen: Seen) -> Verdict:
    row = row_of(filesystem.type)
    if row.later is None:
        return Verdict("unconfirmed", f"nothing confirms a directory on {filesystem.type} beyond its boot")
    if filesystem.uuid is None or seen.uuid is None:
        return Verdict("unconfirmed", "no UUID tells which file system it is on")
    if filesystem.uuid != seen.uuid:
        return Verdict("unconfirmed", f"its file system has UUID {seen.uuid}, not {filesystem.uuid}")
    detail = _difference(wanted, seen, handles=False) or _missing(row.later, wanted, seen)
    return Verdict("unconfirmed", detail) if detail else SAME


def _difference(wanted: Identity, seen: Seen, *, handles: bool) -> str:
    pairs: tuple[tuple[str, object, object], ...] = (
        ("inode", wanted.inode, seen.inode),
        ("generation", wanted.generation, _generation(seen)),
        ("subvolume", wanted.subvolume, _subvolume(seen)),
    )
    for name, expected, found in pairs:
        if expected is not None and found is not None and expected != found:
            return f"its {name} is {found}, not {expected}"
    return "its file handle is another" if handles and _handle_agrees(wanted, seen) is False else ""


def _handle_agrees(wanted: Identity, seen: Seen) -> bool | None:
    """None where there are not two handles of the kernel and of one type."""
    handle = wanted.handle
    if handle is None or seen.handle is None or handle.made_by == "producer" or handle.type != seen.handle[0]:
        return None
    return handle.bytes == seen.handle[1]


def _missing(fields: tuple[str, ...], wanted: Identity, seen: Seen) -> str:
    """The first field of the minimum set that one side lacks."""
    known = {
        "generation": (wanted.generation, _generation(seen)),
        "subvolume": (wanted.subvolume, _subvolume(seen)),
    }
    for name in fields:
        expected, found = known[name]
        if expected is None:
            return f"the image does not say its {name}"
        if found is None:
            return f"its {name} can't be read here"
    return ""


def _generation(seen: Seen) -> int | None:
    if seen.generation is not None or seen.handle is None:
        return seen.generation
    numbers = numbers_in_handle(seen.fs_type, *seen.handle)
    return None if numbers is None else numbers[1]


def _subvolume(seen: Seen) -> int | None:
    if seen.subvolume is not None or seen.handle is None:
        return seen.subvolume
    numbers = numbers_in_handle(seen.fs_type, *seen.handle)
    return None if numbers is None else numbers[2]


FILEID_INO32_GEN, FILEID_XFS64, FILEID_BTRFS = 1, 0x81, 0x4D  # include/linux/exportfs.h, fs/xfs/xfs_export.h
INO32_GEN, TMPFS, XFS64, BTRFS = map(struct.Struct, ("=II", "=III", "=QI", "=QQI"))
"""The forms of handles: generic_encode_ino32_fh (fs/libfs.c), shmem_encode_fh, xfs_fs_encode_fh, struct btrfs_fid."""
_OF_INO32_GEN = frozenset(("ext2", "ext3", "ext4", "squashfs", "xfs", "f2fs", "jfs", "nilfs2", "ubifs"))


def numbers_in_handle(fs_type: str, kind: int, data: bytes) -> tuple[int, int, int | None] | None:
    """Inode number, generation and, of btrfs, the object ID of the subvolume's root; None of a form unknown here."""
    length = len(data)
    if kind == FILEID_INO32_GEN:
        if fs_type == "tmpfs" and length == TMPFS.size:
            generation, low, high = TMPFS.unpack(data)
            return high << 32 | low, generation, None
        if fs_type in _OF_INO32_GEN and length == INO32_GEN.size:
            inode, generation = INO32_GEN.unpack(data)
            return inode, generation, None
    elif kind == FILEID_BTRFS and fs_type == "btrfs" and length == BTRFS.size:
        inode, subvolume, generation = BTRFS.unpack(data)
        return inode, generation, subvolume
    elif kind == FILEID_XFS64 and fs_type == "xfs" and length == XFS64.size:
        inode, generation = XFS64.unpack(data)
        return inode, generation, None
    return None
