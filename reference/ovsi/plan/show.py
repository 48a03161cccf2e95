"""A plan as plain data for programs, and as lines for people (`--dry-run`)."""

from __future__ import annotations

from ..errors import text
from ..image.model import LayerIdmap
from .records import ByInner, ByMap, ByMount, ByProcess

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .records import MountPlan, Option, OverlayPlan, Plan, SourcePlan

    Way = ByMap | ByMount | ByProcess | ByInner


def as_data(plan: Plan) -> dict[str, object]:
    """The plan as JSON has it. Bytes that are not UTF-8 show as `\\xNN`: this is to be read, not to be read back."""
    return {
        "sameBoot": plan.same_boot,
        "pid": plan.pid,
        "accept": sorted(plan.accept),
        "mountDevices": plan.mount_devices,
        "overlays": [_overlay(overlay) for overlay in plan.overlays],
    }


def _overlay(overlay: OverlayPlan) -> dict[str, object]:
    return {
        "id": overlay.id,
        "sources": [_source(source) for source in overlay.sources],
        "options": [_option(option) for option in overlay.options + overlay.security_options],
        "superblockFlags": list(overlay.superblock_flags),
        "mounts": [_mount(mount) for mount in overlay.mounts],
        "notes": list(overlay.notes),
    }


def _option(option: Option) -> dict[str, object]:
    return {"name": option.name, "value": None if option.value is None else text(option.value), "needed": option.needed}


def _mount(mount: MountPlan) -> dict[str, object]:
    return {
        "target": text(mount.target),
        "root": _text(mount.root),
        "attributes": list(mount.attributes),
        "peerGroup": mount.peer_group,
        "master": mount.master,
        "unbindable": mount.unbindable,
    }


def _source(source: SourcePlan) -> dict[str, object]:
    identity = source.identity
    return {
        "name": source.name,
        "proved": source.proved,
        "filesystem": None if source.filesystem is None else source.filesystem.id,
        "inode": None if identity is None else identity.inode,
        "idmap": None if source.idmap is None else _idmap(source.idmap),
        "ways": [_way(way) for way in source.ways],
    }


def _idmap(idmap: LayerIdmap) -> dict[str, object]:
    return {
        name: [[part.inside, part.outside, part.count] for part in ranges]
        for name, ranges in (("uidMap", idmap.uid_map), ("gidMap", idmap.gid_map))
    }


def _way(way: Way) -> dict[str, object]:
    if isinstance(way, ByMap):
        return {"by": "map", "directory": text(way.directory), "path": text(way.path)}
    if isinstance(way, ByMount):
        return {
            "by": "mount",
            "device": way.device,
            "uuid": way.uuid,
            "path": _text(way.path),
            "hint": _text(way.hint()),
        }
    if isinstance(way, ByProcess):
        return {"by": "process", "pid": way.pid, "through": way.through, "path": text(way.path)}
    return {"by": "overlay", "overlay": way.overlay, "path": text(way.path)}


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else text(raw)


def lines(plan: Plan) -> list[str]:
    """The plan for a person, a line a fact. The image's words are anyone's: what a terminal would act on is shown."""
    out = []
    for overlay in plan.overlays:
        out.append(f"overlay {overlay.id}" + ("" if overlay.mounts else " (only as a layer)"))
        facts = [(source.name, _in_words(source)) for source in overlay.sources]
        words = [
            option.name if option.value is None else f"{option.name}={text(option.value)}" for option in overlay.options
        ]
        facts.append(("options", ",".join([*overlay.superblock_flags, *words]) or "none"))
        facts += [("security", f"{option.name}={text(option.value or b'')}") for option in overlay.security_options]
        facts += [("mount at", f"{text(mount.target)}{_of_root(mount)}") for mount in overlay.mounts]
        facts += [("note", note) for note in overlay.notes]
        width = max(len(name) for name, _ in facts)
        out += [f"  {name:<{width}}  {words}" for name, words in facts]
    return [text(line.encode("utf-8", "surrogatepass")) for line in out + _of_all(plan)]


def _of_all(plan: Plan) -> list[str]:
    """What holds for every overlay, where it is not as usual."""
    out = [] if plan.pid is None else [f"into the mount namespace of process {plan.pid}"]
    if not plan.same_boot:
        out.append("the image is of another boot: sources are told by what outlives one (spec, section 4.5)")
    if plan.accept:
        out.append(f"deviations accepted: {', '.join(sorted(plan.accept))}")
    if plan.mount_devices:
        out.append("the device of a file system that is mounted nowhere is mounted privately")
    return out


def _of_root(mount: MountPlan) -> str:
    shown = "" if mount.root == b"/" else f" its directory {_text(mount.root) or 'that was removed'}"
    words = [",".join(mount.attributes)] if mount.attributes else []
    words += [f"shared in group {mount.peer_group} of the image"] if mount.peer_group is not None else []
    words += [f"slave of group {mount.master} of the image"] if mount.master is not None else []
    words += ["unbindable"] if mount.unbindable else []
    return shown + (f" ({'; '.join(words)})" if words else "")


def _in_words(source: SourcePlan) -> str:
    parts = [_way_in_words(way) for way in source.ways]
    checked = "not proved: its candidate"
    if source.proved and source.identity is not None:
        checked = f"inode {source.identity.inode}"
    return f"{', else '.join(parts) or 'in no place known'} [{checked}]{_mapped(source.idmap)}"


def _mapped(idmap: LayerIdmap | None) -> str:
    if idmap is None:
        return ""
    uids, gids = (
        " ".join(f"{part.inside}:{part.outside}:{part.count}" for part in ranges)
        for ranges in (idmap.uid_map, idmap.gid_map)
    )
    return f" mapping IDs {uids}" if uids == gids else f" mapping users {uids}, groups {gids}"


def _way_in_words(way: Way) -> str:
    if isinstance(way, ByMap):
        return f"{text(way.path)} below {text(way.directory)} (--map)"
    if isinstance(way, ByMount):
        # The path in the file system is what is looked up and compared; where the image saw it is but its word.
        where = f"of {way.device or way.uuid or 'its file system'}"
        hint = way.hint()
        seen = f" (seen at {text(hint)})" if hint not in (None, way.path) else ""
        return f"{_text(way.path) or 'its directory'} {where}{seen}"
    if isinstance(way, ByProcess):
        return f"{text(way.path)} in /proc/{way.pid}/{way.through}"
    return f"{text(way.path)} in overlay {way.overlay}"
