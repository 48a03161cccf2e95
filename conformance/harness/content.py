"""What lies in the layers, and what a stack of them must show: overlayfs' rules, in a page.

Every file says in its content which directory it is of, and a nonce that no decoy shares: reading it through a mount
tells which directory serves it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    path: bytes


@dataclass(frozen=True)
class Metacopy(File):
    """A file whose data is in the file `redirect` of the data-only layer `data`."""

    redirect: bytes
    data: str = "data/0"


@dataclass(frozen=True)
class Directory:
    """A directory. `opaque`: hides what lower layers hold under its name; `redirect`: its name in them."""

    path: bytes
    opaque: bool = False
    redirect: bytes | None = None


@dataclass(frozen=True)
class Whiteout:
    path: bytes


Entry = File | Directory | Whiteout
Entries = tuple[Entry, ...]


def ordinary(label: str) -> Entries:
    """What every layer holds unless its stack says otherwise: entries of its own, and some that other layers have."""
    own = label.replace("/", "").encode()
    return (
        *sparse(label),
        File(b"only-" + own),
        Directory(b"merged"),
        File(b"merged/all"),
        File(b"merged/only-" + own),
        Directory(b"dir-" + own),
        File(b"dir-" + own + b"/file"),
    )


def sparse(label: str) -> Entries:
    """Enough to tell each layer, and its place: it shares a file with the layer above it, and one with that below."""
    number = int(label.partition("/")[2] or -1)
    shared = [File(b"order-%d" % each) for each in (number, number + 1) if each >= 0]
    return (File(b"all"), *shared)


def text(label: str, path: bytes, nonce: str) -> bytes:
    """The content of the file `path` in the source `label`."""
    return b"%s %s %s\n" % (label.encode(), path, nonce.encode())


def fill(directory: bytes, label: str, entries: Entries, nonce: str, prefix: bytes) -> None:
    """Make the entries; `prefix` is that of overlay's xattrs: `trusted.` or `user.`."""
    for entry in entries:
        path = os.path.join(directory, entry.path)
        match entry:
            case Metacopy(_, redirect, data):
                _metacopy(path, prefix, redirect, len(text(data, redirect.lstrip(b"/"), nonce)))
            case File():
                _write(path, text(label, entry.path, nonce))
            case Directory(_, opaque, redirect):
                os.makedirs(path, exist_ok=True)
                if opaque:
                    os.setxattr(path, prefix + b"overlay.opaque", b"y")
                if redirect is not None:
                    os.setxattr(path, prefix + b"overlay.redirect", redirect)
            case Whiteout():
                os.mknod(path, 0o020000, 0)


def _write(path: bytes, data: bytes) -> None:
    """Without a look at the file: one that was looked at gets a time of its own when it is written to."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(descriptor, data)
    os.close(descriptor)


def _metacopy(path: bytes, prefix: bytes, redirect: bytes, size: int) -> None:
    with open(path, "wb") as file:
        file.truncate(size)
    os.setxattr(path, prefix + b"overlay.metacopy", b"")
    os.setxattr(path, prefix + b"overlay.redirect", redirect)


Shown = dict[bytes, tuple[str, bytes] | None]
"""Path in the mount -> the label and path of the file that serves it, or None for a directory."""

_Place = tuple[int, bytes]
_Tree = dict[bytes, Entry]


def merged(layers: Sequence[tuple[str, Entries]]) -> Shown:
    """What a stack of these (label, entries), top to bottom, shows; redirects are followed."""
    trees = [{entry.path: entry for entry in entries} for _, entries in layers]
    children = [_by_directory(tree) for tree in trees]
    shown: Shown = {}

    def descend(at: bytes, places: list[_Place]) -> None:
        holders: dict[bytes, list[_Place]] = {}
        for index, directory in places:
            for name in children[index].get(directory, ()):
                holders.setdefault(name, []).append((index, os.path.join(directory, name)))
        for name, held in holders.items():
            path = os.path.join(at, name)
            served = _serve(trees, held, places)
            if isinstance(served, list):
                shown[path] = None
                descend(path, served)
            elif served:
                shown[path] = (layers[served[0]][0], served[1])

    descend(b"", [(index, b"") for index in range(len(layers))])
    return shown


def _by_directory(tree: _Tree) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for path in tree:
        found.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    return found


def _serve(trees: list[_Tree], held: Sequence[_Place], places: list[_Place]) -> _Place | list[_Place] | None:
    """Who serves a name: a file's place, a directory's places, or nobody.

    `held`: the entries of that name, top to bottom; `places`: the directories that they stand in, and others.
    """
    found: list[_Place] = []
    for index, path in held:
        match trees[index].get(path):
            case Whiteout():
                break
            case File():
                if not found:
                    return index, path
                break
            case Directory(_, opaque, redirect):
                found.append((index, path))
                if opaque:
                    break
                if redirect is not None:
                    return found + _renamed(trees, index, path, redirect, places)
    return found or None


def _renamed(trees: list[_Tree], index: int, path: bytes, redirect: bytes, places: list[_Place]) -> list[_Place]:
    """The directories below one that is redirected: another name, relative to the same directory or to the root."""
    below = [place for place in places if place[0] > index]
    if redirect.startswith(b"/"):
        held = [(lower, redirect[1:]) for lower in range(index + 1, len(trees))]
    else:
        held = [(lower, os.path.join(directory, redirect)) for lower, directory in below]
    served = _serve(trees, held, below)
    return served if isinstance(served, list) else []
