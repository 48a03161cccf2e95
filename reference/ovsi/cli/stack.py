"""An image as tables for people: pure text, a line a source, and in words what is not proved and why."""

from __future__ import annotations

from ..errors import text
from ..image.model import by_id, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..image.model import Filesystem, Image, Mount, Overlay, Place, Source

_HEADS = ("", "state", "assurance", "device", "inode", "where", "declared as")
_RIGHT = (4,)  # columns of numbers
_ELASTIC = (5, 6)  # columns that may be cut
_LEAST = 12  # columns that a cut one keeps
_FULL = 80


def lines(image: Image, width: int | None) -> list[str]:
    """The tables of all overlays; no line that a table has is wider than `width`, where one is given."""
    names = _Names(image)
    result: list[str] = []
    for overlay in image.overlays:
        if result:
            result.append("")
        result += _head(overlay, names)
        result += ["", *_table([_HEADS, *(_row(name, source, names) for name, source in sources(overlay))], width), ""]
        result += _foot(overlay, width or _FULL)
    return result


class _Names:
    """The tables of the image, and what their entries are called for people."""

    def __init__(self, image: Image) -> None:
        self.filesystems: dict[str, Filesystem] = by_id(image.filesystems)
        self.mounts: dict[str, Mount] = by_id(image.mounts)

    def place(self, place: Place) -> str:
        """A path that can be typed, with the mount namespace or process it holds in."""
        if place.process is not None:
            return f"/proc/{place.process.pid}/{place.process.through}:{text(place.path)}"
        mount = self.mounts[place.mount or ""]
        shown = text(mount.mount_point.rstrip(b"/") + (b"" if place.path == b"/" else place.path) or b"/")
        return f"mnt:[{mount.namespace.inode}]:{shown}" if mount.namespace else shown

    def where(self, source: Source) -> str:
        """Where a source is: its place, a candidate with `?`, or its path inside its file system."""
        if source.location is not None:
            return self.place(source.location)
        if source.candidate is not None:
            return f"? {self.place(source.candidate)}"
        if source.path is not None and source.identity is not None:
            filesystem = self.filesystems[source.identity.filesystem]
            return f"{filesystem.type}{f' {filesystem.uuid}' if filesystem.uuid else ''}:{text(source.path)}"
        return "?"


def _head(overlay: Overlay, names: _Names) -> list[str]:
    at = [names.mounts[mount] for mount in overlay.mounts]
    title = f"overlay {overlay.id}"
    if at:
        title += " at " + ", ".join([f"{text(mount.mount_point)} (mount {mount.mount_id})" for mount in at])
    else:
        title += ", mounted nowhere"
    options = [
        option.name if option.value is None else f"{option.name}={text(option.value)}" for option in overlay.options
    ]
    return [
        f"{title}, device {names.filesystems[overlay.filesystem].device}",
        f"options: {','.join([*overlay.superblock_flags, *map(_clean, options)])}",
    ]


def _row(name: str, source: Source, names: _Names) -> tuple[str, ...]:
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
    if not reasons:
        return [f"All {count} sources are proved and reachable."]
    result: list[str] = []
    for (what, reason), found in reasons.items():
        result += _fold(f"{what}: {_listed(found)}: {_clean(reason)}", width)
    return result


def _listed(found: Sequence[str]) -> str:
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


def _table(rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        _squeeze(widths, width - 2 * (len(widths) - 1))
    result = []
    for row in rows:
        cells = [
            _pad(cut(cell, size), size, index in _RIGHT)
            for index, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        result.append("  ".join(cells).rstrip())
    return result


def _squeeze(widths: list[int], room: int) -> None:
    """Narrow the elastic columns, the widest first, until all fit or none can give more."""
    while sum(widths) > room:
        widest = max(_ELASTIC, key=lambda index: widths[index])
        if widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _pad(cell: str, size: int, right: bool) -> str:
    space = " " * (size - columns(cell))
    return space + cell if right else cell + space


def cut(cell: str, size: int) -> str:
    """The text with its middle left out (`…`), so that it takes `size` columns at most."""
    if columns(cell) <= size:
        return cell
    head, tail = 0, len(cell)
    left = size - 1
    while left > 0 and head < tail:
        from_head = left % 2 == 0
        mark = cell[head] if from_head else cell[tail - 1]
        if columns(mark) > left:
            break
        left -= columns(mark)
        if from_head:
            head += 1
        else:
            tail -= 1
    return f"{cell[:head]}…{cell[tail:]}"


def columns(cell: str) -> int:
    """How many columns of a terminal the text takes."""
    if cell.isascii():
        return len(cell)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(mark) else 2 if east_asian_width(mark) in "WF" else 1 for mark in cell)


def _clean(words: str) -> str:
    return text(words.encode("utf-8", "surrogatepass"))


def _fold(words: str, width: int) -> list[str]:
    result = [""]
    for word in words.split(" "):
        if result[-1] and columns(result[-1]) + 1 + columns(word) > width:
            result.append(" ")
        result[-1] += f" {word}" if result[-1].strip() else word
    return result
