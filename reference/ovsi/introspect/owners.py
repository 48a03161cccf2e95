"""Whose an overlay is: user namespaces, credentials, ID maps (include/linux/{user_namespace,cred}.h)."""

from __future__ import annotations

from ..linux.namespaces import IdRange
from . import shapes
from .errors import Inconsistent
from .facts import CredentialFacts, IdMap, UserNamespaceFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .layout import Layout
    from .snapshot import Snapshot

_MAX_LEVEL = 33  # of nested user namespaces: user_namespaces(7) says 32
_MAX_EXTENTS = 340  # of an ID map: user_namespaces(7)
_MAX_GROUPS = 1 << 16  # NGROUPS_MAX
_IDENTITY = (IdRange(0, 0, 0xFFFFFFFF),)


def idmap_of(mount: shapes.VfsMount, owner: int | None = None) -> int | None:
    """What a mount points at for its ID map; None where it has none, as before there were ID-mapped mounts.

    From Linux 5.12 to 6.1 that is a user namespace, and from 5.17 on the one that owns the file system, `owner`, where
    the mount has no ID map (include/linux/fs.h, is_idmapped_mnt).
    """
    if mount.idmap is not None:
        return mount.idmap
    return None if mount.user_namespace == owner else mount.user_namespace


class Owners:
    """User namespaces, credentials and ID maps of one snapshot, each made once."""

    def __init__(self, layout: Layout, snapshot: Snapshot, unmapped: int | None = None) -> None:
        """`unmapped` is what a mount that is surely not ID-mapped points at, so that most maps need not be read."""
        self._layout = layout
        self._snapshot = snapshot
        self._namespaces: dict[int, UserNamespaceFacts] = {}
        self._credentials: dict[int, CredentialFacts] = {}
        self.idmaps: dict[int | None, tuple[IdMap | None, IdMap | None]] = {unmapped: (None, None), None: (None, None)}

    def namespace(self, address: int) -> UserNamespaceFacts:
        """A user namespace with its ancestors."""
        view = self._layout[shapes.UserNamespace]
        chain: list[int] = []
        at = address
        while at and at not in self._namespaces:
            chain.append(at)
            at = self._snapshot.row(view, at).parent
            if len(chain) > _MAX_LEVEL:
                raise Inconsistent("user namespaces are nested too deeply")
        found = self._namespaces[at] if at else None
        for at in reversed(chain):
            row = self._snapshot.row(view, at)
            found = self._namespaces[at] = UserNamespaceFacts(
                inum=row.inum,
                level=row.level,
                owner=row.owner,
                group=row.group,
                uid_map=self._id_map(at + row.uid_map),
                gid_map=self._id_map(at + row.gid_map),
                parent=found,
            )
        if found is None:
            raise Inconsistent("a superblock or a process has no user namespace")
        return found

    def load(self, credentials: Iterable[int]) -> None:
        """Reads credentials side by side, for `credentials` to tell them."""
        rows = self._snapshot.rows(self._layout[shapes.Credentials], wanted := list(credentials))
        self._snapshot.rows(self._layout[shapes.Groups], [rows[address].group_info for address in wanted])

    def credentials(self, address: int) -> CredentialFacts:
        """Credentials as struct cred holds them."""
        if address not in self._credentials:
            row = self._snapshot.row(self._layout[shapes.Credentials], address)
            self._credentials[address] = CredentialFacts(
                uid=row.uid,
                gid=row.gid,
                fsuid=row.fsuid,
                fsgid=row.fsgid,
                cap_effective=row.cap_effective,
                groups=self._groups(row.group_info),
                user_namespace=self.namespace(row.user_namespace),
            )
        return self._credentials[address]

    def idmap(self, address: int | None, is_namespace: bool) -> tuple[IdMap | None, IdMap | None]:
        """The UID and GID map by what `idmap_of` says of a mount; (None, None) where it is not ID-mapped."""
        known = self.idmaps.get(address)
        if known is None:
            assert address is not None
            uid_map, gid_map = map(self._id_map, self._map_addresses(address, is_namespace))
            is_none = uid_map in ((), _IDENTITY) and gid_map in ((), _IDENTITY)
            known = self.idmaps[address] = (None, None) if is_none else (uid_map, gid_map)
        return known

    def _map_addresses(self, address: int, is_namespace: bool) -> tuple[int, int]:
        layout = self._layout
        if not is_namespace:
            from .shapes_of_idmaps import IdmapWithMaps, IdmapWithOwner

            if layout.has(IdmapWithMaps):
                row = layout[IdmapWithMaps].row
                return address + row.uid_map, address + row.gid_map
            address = self._snapshot.row(layout[IdmapWithOwner], address).owner
        namespace = layout[shapes.UserNamespace].row
        return address + namespace.uid_map, address + namespace.gid_map

    def _id_map(self, address: int) -> IdMap:
        layout, snapshot = self._layout, self._snapshot
        row = snapshot.row(layout[shapes.IdMap], address)
        extent = layout[shapes.IdExtent]
        if row.count > _MAX_EXTENTS:
            raise Inconsistent(f"an ID map of {row.count} extents")
        if row.count * extent.size <= len(row.extents):
            start = address + layout[shapes.IdMapPlaces].row.extents
        else:
            from .shapes_of_idmaps import LargeIdMap

            start = snapshot.row(layout[LargeIdMap], address).forward
        found = snapshot.array(extent, start, row.count)
        return tuple(IdRange(one.first, one.lower_first, one.count) for one in found)

    def _groups(self, address: int) -> tuple[int, ...]:
        view = self._layout[shapes.Groups]
        count = self._snapshot.row(view, address).count
        if count > _MAX_GROUPS:
            raise Inconsistent(f"a process of {count} groups")
        if not count:
            return ()
        return self._snapshot.numbers(address + view.row.gids, count, "group list")
