"""Mount the overlay of a stack in its manner. Runs inside a sandbox."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from . import kernel, processes
from .stack import IdMap, Manner, Name, Source, Stack

_ATTRIBUTES = {
    "nosuid": kernel.MS_NOSUID,
    "nodev": kernel.MS_NODEV,
    "noexec": kernel.MS_NOEXEC,
    "nosymfollow": kernel.MS_NOSYMFOLLOW,
    "noatime": kernel.MS_NOATIME,
    "nodiratime": kernel.MS_NODIRATIME,
    "strictatime": kernel.MS_STRICTATIME,
}
_FLAGS = {
    "ro": kernel.MS_RDONLY,
    "sync": kernel.MS_SYNCHRONOUS,
    "dirsync": kernel.MS_DIRSYNC,
    "lazytime": kernel.MS_LAZYTIME,
}
_PROPAGATION = {"shared": kernel.MS_SHARED, "unbindable": kernel.MS_UNBINDABLE, "private": kernel.MS_PRIVATE}
_TEMPORARY = b"/temporary"
_ONE_MOUNT = ("upper", "work")
"""Overlayfs wants them below one mount."""


def mount_overlay(stack: Stack) -> dict[str, bytes]:
    """Mount it, and undo what was needed for that only; the name under which each source was given."""
    os.makedirs(stack.target, exist_ok=True)
    os.chdir(stack.cwd)
    opened: list[int] = []
    with ExitStack() as after:
        after.callback(os.chdir, b"/")
        names = {label: _name(stack, label, source, opened, after) for label, source in stack.sources()}
        for descriptor in opened:
            after.callback(os.close, descriptor)
        if opened:
            os.chdir(b"/proc/self/fd")
        if stack.manner is Manner.PAGE:
            _mount_page(stack, names)
        else:
            _mount_context(stack, names)
    return names


def _name(stack: Stack, label: str, source: Source, opened: list[int], after: ExitStack) -> bytes:
    if stack.manner is Manner.DESCRIPTOR:
        return _shown_of_descriptor(stack, source)
    if isinstance(source.name, bytes):
        return source.name
    if source.name is Name.TEMPORARY or source.idmap:
        if source.role not in _ONE_MOUNT:
            return after.enter_context(_temporary(stack.place(source), source.idmap, label))
        filesystem, whole = stack.filesystem(source.on), os.path.join(_TEMPORARY, b"writable")
        if label == "upper":
            after.enter_context(_temporary(filesystem.at, source.idmap, "writable"))
        return filesystem.place(source.path, whole)
    if source.name is Name.ABSOLUTE:
        return stack.place(source)
    opened.append(os.open(stack.place(source), os.O_PATH))
    return b"%d" % opened[-1]


def _shown_of_descriptor(stack: Stack, source: Source) -> bytes:
    """What the kernel shows: the path from the root of the mount that was given, if that is in no namespace."""
    if source.name is Name.TREE or (source.idmap and source.role in _ONE_MOUNT):
        return stack.filesystem(source.on).place(source.path, b"/")
    if source.idmap:
        return b"/"
    return stack.place(source)


@contextmanager
def _temporary(place: bytes, idmap: IdMap | None, label: str) -> Iterator[bytes]:
    """Another mount of a directory, at a place that is gone right after, as runtimes do for ID-mapped layers."""
    at = os.path.join(_TEMPORARY, label.replace("/", "-").encode())
    os.makedirs(at)
    tree = clone(place, idmap)
    kernel.move_mount(tree, at)
    os.close(tree)
    try:
        yield at
    finally:
        os.chdir(b"/")
        kernel.umount(at, kernel.MNT_DETACH)
        os.rmdir(at)


def clone(place: bytes, idmap: IdMap | None = None) -> int:
    """A descriptor of a detached mount of a directory, ID-mapped or not."""
    tree = kernel.open_tree(place, kernel.OPEN_TREE_CLONE)
    if idmap:
        user_namespace = processes.user_namespace(idmap)
        kernel.map_ids(tree, user_namespace)
        os.close(user_namespace)
    return tree


def escaped(name: bytes) -> bytes:
    """A name with overlay's own escapes, for `lowerdir=`, `upperdir=` and `workdir=`."""
    return name.replace(b"\\", b"\\\\").replace(b":", b"\\:").replace(b",", b"\\,")


def _mount_page(stack: Stack, names: dict[str, bytes]) -> None:
    lowers = b":".join(escaped(names[label]) for label, source in stack.sources() if source.role == "lower")
    data = b"".join(b"::" + escaped(names[label]) for label, source in stack.sources() if source.role == "data")
    words = [name if value is None else name + b"=" + value for name, value in stack.options]
    words.append(b"lowerdir=" + lowers + data)
    words += [label.encode() + b"dir=" + escaped(names[label]) for label in ("upper", "work") if label in names]
    flags = sum([*(_ATTRIBUTES[word] for word in stack.attributes), *(_FLAGS[word] for word in stack.flags)])
    kernel.mount(b"overlay", stack.target, b"overlay", flags, b",".join(words))


def _mount_context(stack: Stack, names: dict[str, bytes]) -> None:
    context = kernel.fsopen(b"overlay")
    with ExitStack() as after:
        after.callback(os.close, context)
        for name, value in stack.options:
            if value is None:
                kernel.fsconfig_flag(context, name)
            else:
                kernel.fsconfig_string(context, name, value)
        trees: dict[tuple[str, IdMap | None], int] = {}
        for label, source in stack.sources():
            key = {"lower": b"lowerdir+", "data": b"datadir+", "upper": b"upperdir", "work": b"workdir"}[source.role]
            if stack.manner is Manner.DESCRIPTOR:
                kernel.fsconfig_descriptor(context, key, _descriptor(stack, source, trees, after))
            else:
                name = names[label] if source.role in ("lower", "data") else escaped(names[label])
                kernel.fsconfig_string(context, key, name)
        kernel.fsconfig_create(context)
        mounted = kernel.fsmount(context)
        kernel.move_mount(mounted, stack.target)
        os.close(mounted)


def _descriptor(stack: Stack, source: Source, trees: dict[tuple[str, IdMap | None], int], after: ExitStack) -> int:
    """Of a source: itself, an ID-mapped clone of it, or itself below a clone of its file system's mount."""
    filesystem = stack.filesystem(source.on)
    if source.name is Name.TREE or (source.idmap and source.role in _ONE_MOUNT):
        kind = (source.on, source.idmap)
        if kind not in trees:
            trees[kind] = clone(filesystem.at, source.idmap)
            after.callback(os.close, trees[kind])
        found = os.open(filesystem.place(source.path, b"."), os.O_PATH, dir_fd=trees[kind])
    elif source.idmap:
        found = clone(stack.place(source), source.idmap)
    else:
        found = os.open(stack.place(source), os.O_PATH)
    after.callback(os.close, found)
    return found


def dress(stack: Stack) -> None:
    """Give the mount its propagation and its further places."""
    kernel.mount(b"none", stack.target, flags=_PROPAGATION[stack.propagation])
    for bind in stack.binds:
        os.makedirs(bind.at, exist_ok=True)
        kernel.mount(stack.target + bind.root, bind.at, flags=kernel.MS_BIND)
