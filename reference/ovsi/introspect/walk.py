"""From an open descriptor to the overlay superblock below it, and from that to its layers."""

from __future__ import annotations

from . import layout as shapes
from .directories import Directories, device
from .errors import Inconsistent
from .facts import DATA, LOWER, UPPER, LayerFacts, OverlayFacts
from .options import effective_options
from .owners import Owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .facts import DirectoryFacts
    from .layout import Layout
    from .memory import Memory
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
    view = layout[shapes.SuperblockInList]
    kind = snapshot.row(view, superblock).type
    node = snapshot.row(layout[shapes.FilesystemTypeList], kind).first
    found: dict[int, None] = {}
    while node:
        address = node - view.row.entry
        row = snapshot.row(view, address)
        if row.type != kind or address in found or len(found) > _MAX_SUPERBLOCKS:
            raise Inconsistent("the list of superblocks changed while it was read")
        found[address] = None
        node = row.next
    return list(found)


def overlay_facts(layout: Layout, snapshot: Snapshot, superblocks: Sequence[int]) -> list[OverlayFacts]:
    """What overlay superblocks are made of, all of them read side by side.

    Raises Inconsistent where one is not an overlay, or its structures make no sense.
    """
    return _Overlays(layout, snapshot, superblocks).facts()


class _Overlays:
    def __init__(self, layout: Layout, snapshot: Snapshot, superblocks: Sequence[int]) -> None:
        self._layout = layout
        self._snapshot = snapshot
        self._directories = Directories(layout, snapshot)
        self._directories.load_superblocks(superblocks)
        self._owners = Owners(layout, snapshot)
        self._superblocks = superblocks
        infos = []
        for address in superblocks:
            if self._directories.filesystem(address) != _OVERLAY:
                raise Inconsistent(f"the superblock at {address:#x} is not of an overlay")
            infos.append(self._directories.superblock(address).info)
        if not all(infos):
            raise Inconsistent("an overlay is about to be made or to go")
        known = snapshot.rows(layout.overlay_view, infos)
        self._overlays = [known[info] for info in infos]

    def facts(self) -> list[OverlayFacts]:
        arrays = self._layers()
        mounts = self._snapshot.rows(
            self._layout[shapes.VfsMount], [layer.mount for layers in arrays for layer in layers if layer.mount]
        )
        dentries = [mounts[layer.mount].root for layers in arrays for layer in layers if layer.mount]
        dentries += [overlay.work for overlay in self._overlays if overlay.work]
        directories = self._directories.describe(dentries)
        names = self._declared()
        self._owners.load(overlay.creator for overlay in self._overlays)
        return [
            self._one(*those, mounts, directories, names)
            for those in zip(self._superblocks, self._overlays, arrays, strict=True)
        ]

    def _layers(self) -> list[list[shapes.OverlayLayer]]:
        """The arrays of layers. The first of each is the upper, without a mount where there is none."""
        view = self._layout.of_module(shapes.OverlayLayer, _OVERLAY)
        addresses: list[range] = []
        for overlay in self._overlays:
            count, data = overlay.layer_count, overlay.data_layer_count or 0
            if not 0 < count <= _MAX_LAYERS or data >= count or not overlay.layers:
                raise Inconsistent(f"an overlay of {count} layers, {data} of them data-only")
            addresses.append(range(overlay.layers, overlay.layers + count * view.size, view.size))
        known = self._snapshot.rows(view, [address for some in addresses for address in some])
        arrays = [[known[address] for address in some] for some in addresses]
        if not all(layer.mount for layers in arrays for layer in layers[1:]):
            raise Inconsistent("a lower layer has no mount")
        return arrays

    def _declared(self) -> dict[int, bytes]:
        """The strings that mount(2) was given, by their addresses."""
        addresses: list[int] = []
        arrays: list[int] = []
        for overlay in self._overlays:
            addresses += (overlay.upperdir, overlay.workdir, overlay.lowerdir or 0)
            if overlay.lowerdirs:
                size = self._layout[shapes.Pointer].size
                arrays += range(overlay.lowerdirs, overlay.lowerdirs + overlay.layer_count * size, size)
        pointers = self._snapshot.rows(self._layout[shapes.Pointer], arrays)
        addresses += (pointers[element].value for element in arrays)
        wanted = [address for address in dict.fromkeys(addresses) if address]
        strings = self._snapshot.strings(wanted, "name of a layer")
        return dict(zip(wanted, strings, strict=True))

    def _one(
        self,
        address: int,
        overlay: shapes.Overlay,
        layers: list[shapes.OverlayLayer],
        mounts: dict[int, shapes.VfsMount],
        directories: dict[int, DirectoryFacts],
        strings: dict[int, bytes],
    ) -> OverlayFacts:
        superblock = self._directories.superblock(address)
        names = self._names(overlay, layers, strings)
        first_data = len(layers) - (overlay.data_layer_count or 0)
        found = []
        for index, layer in enumerate(layers):
            if not layer.mount:
                continue
            mount = mounts[layer.mount]
            uid_map, gid_map = self._owners.idmap(mount)
            directory = directories[mount.root]
            if directory.superblock != mount.superblock:
                raise Inconsistent("a layer's mount and its root are of different file systems")
            role = UPPER if not index else LOWER if index < first_data else DATA
            found.append(LayerFacts(role, directory, uid_map, gid_map, mount.flags, names[index]))
        return OverlayFacts(
            superblock=address,
            device=device(superblock.device),
            superblock_flags=superblock.flags,
            layers=tuple(found),
            work=directories[overlay.work] if overlay.work else None,
            options=effective_options(self._layout, overlay),
            workdir=strings.get(overlay.workdir),
            lowerdir=strings.get(overlay.lowerdir or 0),
            creator=self._owners.credentials(overlay.creator),
            user_namespace=self._owners.namespace(superblock.user_namespace),
        )

    def _names(
        self, overlay: shapes.Overlay, layers: list[shapes.OverlayLayer], strings: dict[int, bytes]
    ) -> list[bytes | None]:
        """What each layer was called when it was given to mount(2), as far as the kernel keeps it."""
        if overlay.lowerdirs:
            pointers = self._snapshot.array(self._layout[shapes.Pointer], overlay.lowerdirs, len(layers))
            names = [strings.get(pointer.value) for pointer in pointers]
        else:
            names = [None] * len(layers)
        names[0] = strings.get(overlay.upperdir)
        return names
