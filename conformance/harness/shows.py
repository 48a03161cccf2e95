"""What a stack must show: overlayfs' rules, through data-only layers and overlays below."""

import os
from collections.abc import Mapping

from .builder import entries_of
from .content import Directory, Entries, File, Metacopy, Shown, merged
from .stack import Source, Stack


def expected(stack: Stack, prefix: str = "") -> Shown:
    """Path in the mount -> label and path of the file that serves it, None for a directory. Below: `NAME:lower/0`…"""
    below = {name: expected(overlay, f"{name}:") for name, overlay in stack.inner()}
    layers = {prefix + label: source for label, source in stack.sources() if source.role in ("upper", "lower")}
    entries = {label: _entries(label, source, below) for label, source in layers.items()}
    return {
        path: served and _origin(layers[served[0]], entries[served[0]], below, *served)
        for path, served in merged(list(entries.items())).items()
    }


def _entries(label: str, source: Source, below: Mapping[str, Shown]) -> Entries:
    if source.on not in below:
        return entries_of(label, source)
    inside = {os.path.relpath(b"/" + path, source.path): served for path, served in below[source.on].items()}
    kept = {path: served for path, served in inside.items() if path != b"." and not path.startswith(b"..")}
    return tuple(Directory(path) if served is None else File(path) for path, served in kept.items())


def _origin(source: Source, entries: Entries, below: Mapping[str, Shown], label: str, path: bytes) -> tuple[str, bytes]:
    """Where the data is that is found at `path` in a layer."""
    if source.on in below:
        return below[source.on][os.path.join(source.path, path)[1:]] or (label, path)
    for entry in entries:
        if isinstance(entry, Metacopy) and entry.path == path:
            return entry.data, entry.redirect.lstrip(b"/")
    return label, path
