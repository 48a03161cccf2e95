"""What lies in the layers, and what a stack of them must show: overlayfs' rules, in a page.

Every file says in its content which directory it is of, and a nonce that no decoy shares: reading it through a mount
tells which directory serves it.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    path: bytes


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


def ordinary(mark: str) -> Entries:
    """What every layer holds unless its stack says otherwise: entries of its own, and some that all layers have."""
    own = mark.encode()
    return (
        File(b"all"),
        File(b"only-" + own),
        Directory(b"merged"),
        File(b"merged/all"),
        File(b"merged/only-" + own),
        Directory(b"dir-" + own),
        File(b"dir-" + own + b"/file"),
    )


def sparse(mark: str) -> Entries:
    """For stacks of hundreds of layers."""
    return (File(b"all"), File(b"only-" + mark.encode()))


def text(label: str, path: bytes, nonce: str) -> bytes:
    """The content of the file `path` in the source `label`."""
    return b"%s %s %s\n" % (label.encode(), path, nonce.encode())


def fill(directory: bytes, label: str, entries: Entries, nonce: str, prefix: bytes) -> None:
    """Make the entries; `prefix` is that of overlay's xattrs: `trusted.` or `user.`."""
    for entry in entries:
        path = os.path.join(directory, entry.path)
        match entry:
            case File():
                with open(path, "wb") as file:
                    file.write(text(label, entry.path, nonce))
            case Directory(_, opaque, redirect):
                os.mkdir(path)
                if opaque:
                    os.setxattr(path, prefix + b"overlay.opaque", b"y")
                if redirect is not None:
                    os.setxattr(path, prefix + b"overlay.redirect", redirect)
            case Whiteout():
                os.mknod(path, 0o020000, 0)


Shown = dict[bytes, tuple[str, bytes] | None]
"""Path in the mount -> the label and path of the file that serves it, or None for a directory."""

_Place = tuple[int, bytes]


def merged(layers: Sequence[tuple[str, Entries]]) -> Shown:
    """What a stack of these (label, entries), top to bottom, shows; redirects are followed."""
    trees = [{entry.path: entry for entry in entries} for _, entries in layers]
    shown: Shown = {}

    def descend(at: bytes, places: list[_Place]) -> None:
        names: dict[bytes, list[_Place]] = {}
        for index, directory in places:
            for name in _children(trees[index], directory):
                names.setdefault(name, []).append((index, os.path.join(directory, name)))
        for name in names:
            path = os.path.join(at, name)
            served = _serve(trees, name, places)
            if isinstance(served, list):
                shown[path] = None
                descend(path, served)
            elif served:
                shown[path] = (layers[served[0]][0], served[1])

    descend(b"", [(index, b"") for index in range(len(layers))])
    return shown


def _children(tree: dict[bytes, Entry], directory: bytes) -> Iterator[bytes]:
    return (os.path.basename(path) for path in tree if os.path.dirname(path) == directory)


def _serve(trees: list[dict[bytes, Entry]], name: bytes, places: list[_Place]) -> _Place | list[_Place] | None:
    """Who serves `name` in the directory that `places` make up: a file's place, a directory's places, or nobody."""
    found: list[_Place] = []
    renamed: bytes | None = None
    for index, directory in places:
        path = os.path.join(directory, name) if renamed is None else renamed
        match trees[index].get(path):
            case None:
                continue
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
                    renamed = _resolve(path, redirect)
    return found or None


def _resolve(path: bytes, redirect: bytes) -> bytes:
    return redirect[1:] if redirect.startswith(b"/") else os.path.join(os.path.dirname(path), redirect)
