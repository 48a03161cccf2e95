"""Which mounted file system a number means that an overlay shows of it: f_fsid of statfs(2), or a UUID.

A number pins a file system only where one alone bears it. A block device can be copied with its UUID, so one that is
mounted where this process can't see it (sysfs lists them) makes the answer uncertain; a tmpfs's UUID is made by chance.
"""

from __future__ import annotations

import os

from ..identity import numbers_in_handle, stability_of
from ..linux.files import file_system_uuid, fstatfs, read_file
from ..linux.handles import name_to_handle_at
from ..linux.syscall import AT_EMPTY_PATH
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.mountinfo import Mount
    from .vantage import MountNamespace, Vantage

_NONE = bytes(8)
_BY_DEVICE = ("ext4", "xfs", "erofs", "f2fs")
"""Directories of /sys/fs that list every superblock of the type by the name of its block device."""
_NO_DEVICES = (b"features", b"stats", b"debug", b"tuning")
"""What else is in such a directory."""
_UNASKED = "is mounted where it can't be asked"
_READABLE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Pin(Record):
    """A file system: s_dev, its type, and a mount by which lookups reach it, with the namespace of that."""

    device: str
    fs_type: str
    mount: Mount
    space: MountNamespace


class Pins:
    """Answers for one dump; every file system is asked once."""

    def __init__(self, vantage: Vantage) -> None:
        self.vantage = vantage
        self._by_fsid: dict[bytes, list[Pin]] | None = None
        self._by_uuid: dict[bytes, list[Pin]] | None = None
        self._asked: set[str] = set()

    def by_fsid(self, fsid: bytes) -> tuple[Pin | None, str]:
        """The one file system with this f_fsid, or None and why."""
        if fsid == _NONE:
            return None, "the overlay shows no file system ID of its layers"
        if self._by_fsid is None:
            self._read()
        return self._only((self._by_fsid or {}).get(fsid, []), "file system ID")

    def by_uuid(self, uuid: bytes) -> tuple[Pin | None, str]:
        """The one file system with this UUID, or None and why."""
        if not any(uuid):
            return None, "its handle bears no UUID"
        if self._by_uuid is None:
            self._read()
        return self._only((self._by_uuid or {}).get(uuid, []), "UUID")

    def alone(self) -> dict[bytes, Pin]:
        """The file systems whose f_fsid no other one has that may be looked at, by it."""
        if self._by_fsid is None:
            self._read()
        return {fsid: found[0] for fsid, found in (self._by_fsid or {}).items() if len(found) == 1 and any(fsid)}

    def _only(self, found: list[Pin], what: str) -> tuple[Pin | None, str]:
        if not found:
            return None, f"no mounted file system that may be looked at bears the {what} that the overlay shows"
        if len(found) > 1:
            return None, f"{len(found)} mounted file systems bear the {what} that the overlay shows"
        pin = found[0]
        if pin.fs_type != "tmpfs" and (hidden := self._hidden(pin)):
            return None, f"{hidden}, and may bear the same {what}"
        return pin, f"{pin.fs_type} {pin.device} alone bears the {what} that the overlay shows"

    def _read(self) -> None:
        self._by_fsid, self._by_uuid = {}, {}
        for pin in self._file_systems():
            try:
                fd = pin.space.open(pin.mount.mount_point, _READABLE)
            except OSError:
                continue
            try:
                fsid = fstatfs(fd).fsid
                uuid = _uuid_of(fd, pin.fs_type, fsid)
            except OSError:
                continue
            finally:
                os.close(fd)
            self._asked.add(pin.device)
            self._by_fsid.setdefault(fsid, []).append(pin)
            if uuid is not None:
                self._by_uuid.setdefault(uuid, []).append(pin)

    def _file_systems(self) -> list[Pin]:
        """Every superblock once, by way of a mount that lookups reach."""
        found: dict[str, Pin] = {}
        for space in (self.vantage.here, *self.vantage.others()):
            for mount in space.table.entries:
                fs_type = mount.fs_type.decode("utf-8", "replace")
                if mount.device in found or fs_type == "overlay" or stability_of(fs_type) == "none":
                    continue
                if space.table.visible(mount):
                    found[mount.device] = Pin(mount.device, fs_type, mount, space)
        return list(found.values())

    def _hidden(self, pin: Pin) -> str:
        """What is said of another that may be a copy and could not be asked: covered, or in no known table.

        Empty where there is none.
        """
        known: set[str] = set()
        family = _family(pin.fs_type)
        for space in (self.vantage.here, *self.vantage.others()):
            for mount in space.table.entries:
                known.add(mount.device)
                fs_type = mount.fs_type.decode("utf-8", "replace")
                if mount.device not in self._asked and _family(fs_type) == family:
                    return f"{fs_type} {mount.device} {_UNASKED}"
        if family not in _BY_DEVICE:
            return ""
        devices = _listed(family)
        if pin.device not in devices or None in devices:  # sysfs is not there, or in part: it may hide a copy too
            return f"another {family} may be mounted, which sysfs does not tell here"
        for device in devices:
            if device not in known:
                return f"{family} {device} {_UNASKED}"
        return ""


def _family(fs_type: str) -> str:
    """What a byte by byte copy of a file system may be mounted as: ext4's driver mounts three types."""
    return "ext4" if fs_type in ("ext2", "ext3") else fs_type


def _listed(family: str) -> list[str | None]:
    """The device of every superblock of the family, as far as sysfs tells."""
    try:
        names = os.listdir(f"/sys/fs/{family}".encode())
    except OSError:
        return []
    return [_device_number(name) for name in names if name not in _NO_DEVICES]


def _device_number(name: bytes) -> str | None:
    """The number of a block device, None where sysfs does not tell."""
    try:
        return read_file(b"/sys/class/block/" + name + b"/dev").decode("ascii").strip()
    except OSError:
        return None


def _uuid_of(fd: int, fs_type: str, fsid: bytes) -> bytes | None:
    try:
        return file_system_uuid(fd)
    except OSError:
        return _btrfs_uuid(fd, fsid) if fs_type == "btrfs" else None


def _btrfs_uuid(fd: int, fsid: bytes) -> bytes | None:
    """The UUID among those that sysfs lists which folds to the f_fsid (btrfs_statfs): no ioctl tells it."""
    handle, _mount = name_to_handle_at(fd, b"", AT_EMPTY_PATH)
    decoded = numbers_in_handle("btrfs", *handle)
    if decoded is None or decoded[2] is None:
        return None
    try:
        names = os.listdir("/sys/fs/btrfs")
    except OSError:
        return None
    for name in names:
        digits = name.replace("-", "")
        if len(digits) == 32 and _folded(uuid := bytes.fromhex(digits), decoded[2]) == fsid:
            return uuid
    return None


def _folded(uuid: bytes, subvolume: int) -> bytes:
    words = [int.from_bytes(uuid[at : at + 4], "big") for at in range(0, 16, 4)]
    high = words[0] ^ words[2] ^ subvolume >> 32
    low = words[1] ^ words[3] ^ subvolume & 0xFFFF_FFFF
    return high.to_bytes(4, "little") + low.to_bytes(4, "little")
