"""The one builder of stacks. Runs inside a sandbox; its record is the truth that implementations are judged against."""

import os
import secrets
from contextlib import suppress
from dataclasses import replace

from . import kernel, mounts, steps
from .agent import World
from .content import Entries, fill, ordinary
from .kernel import Handle
from .stack import FileSystem, Manner, Name, Source, Stack
from .truth import SourceTruth, Truth

_ATTRIBUTES = {"nosuid": kernel.MS_NOSUID, "nodev": kernel.MS_NODEV, "noexec": kernel.MS_NOEXEC, "ro": kernel.MS_RDONLY}
_PROPAGATION = {"shared": kernel.MS_SHARED, "unbindable": kernel.MS_UNBINDABLE, "private": kernel.MS_PRIVATE}


def build(world: World, stack: Stack) -> Truth:
    """Make the stack, let happen what happened since, and tell the truth about it."""
    nonce = secrets.token_hex(8)
    for filesystem in stack.filesystems:
        mount_filesystem(filesystem.at)
        populate(stack, filesystem, filesystem.at, nonce)
    hold(world, stack)
    os.makedirs(stack.target, exist_ok=True)
    names = mount_overlay(stack)
    os.chdir(b"/")
    dress(stack)
    paths: dict[str, bytes | None] = {label: source.path for label, source in stack.sources()}
    for step in stack.since:
        steps.take(world, stack, step, names, paths)
    return observe(world, stack, names, paths, nonce)


def mount_filesystem(at: bytes) -> None:
    os.makedirs(at, exist_ok=True)
    kernel.mount(b"tmpfs", at, b"tmpfs", data=b"mode=755")


def populate(stack: Stack, filesystem: FileSystem, at: bytes, nonce: str) -> None:
    """Make, below `at`, every source that the stack has on this file system; the order is always the same."""
    prefix = b"user." if stack.has(b"userxattr") else b"trusted."
    for label, source in stack.sources():
        if source.on == filesystem.name:
            directory = at.rstrip(b"/") + source.path
            os.makedirs(directory, exist_ok=True)
            if source.role != "work":
                fill(directory, label, entries_of(label, source), nonce, prefix)


def entries_of(label: str, source: Source) -> Entries:
    return ordinary(label.replace("/", "")) if source.entries is None else source.entries


def hold(world: World, stack: Stack) -> None:
    """Keep a descriptor of every source: whatever happens to names, it goes on naming the directory."""
    for label, source in stack.sources():
        world.held[label] = os.open(stack.place(source), os.O_RDONLY | os.O_DIRECTORY)


# Mounting


def mount_overlay(stack: Stack) -> dict[str, bytes]:
    """Mount the overlay in the stack's manner; the name under which each source was given."""
    os.chdir(stack.cwd)
    opened: list[int] = []
    try:
        names = {label: _name(stack, source, opened) for label, source in stack.sources()}
        if opened:
            os.chdir(b"/proc/self/fd")
        if stack.manner is Manner.PAGE:
            _mount_page(stack, names)
        else:
            _mount_context(stack, names)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return names


def _name(stack: Stack, source: Source, opened: list[int]) -> bytes:
    if isinstance(source.name, bytes):
        return source.name
    if source.name is Name.ABSOLUTE:
        return stack.place(source)
    opened.append(os.open(stack.place(source), os.O_PATH))
    return b"%d" % opened[-1]


def escaped(name: bytes) -> bytes:
    """A name with overlay's own escapes, for `lowerdir=`, `upperdir=` and `workdir=`."""
    return name.replace(b"\\", b"\\\\").replace(b":", b"\\:").replace(b",", b"\\,")


def _mount_page(stack: Stack, names: dict[str, bytes]) -> None:
    lowers = b":".join(escaped(names[label]) for label, source in stack.sources() if source.role == "lower")
    data = b"".join(b"::" + escaped(names[label]) for label, source in stack.sources() if source.role == "data")
    words = [name if value is None else name + b"=" + value for name, value in stack.options]
    words.append(b"lowerdir=" + lowers + data)
    words += [label.encode() + b"dir=" + escaped(names[label]) for label in ("upper", "work") if label in names]
    flags = sum(_ATTRIBUTES[word] for word in stack.attributes | (stack.flags & {"ro"}))
    kernel.mount(b"overlay", stack.target, b"overlay", flags, b",".join(words))


def _mount_context(stack: Stack, names: dict[str, bytes]) -> None:
    context = kernel.fsopen(b"overlay")
    for name, value in stack.options:
        if value is None:
            kernel.fsconfig_flag(context, name)
        else:
            kernel.fsconfig_string(context, name, value)
    for label, source in stack.sources():
        key = {"lower": b"lowerdir+", "data": b"datadir+", "upper": b"upperdir", "work": b"workdir"}[source.role]
        if stack.manner is Manner.DESCRIPTOR:
            descriptor = os.open(stack.place(source), os.O_PATH)
            kernel.fsconfig_descriptor(context, key, descriptor)
            os.close(descriptor)
        else:
            name = names[label] if source.role in ("lower", "data") else escaped(names[label])
            kernel.fsconfig_string(context, key, name)
    kernel.fsconfig_create(context)
    mounted = kernel.fsmount(context)
    kernel.move_mount(mounted, stack.target)
    os.close(mounted)
    os.close(context)


def dress(stack: Stack) -> None:
    """Give the mount its propagation and its further places."""
    kernel.mount(b"none", stack.target, flags=_PROPAGATION[stack.propagation])
    for bind in stack.binds:
        os.makedirs(bind.at, exist_ok=True)
        kernel.mount(stack.target + bind.root, bind.at, flags=kernel.MS_BIND)


# Telling


def observe(world: World, stack: Stack, names: dict[str, bytes], paths: dict[str, bytes | None], nonce: str) -> Truth:
    table = [with_unique_id(mount) for mount in mounts.table()]
    target = mounts.at(table, stack.target)
    if target is None or target.kind != "overlay":
        raise RuntimeError(f"the overlay of {stack.name} is not mounted")
    sources = tuple(
        _tell(world.held[label], label, source, names[label], paths[label], table) for label, source in stack.sources()
    )
    return Truth(sources, tuple(table), target, nonce, os.stat("/proc/self/ns/mnt").st_ino)


def with_unique_id(mount: mounts.Mount) -> mounts.Mount:
    """With its 64-bit ID, where it can be asked for without touching what lies there."""
    with suppress(OSError):
        if mount.kind in ("overlay", "tmpfs") and kernel.mount_id(mount.point) == mount.id:
            return replace(mount, unique=kernel.unique_mount_id(mount.point))
    return mount


def _tell(
    held: int, label: str, source: Source, name: bytes, path: bytes | None, table: list[mounts.Mount]
) -> SourceTruth:
    status = os.fstat(held)
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    handle = kernel.file_handle(held)
    known = SourceTruth(
        label=label,
        role=source.role,
        declared=name,
        device=device,
        kind="tmpfs",
        uuid=kernel.filesystem_uuid(held),
        inode=status.st_ino,
        generation=_generation(held, handle),
        handle=handle,
        path=path if status.st_nlink else None,
    )
    return known if known.path is None else _found(known, known.path, table)


def _generation(held: int, handle: Handle | None) -> int | None:
    """By the file system's ioctl; a tmpfs has none, but puts it first in its handles (mm/shmem.c)."""
    if handle is not None and handle.type == 1 and len(handle.value) == 12:
        return int.from_bytes(handle.value[:4], "little")
    return kernel.generation(held)


def _found(source: SourceTruth, path: bytes, table: list[mounts.Mount]) -> SourceTruth:
    """With every place where a mount of its file system leads to it, or would but for another mount above."""
    reached: list[tuple[int, bytes]] = []
    hidden: list[tuple[int, bytes]] = []
    for mount in table:
        below = _below(path, mount.root)
        if mount.device == source.device and below is not None:
            place = mount.point.rstrip(b"/") + below
            (reached if _is_there(place, mount, source) else hidden).append((mount.id, below))
    return replace(source, reached=tuple(reached), hidden=tuple(hidden))


def _below(path: bytes, root: bytes) -> bytes | None:
    if root == b"/":
        return path
    if path == root:
        return b"/"
    return path[len(root) :] if path.startswith(root + b"/") else None


def _is_there(place: bytes, mount: mounts.Mount, source: SourceTruth) -> bool:
    with suppress(OSError):
        return os.lstat(place).st_ino == source.inode and kernel.mount_id(place) == mount.id
    return False
