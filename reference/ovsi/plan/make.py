"""From an image, a request and the host's boot ID to a plan. Pure: nothing is opened or asked of the kernel here."""

from __future__ import annotations

from ..errors import Refusal
from ..identity import by_device_alone
from ..image.model import by_id, made_of, sources
from ..record import unchecked
from .options import planned, planned_flags, planned_security
from .paths import below, joined
from .records import (
    ByInner,
    ByMap,
    ByMount,
    ByProcess,
    Mapping,
    MountPlan,
    OverlayPlan,
    Plan,
    SourcePlan,
    Witness,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..image.model import Filesystem, Image, Mount, Overlay, Place, Source
    from .records import Host, Request

    Way = ByMap | ByMount | ByProcess | ByInner


def make_plan(image: Image, request: Request, host: Host) -> Plan:
    """The plan of a restore (spec: The restorer).

    Raises Refusal: no-such-overlay, overlay-not-chosen, no-such-filesystem, source-unproved, no-candidate.
    """
    tables = _Tables(image, request, host)
    for mapping in request.maps:
        if mapping.filesystem not in tables.filesystems:
            raise Refusal(
                "no-such-filesystem", "--map names a file system that the image does not hold", mapping.filesystem
            )
    chosen = _chosen(image, request)
    ordered = _inside_out(chosen, tables)
    wanted = {overlay.id for overlay in chosen}
    layers = {filesystem for overlay in ordered for filesystem in _borne_by(overlay)}
    return Plan(
        same_boot=tables.same_boot,
        pid=request.pid,
        accept=request.accept,
        mount_devices=request.mount_devices,
        overlays=tuple(
            _overlay_plan(overlay, tables, overlay.id in wanted, overlay.filesystem in layers) for overlay in ordered
        ),
    )


class _Tables:
    """The image's tables by id, and what the request says about them."""

    def __init__(self, image: Image, request: Request, host: Host) -> None:
        self.request = request
        self.same_boot = image.host.boot_id == host.boot_id
        self.filesystems = by_id(image.filesystems)
        self.mounts = by_id(image.mounts)
        self.overlay_on = {overlay.filesystem: overlay for overlay in image.overlays}
        self.namespaces = (image.namespace.inode,) if image.namespace is not None else ()
        self.maps: dict[str, list[Mapping]] = {}
        self._witnesses: dict[str, tuple[Witness, ...]] = {}
        self._within: dict[tuple[str, str | None], ByMount] = {}
        self._plain: dict[tuple[str, str], tuple[Filesystem, ByMount] | None] = {}
        for mapping in sorted(request.maps, key=lambda mapping: -len(mapping.sub)):
            self.maps.setdefault(mapping.filesystem, []).append(mapping)

    def witnesses(self, filesystem: Filesystem) -> tuple[Witness, ...]:
        """The mounts of a file system that only its device number names (OVSI-ID-010)."""
        if not by_device_alone(filesystem.type):
            return ()
        if filesystem.id not in self._witnesses:
            self._witnesses[filesystem.id] = tuple(
                Witness(mount.mount_id, mount.unique_id, mount.root, mount.mount_point)
                for mount in self.mounts.values()
                if mount.filesystem == filesystem.id and mount.root is not None
            )
        return self._witnesses[filesystem.id]

    def within(self, filesystem: Filesystem, mount: Mount | None) -> ByMount:
        """What the ways to all sources below one mount have in common."""
        key = (filesystem.id, mount.id if mount is not None else None)
        if key not in self._within:
            self._within[key] = ByMount(
                device=filesystem.device if self.same_boot else None,
                uuid=filesystem.uuid,
                path=None,
                mount_point=mount.mount_point if mount is not None else None,
                mount_root=mount.root if mount is not None else None,
                below=None,
                witnesses=self.witnesses(filesystem) if self.same_boot else (),
                namespaces=_namespaces(mount, self) if self.same_boot else (),
            )
        return self._within[key]

    def plain_way(self, filesystem: str, place: Place) -> tuple[Filesystem, ByMount] | None:
        """For a proved source with a path: its file system and what `within` says, where that is the only way to it."""
        if place.mount is None:
            return None
        key = (filesystem, place.mount)
        if key not in self._plain:
            only = filesystem not in self.maps and filesystem not in self.overlay_on
            borne = self.filesystems[filesystem]
            self._plain[key] = (borne, self.within(borne, self.mounts[place.mount])) if only else None
        return self._plain[key]


def _chosen(image: Image, request: Request) -> tuple[Overlay, ...]:
    """The overlays to be mounted."""
    if request.all_root is not None:
        return tuple(overlay for overlay in image.overlays if overlay.mounts)
    if request.overlay_id is None:
        if len(image.overlays) > 1:
            raise Refusal(
                "overlay-not-chosen", f"the image holds {len(image.overlays)} overlays: choose one with --overlay"
            )
        return image.overlays
    for overlay in image.overlays:
        if overlay.id == request.overlay_id:
            return (overlay,)
    raise Refusal("no-such-overlay", "the image holds no overlay of that id", request.overlay_id)


def _inside_out(chosen: tuple[Overlay, ...], tables: _Tables) -> list[Overlay]:
    """The chosen overlays and those that serve them as layers: layers first, and what is mounted below others last."""
    ordered: dict[str, Overlay] = {}

    def visit(overlay: Overlay) -> None:
        if overlay.id in ordered:
            return
        for filesystem in _borne_by(overlay):
            if filesystem in tables.overlay_on:
                visit(tables.overlay_on[filesystem])
        ordered[overlay.id] = overlay

    def place(overlay: Overlay) -> bytes:
        return min((tables.mounts[mount].mount_point for mount in overlay.mounts), default=b"")

    for overlay in sorted(chosen, key=place):
        visit(overlay)
    return list(ordered.values())


def _borne_by(overlay: Overlay) -> list[str]:
    """The file systems that an overlay's sources lie on, each once; its own is none of them, by the image's rules."""
    return list(dict.fromkeys(source.identity.filesystem for source in made_of(overlay) if source.identity is not None))


def _overlay_plan(overlay: Overlay, tables: _Tables, wanted: bool, serves: bool) -> OverlayPlan:
    notes: list[str] = []
    return OverlayPlan(
        id=overlay.id,
        device=tables.filesystems[overlay.filesystem].device if tables.same_boot else None,
        sources=tuple(_source_plan(overlay, name, source, tables) for name, source in sources(overlay)),
        options=planned(overlay.options),
        security_options=planned_security(overlay.security_options),
        superblock_flags=planned_flags(overlay.superblock_flags),
        mounter=overlay.mounter,
        mounts=_mount_plans(overlay, tables, notes) if wanted else (),
        serves=serves,
        notes=tuple(notes),
    )


def _mount_plans(overlay: Overlay, tables: _Tables, notes: list[str]) -> tuple[MountPlan, ...]:
    root, target = tables.request.all_root, tables.request.target or b""
    mounts = [tables.mounts[mount] for mount in overlay.mounts]
    if root is None and not mounts:
        return (MountPlan(b"/", target, None, (), None, None, False),)
    if root is None:
        mounts = mounts[:1]
    groups = {mount.propagation.peer_group for mount in mounts if mount.propagation is not None}
    return tuple(
        _mount_plan(mount, target if root is None else joined(root, mount.mount_point), root, groups, notes)
        for mount in mounts
    )


def _mount_plan(
    mount: Mount, target: bytes, within: bytes | None, groups: set[int | None], notes: list[str]
) -> MountPlan:
    propagation = mount.propagation
    master = propagation.master if propagation is not None else None
    if master is not None and master not in groups:
        notes.append(f"mount {mount.id}: no mount of its master, peer group {master}, is restored with it")
        master = None
    return MountPlan(
        root=mount.root,
        target=target,
        source=mount.source,
        attributes=mount.attributes,
        peer_group=propagation.peer_group if propagation is not None else None,
        master=master,
        unbindable=propagation is not None and propagation.unbindable,
        within=within,
    )


def _source_plan(overlay: Overlay, name: str, source: Source, tables: _Tables) -> SourcePlan:
    values: Any = source  # a tuple; of a layer the role follows, which `name` says
    _declared, identity, path, state, assurance, _method, location, candidate, *more = values[:12]
    idmap, reason, _requires, missing = more
    proved = assurance == "proved"
    idmap_known = not missing or name == "work" or all(field != "idmap" for field, _why in missing)
    if not proved or not idmap_known:
        _allow_unproved(source, f"{overlay.id}/{name}", tables.request.accept, proved)
    place = location if proved else candidate
    filesystem: Filesystem | None
    ways: tuple[Way, ...]
    plain = None
    if proved and place is not None and path is not None and identity is not None:
        plain = tables.plain_way(identity.filesystem, place)
    if plain is not None:  # as nearly all are
        filesystem, within = plain
        ways = (within.at(path, place.path),)
    else:
        filesystem = _filesystem_of(source, place, tables)
        ways = tuple(_ways(source, place, filesystem, tables))
    how = (ways, identity, filesystem, proved, state, reason or "", idmap, idmap_known)
    return unchecked(SourcePlan, (name, name.partition("/")[0], *how))


def _allow_unproved(source: Source, subject: str, accept: frozenset[str], proved: bool) -> None:
    why = f": {source.reason}" if source.reason else ""
    if "unproved" not in accept:
        what = f"the ID mapping of {subject}" if proved else subject
        raise Refusal("source-unproved", f"the image does not prove {what}{why}", subject)
    if not proved and source.candidate is None:
        raise Refusal("no-candidate", f"{subject} is unknown, and the image has no candidate for it{why}", subject)


def _filesystem_of(source: Source, place: Place | None, tables: _Tables) -> Filesystem | None:
    if source.identity is not None:
        return tables.filesystems[source.identity.filesystem]
    if place is not None and place.mount is not None:
        return tables.filesystems[tables.mounts[place.mount].filesystem]
    return None


def _ways(source: Source, place: Place | None, filesystem: Filesystem | None, tables: _Tables) -> list[Way]:
    if filesystem is None:
        return [_by_process(place)] if place is not None and place.process is not None and tables.same_boot else []
    mount = tables.mounts[place.mount] if place is not None and place.mount is not None else None
    path = source.path
    root = mount.root if mount is not None else None
    if mount is not None and root is None and source.assurance != "proved":
        return []  # below a root that was removed there is no such candidate any more (OVSI-REST-004)
    if place is not None and root is not None and (path is None or source.assurance != "proved"):
        path = joined(root, place.path)
    mapped = _by_map(filesystem, path, tables) if filesystem.id in tables.maps else None
    if mapped is not None:
        return [mapped]
    within = tables.within(filesystem, mount)
    ways: list[Way] = [within.at(path, place.path if mount is not None and place is not None else None)]
    if tables.same_boot and place is not None and place.process is not None:
        ways.append(_by_process(place))
    inner = tables.overlay_on.get(filesystem.id)
    if inner is not None and path is not None:
        ways.append(ByInner(inner.id, path))
    return ways


def _by_map(filesystem: Filesystem, path: bytes | None, tables: _Tables) -> ByMap | None:
    witnesses = tables.witnesses(filesystem) if tables.same_boot else ()
    for mapping in tables.maps.get(filesystem.id, ()):
        rest = below(path, mapping.sub) if path is not None else None
        if rest is not None:
            return ByMap(mapping.directory, rest, witnesses)
    return None


def _by_process(place: Place) -> ByProcess:
    process = place.process
    assert process is not None
    return ByProcess(process.pid, process.start_time, process.through, place.path)


def _namespaces(mount: Mount | None, tables: _Tables) -> tuple[int, ...]:
    """The mount namespace in which the image saw the source: its mount's own, else the dumped one."""
    if mount is not None and mount.namespace is not None:
        return (mount.namespace.inode,)
    return tables.namespaces
