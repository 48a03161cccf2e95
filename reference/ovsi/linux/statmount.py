"""listmount(2) and statmount(2), Linux 6.8 and later: mounts by their 64-bit ID, options without octal escapes.

Layouts are of struct mnt_id_req and struct statmount, include/uapi/linux/mount.h. Which parts a kernel can give
is told by the mask of its answer: a part that it did not give is None here, never a guess.
"""

from __future__ import annotations

import errno
import struct

from ..record import Record
from . import foreign
from .namespaces import IdRange, parse_id_map
from .syscall import common, error, syscall

SB_BASIC = 0x0001
MNT_BASIC = 0x0002
PROPAGATE_FROM = 0x0004
MNT_ROOT = 0x0008
MNT_POINT = 0x0010
FS_TYPE = 0x0020
MNT_NS_ID = 0x0040
MNT_OPTS = 0x0080
FS_SUBTYPE = 0x0100
SB_SOURCE = 0x0200
OPT_ARRAY = 0x0400
OPT_SEC_ARRAY = 0x0800
SUPPORTED_MASK = 0x1000
MNT_UIDMAP = 0x2000
MNT_GIDMAP = 0x4000
EVERYTHING = 0x7FFF

LSMT_ROOT = 0xFFFF_FFFF_FFFF_FFFF
"""As a mount ID for `listmount`: all mounts below the caller's root, or of the namespace that is named."""

_STATMOUNT, _LISTMOUNT = common(457), common(458)
_OLD_REQUEST = struct.Struct("=IIQQ")
_REQUEST = struct.Struct("=IIQQQ")
_FIXED = struct.Struct("=II Q IIQII QQII QQQQ Q II Q IIIIIIQIIII")
_MOUNT_ID, _MOUNT_ID_AT = struct.Struct("=I"), 56
_STRINGS = 512  # where the variable part begins, whatever the kernel's age
_BATCH = 1024


class MountStatus(Record):
    """What statmount(2) tells; None for what was not asked for, or is not known to this kernel.

    `attributes` are MOUNT_ATTR_* bits, `propagation` MS_* bits. `option_array` are the file system's options,
    `security_options` an LSM's, each free of octal escapes. The maps of an ID-mapped mount are as the caller's user
    namespace numbers users; ranges that have no number there are left out, so an ID-mapped mount may show none.
    """

    mask: int
    device: str | None
    fs_magic: int | None
    sb_flags: int | None
    unique_id: int | None
    unique_parent_id: int | None
    mount_id: int | None
    parent_id: int | None
    attributes: int | None
    propagation: int | None
    shared: int | None
    master: int | None
    propagate_from: int | None
    root: bytes | None
    mount_point: bytes | None
    namespace_id: int | None
    fs_type: bytes | None
    fs_subtype: bytes | None
    source: bytes | None
    shown_options: bytes | None
    option_array: tuple[bytes, ...] | None
    security_options: tuple[bytes, ...] | None
    supported_mask: int | None
    id_mapped: bool | None
    uid_map: tuple[IdRange, ...] | None
    gid_map: tuple[IdRange, ...] | None


def _request(mount: int, parameter: int, namespace: int) -> bytes:
    if namespace:  # the first kernels to have the calls take the short form only
        return _REQUEST.pack(_REQUEST.size, 0, mount, parameter, namespace)
    return _OLD_REQUEST.pack(_OLD_REQUEST.size, 0, mount, parameter)


def listmount(mount: int = LSMT_ROOT, namespace: int = 0) -> list[int]:
    """The unique IDs of all mounts below a mount, oldest first; in the mount namespace of that ID, 0: the caller's.

    Raises OSError: ENOSYS before Linux 6.8, EINVAL for a namespace ID before 6.11, ENOENT or EPERM without
    CAP_SYS_ADMIN over that namespace.
    """
    found: list[int] = []
    batch = (foreign.c_uint64 * _BATCH)()
    while True:
        request = _request(mount, found[-1] if found else 0, namespace)
        count = syscall("listmount", _LISTMOUNT, request, foreign.addressof(batch), _BATCH, 0)
        found += batch[:count]
        if count < _BATCH:
            return found


def statmount(mount: int, mask: int = EVERYTHING, namespace: int = 0) -> MountStatus:
    """What `mask` asks for about the mount of that unique ID, in the mount namespace of that ID (0: the caller's).

    Raises OSError as `listmount` does, ENOENT where there is no such mount (any more).
    """
    return _parse(_answer(mount, mask | SUPPORTED_MASK, namespace), mask)


def unique_ids(namespace: int = 0) -> dict[int, int]:
    """The unique ID of each mount ID in a mount namespace. Raises OSError as `listmount` does."""
    found = {}
    buffer = foreign.create_string_buffer(_STRINGS)
    for mount in listmount(LSMT_ROOT, namespace):
        try:
            syscall("statmount", _STATMOUNT, _request(mount, MNT_BASIC, namespace), buffer, _STRINGS, 0)
        except FileNotFoundError:
            continue  # unmounted meanwhile
        found[_MOUNT_ID.unpack_from(buffer, _MOUNT_ID_AT)[0]] = mount
    return found


def probe() -> int | None:
    """The mask of what statmount(2) can tell here; 0 where it works and does not say; None where it is missing."""
    try:
        for mount in listmount():
            return statmount(mount, MNT_BASIC).supported_mask or 0
        raise error(errno.ENOENT, "listmount")
    except OSError:
        return None


def _answer(mount: int, mask: int, namespace: int) -> bytes:
    request = _request(mount, mask, namespace)
    size = 1 << 15 if mask & OPT_ARRAY else 1 << 12  # an overlay may have hundreds of options
    while True:
        buffer = foreign.create_string_buffer(size)
        try:
            syscall("statmount", _STATMOUNT, request, buffer, size, 0)
        except OSError as failure:
            if failure.errno != errno.EOVERFLOW:
                raise
            size *= 4
        else:
            return buffer.raw


def _parse(answer: bytes, wanted: int) -> MountStatus:
    (_size, options, got, major, minor, magic, sb_flags, fs_type, unique, unique_parent, mount_id, parent_id,
     attributes, propagation, shared, master, propagate_from, root, point, namespace, subtype, source,
     option_count, option_start, security_count, security_start, supported,
     uid_count, uid_start, gid_count, gid_start) = _FIXED.unpack_from(answer)  # fmt: skip

    # What the kernel knows and was asked for, yet did not give, is empty.
    told = got | wanted & (supported if got & SUPPORTED_MASK else 0)

    def string(bit: int, start: int) -> bytes | None:
        if not got & bit:
            return None
        begin = _STRINGS + start
        return answer[begin : answer.index(b"\0", begin)]

    def strings(bit: int, count: int, start: int) -> tuple[bytes, ...] | None:
        if not got & bit:
            return () if told & bit else None
        return tuple(answer[_STRINGS + start :].split(b"\0", count)[:count])

    basic, super_basic = got & MNT_BASIC, got & SB_BASIC
    return MountStatus(
        mask=got,
        device=f"{major}:{minor}" if super_basic else None,
        fs_magic=magic if super_basic else None,
        sb_flags=sb_flags if super_basic else None,
        unique_id=unique if basic else None,
        unique_parent_id=unique_parent if basic else None,
        mount_id=mount_id if basic else None,
        parent_id=parent_id if basic else None,
        attributes=attributes if basic else None,
        propagation=propagation if basic else None,
        shared=shared or None if basic else None,
        master=master or None if basic else None,
        propagate_from=propagate_from or None if got & PROPAGATE_FROM else None,
        root=string(MNT_ROOT, root),
        mount_point=string(MNT_POINT, point),
        namespace_id=namespace if got & MNT_NS_ID else None,
        fs_type=string(FS_TYPE, fs_type),
        fs_subtype=string(FS_SUBTYPE, subtype),
        source=string(SB_SOURCE, source),
        shown_options=string(MNT_OPTS, options),
        option_array=strings(OPT_ARRAY, option_count, option_start),
        security_options=strings(OPT_SEC_ARRAY, security_count, security_start),
        supported_mask=supported if got & SUPPORTED_MASK else None,
        id_mapped=bool(got & MNT_UIDMAP) if told & MNT_UIDMAP else None,
        uid_map=_ranges(strings(MNT_UIDMAP, uid_count, uid_start)),
        gid_map=_ranges(strings(MNT_GIDMAP, gid_count, gid_start)),
    )


def _ranges(lines: tuple[bytes, ...] | None) -> tuple[IdRange, ...] | None:
    return None if lines is None else parse_id_map(b"\n".join(lines))
