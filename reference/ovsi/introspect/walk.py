"""From an open descriptor to the overlay superblock below it, and from that to its layers."""

from __future__ import annotations

from ..record import unchecked
from . import shapes
from .directories import Directories, device
from .errors import Inconsistent
from .facts import DATA, LOWER, UPPER, LayerFacts, OverlayFacts
from .options import Options
from .owners import Owners, idmap_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .facts import DirectoryFacts
    from .layout import Layout
    from .memory import Memory
    from .shape import Row, View
    from .snapshot import Snapshot

_OVERLAY = b"overlay"
_MAX_LAYERS = 4096  # overlayfs allows 500 lowers and an upper (fs/overlayfs/params.h)
_MAX_SUPERBLOCKS = 1 << 20


def file_of(memory: Memory, layout: Layout, snapshot: Snapshot, fd: int) -> shapes.File:
    """An open file of this process. Raises Inconsistent where the descriptor is not open."""
    task = snapshot.row(layout[shapes.Task], memory.current_task)
    table = snapshot.row(layout[shapes.DescriptorTable], snapshot.row(layout[shapes.OpenFiles], task.files).fdt)
    pointer = layout[shapes.Pointer]
    address = snapshot.row(pointer, table.fd + fd * pointer.size).value if 0 <= fd < table.max_fds else 0
    if not address:
        raise Inconsistent(f"descriptor {fd} is not open")
    return snapshot.row(layout[shapes.File], address)


def superblocks_of_type(layout: Layout, snapshot: Snapshot, superblock: int) -> list[int]:
    """All superblocks of the type that one is of, the oldest first (struct file_system_type.fs_supers)."""
    from .shapes_of_lists import FilesystemTypeList, SuperblockInList

    view = layout[SuperblockInList]
    kind = snapshot.row(view, superblock).type
    node = snapshot.row(layout[FilesystemTypeList], kind).first
    found: dict[int, None] = {}
    while node:
        address = node - view.row.entry
        row = snapshot.row(view, address)
        if row.type != kind or address in found or len(found) > _MAX_SUPERBLOCKS:
            raise Inconsistent("the list of superblocks changed while it was read")
        found[address] = None
        node = row.next
    return list(found)


def overlay_facts(
    layout: Layout, snapshot: Snapshot, superblocks: Sequence[int], unmapped: int | None = None, names: bool = True
) -> list[OverlayFacts]:
    """What overlay superblocks are made of, all of them read side by side; `unmapped` as for `Owners`.

    Without `names`, the names that were given to mount(2) are not read, and None.
    Raises Inconsistent where one is not an overlay, or its structures make no sense.
    """
    return _Overlays(layout, snapshot, superblocks, unmapped).facts(names)


class _Overlays:
    def __init__(self, layout: Layout, snapshot: Snapshot, superblocks: Sequence[int], unmapped: int | None) -> None:
        self._layout = layout
        self._snapshot = snapshot
        self._directories = Directories(layout, snapshot)
        self._directories.load_superblocks(superblocks)
        self._owners = Owners(layout, snapshot, unmapped)
        self._options = Options(layout)
        self._superblocks = superblocks
        infos = []
        for address in superblocks:
            if self._directories.filesystem(address) != _OVERLAY:
                raise Inconsistent("a superblock is not of an overlay")
            infos.append(self._directories.superblock(address).info)
        if not all(infos):
            raise Inconsistent("an overlay is about to be made or to go")
        known = snapshot.rows(layout.overlay_view, infos)
        self._overlays = [known[info] for info in infos]

    def facts(self, names: bool) -> list[OverlayFacts]:
        arrays = self._layers()
        used = [mount for array in arrays for mount in array if mount]
        mounts = self._snapshot.rows(self._layout[shapes.VfsMount], used)
        dentries = [mounts[mount].root for mount in used]
        dentries += [overlay.work for overlay in self._overlays if overlay.work]
        directories = self._directories.describe(dentries)
        strings, arrays_of_names = self._declared() if names else ({}, {})
        self._owners.load(overlay.creator for overlay in self._overlays)
        return [
            self._one(*those, mounts, directories, strings, arrays_of_names)
            for those in zip(self._superblocks, self._overlays, arrays, strict=True)
        ]

    def _layers(self) -> list[list[int]]:
        """The mounts of the layers. The first of each overlay's is the upper's, 0 where there is none."""
        view = self._layout.of_module(shapes.OverlayLayer, _OVERLAY)
        places = []
        for overlay in self._overlays:
            count, data = overlay.layer_count, overlay.data_layer_count or 0
            if not 1 < count <= _MAX_LAYERS or data >= count or not overlay.layers:
                raise Inconsistent(f"an overlay of {count} layers, {data} of them data-only")
            places.append((overlay.layers, count))
        known = self._arrays(view, places)
        arrays = [[layer.mount for layer in known[place]] for place in places]
        if not all(all(array[1:]) for array in arrays):
            raise Inconsistent("a lower layer has no mount")
        return arrays

    def _arrays(self, view: View[Row], places: list[tuple[int, int]]) -> dict[tuple[int, int], list[Row]]:
        """Arrays by their addresses and counts, those of one size side by side."""
        found: dict[tuple[int, int], list[Row]] = {}
        for count in {count for _, count in places}:
            addresses = [address for address, many in places if many == count]
            arrays = self._snapshot.arrays(view, addresses, count)
            found.update(zip([(address, count) for address in addresses], arrays, strict=True))
        return found

    def _declared(self) -> tuple[dict[int, bytes], dict[int, list[int]]]:
        """The strings that mount(2) was given, by their addresses; those of layers by the address of their array."""
        addresses: list[int] = []
        places = [(overlay.lowerdirs, overlay.layer_count) for overlay in self._overlays if overlay.lowerdirs]
        for overlay in self._overlays:
            addresses += (overlay.upperdir, overlay.workdir, overlay.lowerdir or 0)
        arrays = {
            address: [row.value for row in rows]
            for (address, _), rows in self._arrays(self._layout[shapes.Pointer], places).items()
        }
        for pointers in arrays.values():
            addresses += pointers
        wanted = [address for address in dict.fromkeys(addresses) if address]
        strings = self._snapshot.strings(wanted, "name of a layer")
        return dict(zip(wanted, strings, strict=True)), arrays

    def _one(
        self,
        address: int,
        overlay: shapes.Overlay,
        layers: list[int],
        mounts: dict[int, shapes.VfsMount],
        directories: dict[int, DirectoryFacts],
        strings: dict[int, bytes],
        arrays_of_names: dict[int, list[int]],
    ) -> OverlayFacts:
        superblock = self._directories.superblock(address)
        names: list[bytes | None]
        if overlay.lowerdirs in arrays_of_names:
            names = list(map(strings.get, arrays_of_names[overlay.lowerdirs]))
        else:
            names = [None] * len(layers)
        names[0] = strings.get(overlay.upperdir)
        first_data = len(layers) - (overlay.data_layer_count or 0)
        found = []
        known_maps = self._owners.idmaps
        members = self._layout[shapes.VfsMount].columns("root", "superblock", "flags")
        for index, place in enumerate(layers):
            if not place:
                continue
            mount = mounts[place]
            root, on, flags = members(mount)
            directory = directories[root]
            if directory.superblock != on:
                raise Inconsistent("a layer's mount and its root are of different file systems")
            idmap = mount.idmap or idmap_of(mount, self._directories.superblock(on).user_namespace)
            uid_map, gid_map = known_maps.get(idmap) or self._owners.idmap(idmap, mount.idmap is None)
            role = UPPER if not index else LOWER if index < first_data else DATA
            found.append(unchecked(LayerFacts, (role, directory, uid_map, gid_map, flags, names[index])))
        owner = self._owners.namespace(superblock.user_namespace)
        which = (address, device(superblock.device), superblock.uuid, superblock.flags)
        work = directories[overlay.work] if overlay.work else None
        named = (strings.get(overlay.workdir), strings.get(overlay.lowerdir or 0))
        creator = self._owners.credentials(overlay.creator)
        made_of = (tuple(found), work, self._options.of(overlay))
        return unchecked(OverlayFacts, (*which, *made_of, *named, creator, owner))
