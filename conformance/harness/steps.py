"""What happens to a stack after it was mounted: sources move and vanish, decoys appear where a guess would look."""

import os
import shutil

from . import btrfs, builder, disks, kernel, processes, teller
from .agent import Hold, World
from .content import fill
from .stack import (
    BindSubtree,
    Buried,
    Cover,
    Delete,
    Emptied,
    FileSystem,
    Holding,
    LazyUnmount,
    Linked,
    Lookalikes,
    Move,
    OtherNamespace,
    OverSource,
    Rename,
    RenameAbove,
    SnapshotOf,
    Source,
    Stack,
    Standing,
    Step,
    Twin,
    UsedWork,
)

DECOY = "decoy"
"""The nonce in the contents of everything that is not a source."""


def take(world: World, stack: Stack, step: Step, names: dict[str, bytes], paths: dict[str, bytes | None]) -> None:
    """Do one step. By label: `names` as the mounter gave them; `paths` inside their file systems, kept true."""
    match step:
        case LazyUnmount(filesystem, remove):
            at = stack.filesystem(filesystem).at
            kernel.umount(at, kernel.MNT_DETACH)
            if remove:
                os.rmdir(at)
        case Rename(label, path):
            _rename(stack, label, path, paths)
        case RenameAbove(filesystem, old, new):
            _rename_above(stack, stack.filesystem(filesystem), old, new, paths)
        case Buried(filesystem, path, levels):
            _bury(stack, stack.filesystem(filesystem), path, levels, paths)
        case Delete(label, parent):
            _delete(stack, label, parent, paths)
        case Emptied(label, path):
            _empty(stack, label, path, paths)
        case Lookalikes(below):
            for label, _, source in stack.everything():
                lookalike(stack, label, source, _where(names[label], below))
        case Linked(below):
            for label, source in stack.sources():
                _linked(stack, source, _where(names[label].lstrip(b"/"), below))
        case UsedWork(label, at):
            shutil.copytree(os.fsdecode(_place(stack, label)), os.fsdecode(at))
        case Twin(filesystem, at):
            _twin(world, stack, stack.filesystem(filesystem), at)
        case SnapshotOf(filesystem, of, path):
            _snapshot(stack.filesystem(filesystem), of, path)
        case Standing(cwd):
            _hold(world, cwd, "cwd")
        case Holding(path, through):
            _hold(world, path, through)
        case OtherNamespace():
            _other_namespace(world, stack, step)
        case _:
            _mounts(stack, step)


def _mounts(stack: Stack, step: Step) -> None:
    """Steps that are a mount of something somewhere."""
    match step:
        case Cover(at):
            os.makedirs(at, exist_ok=True)
            kernel.mount(b"tmpfs", at, b"tmpfs", data=b"mode=755")
        case BindSubtree(filesystem, path, at):
            place = stack.filesystem(filesystem).place(path)
            for each in (place, at):
                os.makedirs(each, exist_ok=True)
            kernel.mount(place, at, flags=kernel.MS_BIND)
        case Move(filesystem, at):
            os.makedirs(at, exist_ok=True)
            kernel.mount(stack.filesystem(filesystem).at, at, flags=kernel.MS_MOVE)
        case OverSource(at):
            for number in (1, 2):
                os.makedirs(b"/over/%d" % number, exist_ok=True)
            kernel.mount(b"overlay", at, b"overlay", data=b"lowerdir=/over/1:/over/2")


def _rename(stack: Stack, label: str, path: bytes, paths: dict[str, bytes | None]) -> None:
    whose, source = _find(stack, label)
    filesystem = whose.filesystem(source.on)
    new = filesystem.place(path)
    os.makedirs(os.path.dirname(new), exist_ok=True)
    os.rename(filesystem.place(paths[label] or source.path), new)
    paths[label] = path


def _empty(stack: Stack, label: str, path: bytes, paths: dict[str, bytes | None]) -> None:
    for name in os.listdir(stack.target):
        os.lstat(stack.target + b"/" + name)
    old = stack.place(dict(stack.sources())[label])
    _rename(stack, label, path, paths)
    os.mkdir(old)
    new = stack.filesystem(_find(stack, label)[1].on).place(path)
    for name in os.listdir(new):
        os.rename(new + b"/" + name, old + b"/" + name)


def _rename_above(stack: Stack, filesystem: FileSystem, old: bytes, new: bytes, paths: dict[str, bytes | None]) -> None:
    os.rename(filesystem.place(old), filesystem.place(new))
    for label, _, source in stack.everything():
        path = paths[label]
        if source.on == filesystem.name and path is not None and path.startswith(old + b"/"):
            paths[label] = new + path[len(old) :]


def _bury(stack: Stack, filesystem: FileSystem, path: bytes, levels: int, paths: dict[str, bytes | None]) -> None:
    for level in range(levels):
        above = b"/%03d" % level + b"-" * 197
        os.mkdir(filesystem.place(above))
        _rename_above(stack, filesystem, path, above + path, paths)
        path = above


def _delete(stack: Stack, label: str, parent: bool, paths: dict[str, bytes | None]) -> None:
    whose, source = _find(stack, label)
    place = whose.filesystem(source.on).place(paths[label] or source.path)
    shutil.rmtree(os.path.dirname(place) if parent else place)
    paths[label] = None


def _place(stack: Stack, label: str) -> bytes:
    whose, source = _find(stack, label)
    return whose.place(source)


def _find(stack: Stack, label: str) -> tuple[Stack, Source]:
    return next((whose, source) for name, whose, source in stack.everything() if name == label)


def _where(name: bytes, below: bytes) -> bytes:
    """Where a guess would look for a source of this name: below `below`; a full name is looked for as it is."""
    return os.path.join(below, name) if below else name


def lookalike(stack: Stack, label: str, source: Source, place: bytes) -> None:
    """A directory like the source at `place`, with a decoy's contents; what is there already is left alone."""
    if os.path.lexists(place):
        return
    os.makedirs(place)
    if source.role != "work":
        prefix = b"user." if stack.has(b"userxattr") else b"trusted."
        fill(place, label, builder.entries_of(label, source), DECOY, prefix)


def _linked(stack: Stack, source: Source, copy: bytes) -> None:
    """As `cp -al` does: directories anew, everything else linked."""
    origin = stack.place(source)
    for directory, _, files in os.walk(origin):
        there = copy + directory[len(origin) :]
        os.makedirs(there, exist_ok=True)
        for name in files:
            os.link(os.path.join(directory, name), os.path.join(there, name), follow_symlinks=False)


def _twin(world: World, stack: Stack, filesystem: FileSystem, at: bytes) -> None:
    """The same steps in the same order give the same inode numbers, then times are copied; or a copy of the disk."""
    if filesystem.kind == "tmpfs":
        builder.mount_filesystem(at)
        builder.populate(stack, filesystem, at, DECOY)
        for label, _, source in stack.everything():
            if source.on == filesystem.name:
                _copy_times(world.held[label], at.rstrip(b"/") + source.path)
    else:
        copy = disks.image_of(filesystem.name + "-twin")
        label = next(label for label, _, source in stack.everything() if source.on == filesystem.name)
        disks.clone(world.held[label], disks.image_of(filesystem.name), copy)
        disks.mount(filesystem.kind, copy, at, b"nouuid" if filesystem.kind == "xfs" else b"")
        if filesystem.kind not in disks.READ_ONLY:
            builder.rewrite(at)


def _snapshot(filesystem: FileSystem, of: bytes, path: bytes) -> None:
    os.makedirs(os.path.dirname(filesystem.place(path)), exist_ok=True)
    btrfs.snapshot(filesystem.place(of), filesystem.place(path))
    builder.rewrite(filesystem.place(path))


def _copy_times(original: int, twin: bytes) -> None:
    for directory, names, files, here in os.fwalk(b".", topdown=False, dir_fd=original):
        for name in (*names, *files, b"."):
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            path = os.path.join(twin, directory, name)
            if os.path.lexists(path):
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


# Processes


def _hold(world: World, path: bytes, through: str) -> None:
    """A process that holds `path`, and a note of what that is a directory of."""
    name = f"{through} {path.decode('utf-8', 'surrogateescape')}"

    def prepare() -> int | None:
        if through == "fd":
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        (os.chroot if through == "root" else os.chdir)(path)
        return None

    held = os.open(path, os.O_PATH)
    mount = teller.mount(teller.mount_number(held))
    os.close(held)
    inside = os.path.relpath(path, mount.point)
    processes.start(world, name, prepare)
    shown = processes.HELD if through == "fd" else through
    world.holders.append(Hold(name, shown, mount.device, os.path.normpath(os.path.join(mount.root, inside))))


def _other_namespace(world: World, stack: Stack, step: OtherNamespace) -> None:
    """A process in another mount namespace; of the overlay there is nothing in it."""
    filesystem = stack.filesystem(step.filesystem)
    name = f"namespace {len(world.namespaces)}"
    own = {stack.target, *(bind.at for bind in stack.binds)}

    def prepare() -> None:
        if step.owned:
            processes.own_user_namespace()
        kernel.unshare(kernel.CLONE_NEWNS)
        if not step.owned:  # what a namespace of another owner copies can't be taken out of it
            for point in own:
                kernel.umount(point, kernel.MNT_DETACH)
        if step.at:
            os.makedirs(step.at, exist_ok=True)
            kernel.mount(filesystem.place(step.path), step.at, flags=kernel.MS_BIND)
        if step.at and not step.owned:
            kernel.umount(filesystem.at, kernel.MNT_DETACH)
        if step.cover:
            kernel.mount(b"tmpfs", step.cover, b"tmpfs")

    processes.start(world, name, prepare)
    world.namespaces.append(name)
