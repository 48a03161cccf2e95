"""An image as tables for people: pure text, a line a source, and in words what is not proved and why."""

from __future__ import annotations

from ..errors import text
from ..image.model import by_id, sources
from .table import columns, fold, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..image.model import Filesystem, Image, Mount, Overlay, Place, Source

_HEADS = ("", "state", "assurance", "device", "inode", "where", "declared as")
_NUMBERS = ("inode",)  # end below each other
_ELASTIC = ("where", "declared as")  # may be cut
_DISPENSABLE = ("declared as", "inode", "device", "assurance")  # left out one by one where all do not fit
_FULL = 80
_MOUNTS = 8  # of an overlay that are shown


def lines(image: Image, width: int | None) -> list[str]:
    """The tables of all overlays; no line that a table has is wider than `width`, where one is given."""
    names = Names(image)
    result: list[str] = []
    for overlay in image.overlays:
        if result:
            result.append("")
        result += _head(overlay, names, width)
        rows = [_HEADS, *(_row(name, source, names) for name, source in sources(overlay))]
        result += ["", *_fitting(rows, width), ""]
        result += _foot(overlay, width or _FULL)
    return result


def file_systems(image: Image) -> list[str]:
    """What the layers of an image lie on, by the ids that `--map` takes."""
    used = {source.identity.filesystem for one in image.overlays for _, source in sources(one) if source.identity}
    rows = [
        (f"  {each.id}", clean(each.type), each.device, each.uuid or "no UUID")
        for each in image.filesystems
        if each.id in used
    ]
    return ["file systems of the layers, as --map names them:", *table(rows, None)] if rows else []


def _fitting(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The table with as many columns as fit; what is left out can be seen by --json."""
    shown: list[str] = []
    for leave_out in range(len(_DISPENSABLE) + 1):
        kept = [index for index, head in enumerate(_HEADS) if head not in _DISPENSABLE[:leave_out]]
        heads = [_HEADS[index] for index in kept]
        shown = table(
            [[row[index] for index in kept] for row in rows],
            width,
            right=[index for index, head in enumerate(heads) if head in _NUMBERS],
            elastic=[index for index, head in enumerate(heads) if head in _ELASTIC],
        )
        if width is None or max(map(columns, shown)) <= width:
            break
    return shown


class Names:
    """The tables of the image, and what their entries are called for people.

    home: the mount namespace whose paths need no name; by default the one of the image.
    """

    def __init__(self, image: Image, home: int | None = None) -> None:
        own = image.namespace.inode if image.namespace else None
        self.home = home or own
        self.elsewhere = own if own != self.home else None
        self.filesystems: dict[str, Filesystem] = by_id(image.filesystems)
        self.mounts: dict[str, Mount] = by_id(image.mounts)

    def place(self, place: Place) -> str:
        """A path that can be typed, with the mount namespace or process it holds in."""
        if place.process is not None:
            return f"/proc/{place.process.pid}/{place.process.through}:{text(place.path)}"
        mount = self.mounts[place.mount or ""]
        shown = text(mount.mount_point.rstrip(b"/") + (b"" if place.path == b"/" else place.path) or b"/")
        space = mount.namespace.inode if mount.namespace else self.elsewhere
        return f"mnt:[{space}]:{shown}" if space not in (None, self.home) else shown

    def where(self, source: Source) -> str:
        """Where a source is: its place, a candidate with `?`, or its path inside its file system."""
        if source.location is not None:
            return self.place(source.location)
        if source.candidate is not None:
            return f"? {self.place(source.candidate)}"
        if source.path is not None and source.identity is not None:
            filesystem = self.filesystems[source.identity.filesystem]
            return f"{clean(filesystem.type)}{f' {filesystem.uuid}' if filesystem.uuid else ''}:{text(source.path)}"
        return "?"


def _head(overlay: Overlay, names: Names, width: int | None) -> list[str]:
    at = [names.mounts[mount] for mount in overlay.mounts]
    title = f"overlay {overlay.id}"
    if at:
        title += " at " + ", ".join([f"{text(mount.mount_point)} (mount {mount.mount_id})" for mount in at[:_MOUNTS]])
        title += f" and {len(at) - _MOUNTS} places more" if len(at) > _MOUNTS else ""
    else:
        title += ", mounted nowhere"
    options = [
        option.name if option.value is None else f"{option.name}={text(option.value)}"
        for option in (*overlay.options, *overlay.security_options)
    ]
    shown = "options: " + ",".join(map(clean, (*overlay.superblock_flags, *options)))
    folded = fold(shown.replace(",", ", "), width) if width and columns(shown) > width else [shown]
    return [f"{title}, device {names.filesystems[overlay.filesystem].device}", *folded]


def _row(name: str, source: Source, names: Names) -> tuple[str, ...]:
    identity = source.identity
    return (
        name.replace("/", " "),
        source.state,
        source.assurance,
        names.filesystems[identity.filesystem].device if identity else "?",
        str(identity.inode) if identity else "?",
        names.where(source),
        "?" if source.declared is None else text(source.declared),
    )


def _foot(overlay: Overlay, width: int) -> list[str]:
    """What falls short, in words: a sentence for each reason, with the sources that it holds for."""
    reasons: dict[tuple[str, str], list[str]] = {}
    count = 0
    for name, source in sources(overlay):
        count += 1
        if source.assurance != "proved" or source.location is None or source.state == "detached":
            what = "Not proved" if source.assurance != "proved" else source.state.capitalize()
            reasons.setdefault((what, source.reason or "reachable through a process only"), []).append(name)
    result = [] if reasons else [f"All {count} sources are proved and reachable."]
    for (what, reason), found in [*reasons.items(), *_unknown_maps(overlay).items()]:
        result += fold(f"{what}: {listed(found)}: {clean(reason)}", width)
    return result


def _unknown_maps(overlay: Overlay) -> dict[tuple[str, str], list[str]]:
    """Sources whose ID mapping is not stated, by the reason: a restore asks for them, however well proved they are."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, source in sources(overlay):
        for lacking, reason in source.missing:
            if lacking == "idmap":
                found.setdefault(("ID mapping unknown", f"{reason}; to restore it, --accept unproved"), []).append(name)
    return found


def listed(found: Sequence[str]) -> str:
    """Names of sources, neighbours drawn together: `upper, lower 0 to 7`."""
    runs: list[list[str]] = []
    for name in found:
        role, _, index = name.partition("/")
        if runs and index and runs[-1][-1] == f"{role}/{int(index) - 1}":
            runs[-1].append(name)
        else:
            runs.append([name])
    return ", ".join(
        [run[0].replace("/", " ") + (f" to {run[-1].partition('/')[2]}" if len(run) > 1 else "") for run in runs]
    )


def clean(words: str) -> str:
    """The words without what a terminal would act on."""
    return text(words.encode("utf-8", "surrogatepass"))
