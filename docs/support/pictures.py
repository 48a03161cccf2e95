"""The pictures of the site and of the README, each a function from data to panels.

What the answer shows comes from tour.json, an image that `ovsi dump` wrote of the stack that the tour builds.
`python -m docs.support.pictures` draws the README's anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from docs.support.drawing import WIDTH, Panel, sheet, style_sheet

__all__ = ["PICTURES", "figure", "overview", "style_sheet"]

ROOT = Path(__file__).parents[2]
TOUR = Path(__file__).parent / "tour.json"
OVERVIEW = ROOT / "docs" / "overview.svg"

RELATIVE = ("app", "base")
"""The lowers of the example on the first page, as somebody typed them."""
SAYS = {"store": "hello", "other": "evil"}
"""The directories that have an `app` and a `base` each, and what `greeting` says there."""
STACK: dict[str, dict[str, str | None]] = {
    "upper": {"notes": "mine", "greeting": "hi"},
    "app": {"version": "v2", "old": None},
    "base": {"greeting": "hello", "version": "v1", "old": "junk"},
}
"""What the layers of the picture of a stack hold, top to bottom; None is a whiteout."""
STRINGS = (
    ("lowerdir=l/ZWQY:l/XGV6:l/7Q4K", "relative: to which directory?"),
    ("lowerdir=7:8:9", "numbers of descriptors, long closed"),
    ("lowerdir+=/l1", "a root that is in no mount namespace"),
    ("lowerdir=/tmp/idmap-41/1", "a mount that was undone right after"),
    ("upperdir=/run/overlay/rw", "its tmpfs is unmounted, and still written to"),
    ("lowerdir=/data/base", "removed; who has that name now is another"),
)
RUNGS = (
    ("introspection", "every source, and its ID map", "proved"),
    ("file-identifier", "the upper, or the top lower", "proved"),
    ("opening", "what the kernel opens to list the root", "proved"),
    ("witness", "layers whose files show through", "proved or not"),
    ("option-string", "names to try", "never"),
)
"""The rungs of the ladder: registered method, what it reaches, whether that is proof."""


def problem() -> list[Panel]:
    """The same string mounted from two directories."""
    panels = []
    for number, (directory, greeting) in enumerate(SAYS.items()):
        again = " again" if number else ""
        panel = Panel(
            f"Mounted{again} from /mnt/{directory}",
            f"The option string lowerdir={':'.join(RELATIVE)} leads to "
            f"{' and '.join(f'/mnt/{directory}/{name}' for name in RELATIVE)}; the file greeting says {greeting}."
            + (" No error is reported, though these are other directories." if number else ""),
        )
        panel.words(0, 16, panel.title, kind="title")
        _string(panel, 30, f"lowerdir={':'.join(RELATIVE)}")
        for place, name in enumerate(RELATIVE):
            y = 92 + place * 40
            panel.box(40, y, 260, 30, "lower")
            panel.words(52, y + 20, f"/mnt/{directory}/{name}", kind="mono")
        panel.arrow(20, 60, 20, 75)
        panel.words(34, 78, "whatever is there now" if number else "what was meant", "faint")
        panel.words(0, 192, "cat greeting", "faint", "mono")
        panel.words(110, 192, greeting, "bad" if number else "good", "mono")
        panel.mark(170, 188, right=not number)
        panel.words(190, 192, "and no error" if number else "", "bad")
        panels.append(panel)
    return panels


def answer() -> list[Panel]:
    """What the kernel holds of the tour's stack, and what a restore does with it."""
    rows = [(role, source, _device(source)) for role, source in _sources()]
    held = Panel(
        "Dump: what the kernel holds",
        "; ".join(f"{role}: device {device}, inode {each['identity']['inode']}" for role, each, device in rows),
    )
    held.words(0, 16, held.title, kind="title")
    for number, (role, source, device) in enumerate(rows):
        y = 30 + number * 40
        held.box(0, y, WIDTH, 32, _colour(role))
        held.words(10, y + 21, role)
        held.words(72, y + 21, f"{device} inode {source['identity']['inode']}", kind="mono")
        held.words(WIDTH - 10, y + 21, _place(source), kind="mono", end=True)
    held.words(0, 208, "Device, inode, generation, UUID, path: read", "faint")
    held.words(0, 226, "from the kernel, not from the string.", "faint")
    moved, lost = rows[1][1], rows[2][1]
    inode, other = lost["identity"]["inode"], "21"
    checked = Panel(
        "Restore: that directory, or none",
        f"A layer that was moved is found by its inode {moved['identity']['inode']} and mounted. "
        f"A look-alike with inode {other} instead of {inode} is refused, and nothing is mounted.",
    )
    checked.words(0, 16, checked.title, kind="title")
    _verdict(checked, 30, f"{_place(moved)}.moved", moved["identity"]["inode"], right=True)
    checked.words(28, 90, "that directory, at a new place: used", "good")
    _verdict(checked, 108, _place(lost), other, right=False)
    checked.words(28, 168, f"same name and files, but not inode {inode}:", "bad")
    checked.words(28, 186, "refused, and nothing is mounted", "bad")
    return [held, checked]


def stack() -> list[Panel]:
    """What each layer holds, and which one serves what the mount shows."""
    names = sorted({name for layer in STACK.values() for name in layer})
    served = {name: next(layer for layer, files in STACK.items() if name in files) for name in names}
    shown = [name for name in names if STACK[served[name]][name] is not None]
    panel = Panel(
        "An overlay and its layers",
        "; ".join(f"{name} comes from {served[name]}" for name in shown)
        + f"; {', '.join(sorted(set(names) - set(shown)))} is hidden by a whiteout.",
    )
    columns = {name: 68 + number * 69 for number, name in enumerate(names)}
    for name, x in columns.items():
        panel.words(x, 14, name, "faint", "mono")
    for number, layer in enumerate(["mount", *STACK]):
        y = 24 + number * 42 + (10 if number else 0)
        fill, edge, kind = ("well", "ink", "title") if layer == "mount" else (_colour(layer), "line", "")
        panel.box(0, y, WIDTH, 32, fill, edge)
        panel.words(8, y + 21, layer, kind=kind)
        files = {name: STACK[served[name]][name] for name in names} if layer == "mount" else STACK[layer]
        for name, content in files.items():
            if layer != "mount" and served[name] == layer:
                panel.box(columns[name] - 5, y + 6, 64, 20, "mark")
            if content is not None:
                panel.words(columns[name], y + 20, content, kind="mono")
            elif layer != "mount":
                panel.words(columns[name], y + 20, "whiteout", "faint", "mono")
    panel.words(0, 222, "Marked: the layer that serves a name.", "faint")
    return [panel]


def strings() -> list[Panel]:
    """What mountinfo shows, and what each string lacks."""
    panels = []
    for title, rows in (("Given by other means than a path", STRINGS[:3]), ("A path that was true once", STRINGS[3:])):
        panel = Panel(title, "; ".join(f"{string}: {lack}" for string, lack in rows))
        panel.words(0, 16, title, kind="title")
        for number, (string, lack) in enumerate(rows):
            y = 28 + number * 62
            _string(panel, y, string)
            panel.words(10, y + 48, lack, "bad")
        panels.append(panel)
    return panels


def kernel() -> list[Panel]:
    """From the overlay to its directories, and back from a directory to a path."""
    image = _tour()
    rows = [(role, source) for role, source in _sources() if role != "work"]
    overlay = image["filesystems"][0]["device"]
    held = Panel(
        "Held, whatever the string says",
        f"The superblock of overlay {overlay} refers to a private mount of each layer, in no mount namespace; "
        "that leads to a directory, and the directory to its inode.",
    )
    held.words(0, 16, held.title, kind="title")
    held.box(0, 30, WIDTH, 30, "well", "ink")
    held.words(10, 50, f"overlay {overlay}: superblock, options")
    held.arrow(16, 60, 16, 88)
    for number, (role, source) in enumerate(rows):
        y = 92 + number * 42
        held.box(0, y, 96, 32, _colour(role))
        held.words(10, y + 21, role)
        held.arrow(96, y + 16, 120, y + 16)
        held.words(128, y + 13, "private mount, directory", "faint")
        held.words(128, y + 29, f"inode {source['identity']['inode']}, {source['path']}", kind="mono")
    found = _found_again(image, rows[-1][1])
    return [held, found]


def ladder() -> list[Panel]:
    """The ways of finding sources, the surest first."""
    panel = Panel(
        "The ladder of evidence", "; ".join(f"{name}: {reach}; proof: {proof}" for name, reach, proof in RUNGS)
    )
    for number, (name, reach, proof) in enumerate(RUNGS):
        y = 4 + number * 48
        indent = number * 12
        panel.box(indent, y, WIDTH - indent, 40, "lower" if proof == "proved" else "well")
        panel.words(indent + 10, y + 17, name, kind="mono")
        panel.words(WIDTH - 10, y + 17, proof, {"proved": "good", "never": "bad"}.get(proof, "faint"), end=True)
        panel.words(indent + 10, y + 33, reach, "faint")
    return [panel]


PICTURES: dict[str, Callable[[], list[Panel]]] = {
    "problem": problem,
    "answer": answer,
    "stack": stack,
    "strings": strings,
    "kernel": kernel,
    "ladder": ladder,
}


def figure(name: str, caption: str) -> str:
    """A picture as HTML for a page. Raises KeyError where there is none of that name."""
    panels = "".join(panel.svg(f"{name}-{number}") for number, panel in enumerate(PICTURES[name]()))
    return f'<figure><div class="panels">{panels}</div><figcaption>{escape(caption)}</figcaption></figure>'


def overview() -> str:
    """The problem and the answer as one SVG file, for the README."""
    return sheet([problem(), answer()], "The same option string means other directories elsewhere; an image does not")


def _found_again(image: dict[str, Any], source: dict[str, Any]) -> Panel:
    device, inode = image["filesystems"][1]["device"], source["identity"]["inode"]
    mount = image["mounts"][1]
    steps = (
        (f"{device}, inode {inode}, {source['path']}", "from the kernel"),
        (f"{device} is mounted at {mount['mountPoint']}", "in the mount table"),
        (_place(source), "opened"),
        (f"{device}, inode {inode}", "compared: the same"),
    )
    panel = Panel("Found: where it is now", "; then ".join(f"{what} ({how})" for what, how in steps))
    panel.words(0, 16, panel.title, kind="title")
    for number, (what, how) in enumerate(steps):
        y = 30 + number * 48
        panel.box(0, y, WIDTH, 30, "well", "good" if number == len(steps) - 1 else "line")
        panel.words(10, y + 20, what, kind="mono")
        panel.words(WIDTH - 10, y + 20, how, "good" if number == len(steps) - 1 else "faint", "", True)
        if number:
            panel.arrow(20, y - 18, 20, y - 2)
    return panel


def _string(panel: Panel, y: float, string: str) -> None:
    panel.box(0, y, WIDTH, 30)
    panel.words(10, y + 20, string, kind="mono")


def _verdict(panel: Panel, y: float, path: str, inode: str, right: bool) -> None:
    panel.box(0, y, WIDTH, 36, "lower", "good" if right else "bad")
    panel.words(10, y + 23, path, kind="mono")
    panel.words(WIDTH - 36, y + 23, f"inode {inode}", kind="mono", end=True)
    panel.mark(WIDTH - 18, y + 18, right)


def _tour() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(TOUR.read_text())
    return loaded


def _sources() -> list[tuple[str, dict[str, Any]]]:
    overlay = _tour()["overlays"][0]
    lowers = iter(range(len(overlay["layers"])))
    named = [("upper" if each["role"] == "upper" else f"lower {next(lowers)}", each) for each in overlay["layers"]]
    return [*named, ("work", overlay["work"])]


def _device(source: dict[str, Any]) -> str:
    table = {each["id"]: each["device"] for each in _tour()["filesystems"]}
    return str(table[source["identity"]["filesystem"]])


def _place(source: dict[str, Any]) -> str:
    mounts = {each["id"]: each["mountPoint"] for each in _tour()["mounts"]}
    return f"{mounts[source['location']['mount']]}{source['location']['path']}"


def _colour(role: str) -> str:
    return role if role in ("upper", "work") else "lower"


if __name__ == "__main__":
    OVERVIEW.write_text(overview())
