"""The finished stack as the kernel holds it: every layer the directory that was checked, in its role and its place."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..image.model import IdRange as Extent
    from ..introspect.facts import DirectoryFacts, LayerFacts, OverlayFacts
    from ..linux.namespaces import IdRange
    from .search import Opened

    Range = Extent | IdRange


def compare(opened: Sequence[Opened], mount: int) -> str:
    """In what the overlay that `mount` is open on differs from the sources given to it; empty if in nothing.

    Empty too where the kernel's structures can't be read, or kept changing: then the other checks have to do.
    """
    from ..introspect.errors import Inconsistent, IntrospectionUnavailable, KernelReadError
    from ..introspect.introspector import Introspector

    try:
        with Introspector() as introspector:
            facts = introspector.overlay_of(mount)
    except (Inconsistent, IntrospectionUnavailable, KernelReadError, OSError):
        return ""
    return difference(opened, facts)


def difference(opened: Sequence[Opened], facts: OverlayFacts) -> str:
    """The first difference, as a clause."""
    layers = [source for source in opened if source.plan.role != "work"]
    if [source.plan.role for source in layers] != [layer.role for layer in facts.layers]:
        return "the kernel holds other layers"
    for source, layer in zip(layers, facts.layers, strict=True):
        if not _same(source, layer.directory):
            return f"the kernel holds another directory as {source.plan.name}"
        if not _mapped_alike(source, layer):
            return f"the ID mapping of {source.plan.name} is another"
    work = next((source for source in opened if source.plan.role == "work"), None)
    if (work is None) != (facts.work is None) or (work is not None and facts.work and not _same(work, facts.work)):
        return "the kernel holds another work directory"
    return ""


def _same(source: Opened, directory: DirectoryFacts) -> bool:
    device = source.anchor.superblock.device
    if device and device != ":".join(map(str, directory.device)):
        return False
    identity = source.plan.identity
    subvolume = identity.subvolume if identity is not None and source.verdict.kind == "same" else None
    same_subvolume = None in (subvolume, directory.subvolume) or subvolume == directory.subvolume
    return os.fstat(source.fd).st_ino == directory.inode and same_subvolume


def _mapped_alike(source: Opened, layer: LayerFacts) -> bool:
    idmap = source.plan.idmap
    if idmap is None or layer.uid_map is None or layer.gid_map is None:
        return idmap is None and layer.uid_map is None
    return _ranges(idmap.uid_map) == _ranges(layer.uid_map) and _ranges(idmap.gid_map) == _ranges(layer.gid_map)


def _ranges(ranges: Iterable[Range]) -> set[tuple[int, int, int]]:
    return {(part.inside, part.outside, part.count) for part in ranges}
