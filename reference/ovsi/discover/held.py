"""Verdicts on what introspection read: every source at once. What overlays share is weighed once."""

from __future__ import annotations

from ..record import unchecked
from .evidence import INTROSPECTION, Directory, IdMaps, Slot, Verdict
from .filesystems import WITHOUT_GENERATION, shortcoming
from .introspection import device_name
from .options import split_layers, without_backslashes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..introspect.facts import DirectoryFacts, IdMap, LayerFacts, OverlayFacts
    from .options import ShownOptions

    _Known = tuple[str, int, bytes | None, IdMap | None, IdMap | None, Verdict]  # a slot, a mount's maps, the verdict


class HeldSources:
    """Verdicts by the facts that they rest on. One for a whole dump, which keeps the facts."""

    def __init__(self) -> None:
        self._verdicts: dict[int, _Known] = {}  # by the directory's facts: the last one
        self._directories: dict[int, Directory] = {}
        self._filesystems: dict[tuple[bytes, tuple[int, int]], tuple[str, str, bool]] = {}
        self.on_overlays: dict[str, DirectoryFacts] = {}  # one for each overlay that bears a source

    def directories(self) -> Iterable[Directory]:
        """All that verdicts speak of so far."""
        return self._directories.values()

    def verdicts(self, facts: OverlayFacts, shown: ShownOptions) -> list[Verdict]:
        """A verdict a source: layers top to bottom, the work directory last. Overlays that share one share it here."""
        found = []
        role, index, known, directories = "", 0, self._verdicts, self._directories
        for layer, name in zip(facts.layers, _names(facts, shown), strict=True):
            its_role, place, uid_map, gid_map, _flags, _declared = layer
            index = index + 1 if its_role == role else 0  # those of a role stand together
            role = its_role
            last = known.get(id(place))
            if last is not None and last[:3] == (role, index, name) and last[3] is uid_map and last[4] is gid_map:
                found.append(last[5])
                continue
            directory = directories.get(id(place)) or self._directory(place)
            maps = None if uid_map is None else _maps(uid_map, gid_map)
            verdict = held(unchecked(Slot, (role, index, name)), directory, maps)
            known[id(place)] = role, index, name, uid_map, gid_map, verdict
            found.append(verdict)
        if facts.work is not None:
            name = _single(shown.work, shown.work_as_shown, facts.workdir, facts.work.path)
            directory = directories.get(id(facts.work)) or self._directory(facts.work)
            found.append(held(unchecked(Slot, ("work", 0, name)), directory, None))
        return found

    def _directory(self, facts: DirectoryFacts) -> Directory:
        kind, numbers, uuid, inode, generation, subvolume, path, deleted, _flags, _superblock, _dentry = facts
        device, fs_type, generations = self._filesystems.get((kind, numbers)) or self._filesystem(kind, numbers)
        number = generation if generations else None
        values = (device, fs_type, inode, number, subvolume, path, deleted, None, False, False, uuid)
        directory = self._directories[id(facts)] = unchecked(Directory, values)
        if fs_type == "overlay":
            self.on_overlays.setdefault(device, facts)
        return directory

    def _filesystem(self, kind: bytes, numbers: tuple[int, int]) -> tuple[str, str, bool]:
        """Of a type and a device number: the number's name, the type's, whether its inodes have generations."""
        fs_type = kind.decode("utf-8", "replace")
        found = self._filesystems[kind, numbers] = device_name(numbers), fs_type, fs_type not in WITHOUT_GENERATION
        return found


def held(slot: Slot, directory: Directory, idmap: IdMaps | None) -> Verdict:
    """What introspection says of a source: proved, unless its file system keeps no identities."""
    lacking = shortcoming(directory)
    assurance = "consistent" if lacking else "proved"
    return unchecked(Verdict, (slot, assurance, lacking or "", INTROSPECTION, directory, None, idmap, True))


def all_named(facts: OverlayFacts, shown: ShownOptions) -> bool:
    """Whether mountinfo shows a name for each source."""
    single = shown.upper is not None and shown.work is not None
    return _lowers_named(facts, shown) and (single or facts.work is None)


def _lowers_named(facts: OverlayFacts, shown: ShownOptions) -> bool:
    """Whether as many lowers and data-only layers are shown as there are; roles stand together."""
    layers, lowers, data = facts.layers, len(shown.lowers), len(shown.data)
    end = lowers + bool(layers and layers[0].role == "upper")  # one that is about to go may have no layer left
    if len(layers) != end + data:
        return False
    return (not lowers or layers[end - 1].role == "lower") and (not data or layers[end].role == "data")


def _names(facts: OverlayFacts, shown: ShownOptions) -> list[bytes | None]:
    """The name of each layer: as mountinfo shows it, if it shows as many as there are; else as the kernel keeps it."""
    layers = facts.layers
    first = int(bool(layers) and layers[0].role == "upper")
    names: list[bytes | None] = []
    if first:
        upper = layers[0]
        names.append(_single(shown.upper, shown.upper_as_shown, upper.declared, upper.directory.path))
    if _lowers_named(facts, shown):
        return [*names, *shown.lowers, *shown.data]
    kept = [name for some in split_layers(facts.lowerdir or b"") for name in some]
    return names + [_kept(layer, kept, index) for index, layer in enumerate(layers[first:])]


def _kept(layer: LayerFacts, together: list[bytes], index: int) -> bytes | None:
    if layer.declared is not None:
        return layer.declared
    return together[index] if index < len(together) else None


def _single(name: bytes | None, as_shown: bytes | None, kept: bytes | None, path: bytes | None) -> bytes | None:
    """The name of an upper or work directory: without escapes, but as shown where only so it is that of the directory.

    A name that was given by descriptor shows without overlay's escapes, so that its backslashes are its own.
    """
    if name is None or as_shown is None:
        if kept is None:
            return None
        name, as_shown = without_backslashes(kept), kept
    if as_shown == name or path is None:
        return name
    return as_shown if _common_end(as_shown, path) > _common_end(name, path) else name


def _common_end(name: bytes, path: bytes) -> int:
    """In how many components, from the last one on, two paths are equal."""
    count = 0
    for one, other in zip(reversed(name.split(b"/")), reversed(path.split(b"/")), strict=False):
        if one != other:
            break
        count += 1
    return count


def _maps(uid_map: IdMap | None, gid_map: IdMap | None) -> IdMaps | None:
    if uid_map is None or gid_map is None:
        return None
    return IdMaps(
        tuple((one.inside, one.outside, one.count) for one in uid_map),
        tuple((one.inside, one.outside, one.count) for one in gid_map),
    )
