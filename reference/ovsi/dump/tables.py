"""The tables of an image, filled as its parts are needed: file systems and mounts, each once."""

from __future__ import annotations

import errno
import os

from ..discover.evidence import Directory, Spot
from ..errors import text
from ..identity import stability_of
from ..image import model
from ..linux.files import file_system_uuid, mount_id_of_fd
from ..linux.statmount import unique_ids
from ..record import unchecked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..discover.ladder import Account, Ladder
    from ..discover.vantage import MountNamespace, Vantage
    from ..linux.mountinfo import Mount

_ROOT_GONE = "its root directory was removed"
_NO_UUID = "this kernel does not tell it without introspection"


class Tables:
    """Gives ids to file systems and mounts; `filesystems` and `mounts` are the tables so far."""

    def __init__(self, vantage: Vantage, ladder: Ladder) -> None:
        self.vantage = vantage
        self.ladder = ladder
        self.filesystems: list[model.Filesystem] = []
        self.mounts: list[model.Mount] = []
        self.filesystem_ids: dict[str, str] = {}
        """Device to id."""
        self._mount_ids: dict[tuple[int | None, int], str] = {}
        self._unique: dict[int | None, dict[int, int]] = {}
        self._attributes: dict[tuple[bytes, ...], tuple[str, ...]] = {}

    def unique_ids(self, space: MountNamespace) -> dict[int, int]:
        """Mount ID to 64-bit ID in a namespace, as far as the kernel tells."""
        if space.inode not in self._unique:
            self._unique[space.inode] = self.read_unique_ids(space)
        return self._unique[space.inode]

    def read_unique_ids(self, space: MountNamespace) -> dict[int, int]:
        """The same, as it is now."""
        number = space.table.namespace_id
        if number is None:
            if space.inode is None or space.inode != os.stat("/proc/self/ns/mnt").st_ino:
                return {}
            number = 0
        try:
            return unique_ids(number)
        except OSError:
            return {}  # an older kernel, or no privilege over that namespace

    def overlay(self, account: Account) -> str:
        """The id of an overlay's own file system."""
        known = self.filesystem_ids.get(account.device)
        if known is not None:
            return known
        source = account.mounts[0].source if account.mounts else None
        if account.facts is None:
            return self._add_filesystem("overlay", account.device, None, source, (("uuid", _NO_UUID),))
        return self._add_filesystem("overlay", account.device, _uuid(account.facts.uuid), source, ())

    def filesystem(self, directory: Directory, spot: Spot | None) -> str:
        """The id of the file system that a directory is on."""
        known = self.filesystem_ids.get(directory.device)
        if known is not None:
            return known
        uuid: str | None = None
        missing: tuple[tuple[str, str], ...] = ()
        if directory.uuid is not None:
            uuid = _uuid(directory.uuid)
        elif directory.fs_type != "squashfs":  # which has none
            uuid = self._ask_uuid(directory, spot)
            missing = () if uuid else (("uuid", _NO_UUID),)
        mounts = self.vantage.here.table.by_device(directory.device)
        source = spot.mount.source if spot and spot.mount else mounts[0].source if mounts else None
        return self._add_filesystem(directory.fs_type, directory.device, uuid, source, missing)

    def of_mount(self, mount: Mount) -> str:
        """The id of the file system that is mounted there."""
        directory = Directory(mount.device, text(mount.fs_type), 0)
        return self.filesystem(directory, Spot(b"/", mount))

    def _ask_uuid(self, directory: Directory, spot: Spot | None) -> str | None:
        """The UUID by way of the directory itself, or of any mount of its file system in the dumped namespace."""
        from ..discover.hints import served_by_others  # introspection needs none of this

        table = self.vantage.here.table
        mounts = [mount for mount in table.by_device(directory.device) if not served_by_others(mount)]
        if not mounts or directory.fs_type == "overlay":
            return None
        places = [(mount, mount.mount_point) for mount in mounts if table.visible(mount)]
        if spot is not None and spot.mount is not None and spot.namespace is None:
            places.insert(0, (spot.mount, spot.mount.mount_point.rstrip(b"/") + spot.path))
        for mount, path in places:
            try:
                fd = self.vantage.here.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except OSError:
                continue
            try:
                if mount_id_of_fd(fd) == mount.mount_id:  # not what covers it
                    return _uuid(file_system_uuid(fd))
            except OSError as failure:
                if failure.errno not in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL):
                    raise
                return None
            finally:
                os.close(fd)
        return None

    def _add_filesystem(
        self, fs_type: str, device: str, uuid: str | None, source: bytes | None, missing: tuple[tuple[str, str], ...]
    ) -> str:
        name = self.filesystem_ids[device] = f"fs{len(self.filesystems)}"
        stability = stability_of(fs_type)
        self.filesystems.append(unchecked(model.Filesystem, (name, fs_type, device, uuid, source, stability, missing)))
        return name

    def mount(self, mount: Mount, filesystem: str, namespace: tuple[int, int | None] | None = None) -> str:
        """The id of a mount of a file system in the table; `namespace`: another than the dumped one."""
        key = (namespace[0] if namespace else None, mount.mount_id)
        known = self._mount_ids.get(key)
        if known is not None:
            return known
        name = self._mount_ids[key] = f"m{len(self.mounts)}"
        root = None if mount.root_deleted else mount.root
        ids = (name, filesystem, mount.mount_id, self._unique_id(mount, namespace), mount.parent_id)
        place = (root, mount.mount_point, mount.source, self._words(mount.attributes), _propagation(mount))
        space = model.Namespace(inode=namespace[0], unique_id=namespace[1]) if namespace else None
        missing = () if root is not None else (("root", _ROOT_GONE),)
        self.mounts.append(unchecked(model.Mount, (*ids, *place, space, missing)))
        return name

    def _words(self, attributes: tuple[bytes, ...]) -> tuple[str, ...]:
        words = self._attributes.get(attributes)
        if words is None:
            words = self._attributes[attributes] = tuple([text(attribute) for attribute in attributes])
        return words

    def _unique_id(self, mount: Mount, namespace: tuple[int, int | None] | None) -> int | None:
        if namespace is None:
            known = self.ladder.kernel.mount(mount.mount_id)
            if known is not None:
                return known.unique_id
            return self.unique_ids(self.vantage.here).get(mount.mount_id)
        space = next((one for one in self.vantage.others() if one.inode == namespace[0]), None)
        return None if space is None else self.unique_ids(space).get(mount.mount_id)


_PRIVATE = model.Propagation()


def _propagation(mount: Mount) -> model.Propagation:
    if mount.shared is mount.master is mount.propagate_from is None and not mount.unbindable:
        return _PRIVATE
    return model.Propagation(
        peer_group=mount.shared,
        master=mount.master,
        propagate_from=mount.propagate_from,
        unbindable=mount.unbindable,
    )


def _uuid(raw: bytes | None) -> str | None:
    if raw is None or len(raw) != 16 or not any(raw):
        return None
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
