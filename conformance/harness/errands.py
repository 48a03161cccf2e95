"""Things that tests have done inside a sandbox between two calls of an implementation."""

import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from . import builder, files, kernel, mounts, steps, teller
from .agent import World
from .stack import Stack


def replace_by_lookalike(world: World, stack: Stack, label: str) -> None:
    """Remove a source for good; another directory of the same name and names takes its place."""
    remove(world, stack, label)
    source = dict(stack.sources())[label]
    steps.lookalike(stack, label, source, stack.place(source))


def remove(world: World, stack: Stack, label: str) -> None:
    shutil.rmtree(stack.place(dict(stack.sources())[label]))


def lookalikes_at(world: World, stack: Stack, directory: bytes) -> None:
    """Every source's look-alike, at its path below `directory`."""
    for label, source in stack.sources():
        steps.lookalike(stack, label, source, directory + source.path)


def bind(world: World, source: bytes, target: bytes) -> None:
    os.makedirs(target, exist_ok=True)
    kernel.mount(source, target, flags=kernel.MS_BIND)


def unmount(world: World, point: bytes) -> None:
    kernel.umount(point, kernel.MNT_DETACH)


def link(world: World, target: bytes, place: bytes) -> None:
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.symlink(target, place)


def mount_inner_overlay(world: World, at: bytes) -> dict[str, Any]:
    """Mount an overlay of two new directories at a new place; the line of its mount as an image tells it."""
    os.makedirs(at)
    mount_plain_overlay(world, at)
    return _as_told(at)


def mount_ramfs(world: World, at: bytes) -> dict[str, Any]:
    """Mount a ramfs at a new place; the same of it. The identity table has no row for it."""
    os.makedirs(at)
    kernel.mount(b"ramfs", at, b"ramfs")
    return _as_told(at)


def _as_told(at: bytes) -> dict[str, Any]:
    mount = next(mount for mount in map(teller.with_unique_id, mounts.table()) if mount.point == at)
    unique = {"uniqueId": str(mount.unique)} if mount.unique is not None else {}
    place = {"root": mount.root.decode(), "mountPoint": mount.point.decode()}
    return {"device": mount.device, "mountId": mount.id, **unique, **place}


def inode(world: World, path: bytes) -> int:
    return os.stat(path).st_ino


def identifier(world: World, path: bytes) -> dict[str, Any] | None:
    """What the kernel tells a directory by, where it opens nothing; as an image tells it."""
    held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    handle = kernel.file_handle(held, kernel.AT_HANDLE_FID)
    os.close(held)
    return None if handle is None else {"type": handle.type, "bytes": handle.value.hex()}


def is_source(world: World, label: str, path: bytes) -> bool:
    """Whether the directory of the source `label` is what the path leads to, where a descriptor of it can be held."""
    try:
        with files.shortened(path) as short:
            return label in world.held and os.path.samestat(os.stat(short), os.fstat(world.held[label]))
    except OSError:
        return False


def astray(world: World, places: Mapping[str, tuple[int, bytes]]) -> list[str]:
    """Those of these places, a mount's ID and a path below it, that are no directory. One that is hidden may be any."""
    points = {mount.id: mount.point for mount in mounts.table() if mount.kind != "overlay"}
    return [name for name, (mount, path) in places.items() if not _may_be_there(points.get(mount), mount, path)]


def _may_be_there(point: bytes | None, mount: int, path: bytes) -> bool:
    place, directory = (point or b"").rstrip(b"/"), True
    with suppress(FileNotFoundError, NotADirectoryError):
        for name in (b".", *path.split(b"/")):
            place += b"/" + name
            with files.shortened(place) as short:
                if point is None or kernel.mount_id(short) != mount:
                    return True
                directory = stat.S_ISDIR(os.lstat(short).st_mode)
        return directory
    return False


def put_link(world: World, place: bytes, aside: bytes, target: bytes) -> None:
    """Move what lies at `place` to `aside`; a link to `target` takes its place."""
    os.rename(place, aside)
    os.symlink(target, place)


def mount_plain_overlay(world: World, at: bytes) -> None:
    """Mount an overlay of two new directories."""
    for name in (b"/second/a", b"/second/b"):
        os.makedirs(name)
    kernel.mount(b"overlay", at, b"overlay", data=b"lowerdir=/second/a:/second/b")


def leave_volatile_mark(world: World) -> None:
    """Mount an overlay as volatile and unmount it: overlayfs marks the work directory."""
    names = {name: b"/proc/self/fd/%d" % world.held[name] for name in ("upper", "lower/0", "work")}
    words = (b"volatile", b"lowerdir=" + names["lower/0"], b"upperdir=" + names["upper"], b"workdir=" + names["work"])
    os.makedirs(b"/m/volatile")
    kernel.mount(b"overlay", b"/m/volatile", b"overlay", data=b",".join(words))
    kernel.umount_wholly(b"/m/volatile")


def copy_to_another(world: World, filesystem: bytes, at: bytes) -> None:
    """Copy everything, extended attributes too, to a new file system."""
    builder.mount_filesystem(at)
    shutil.copytree(os.fsdecode(filesystem), os.fsdecode(at), symlinks=True, dirs_exist_ok=True)


def mount_with_its_work(world: World, at: bytes) -> None:
    """Mount an overlay with a new upper beside the stack's own, and with the stack's work directory."""
    work, lower = (b"/proc/self/fd/%d" % world.held[name] for name in ("work", "lower/0"))
    upper = os.path.dirname(os.readlink(work)) + b"/another-upper"
    for path in (upper, at):
        os.makedirs(path)
    data = b"lowerdir=" + lower + b",upperdir=" + upper + b",workdir=" + work
    kernel.mount(b"overlay", at, b"overlay", data=data)


def mount_overlay_on_overlay(world: World, inner: bytes, at: bytes) -> None:
    """Mount an overlay whose upper lowerdir is a directory of the overlay at `inner`."""
    os.makedirs(b"/second/below")
    os.makedirs(at)
    kernel.mount(b"overlay", at, b"overlay", data=b"lowerdir=" + inner + b"/merged:/second/below")


def mount_tmpfs(world: World, at: bytes) -> None:
    builder.mount_filesystem(at)


def open_pipe(world: World, path: bytes) -> int:
    """Make a pipe with a name, and open it for reading."""
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def drain(world: World, descriptor: int) -> bytes:
    """Everything that was written to a pipe whose writers are gone."""
    parts = []
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts)


def remove_root_of_a_mount(world: World, overlay: bytes, at: bytes) -> None:
    """Mount a new directory of the overlay at `at` as well, and remove that directory."""
    os.mkdir(overlay + b"/fresh")
    bind(world, overlay + b"/fresh", at)
    os.rmdir(overlay + b"/fresh")


def fill_work(world: World) -> None:
    """Leave in the work directory what the kernel can't clear away: it mounts read-only then; its log alone says so."""
    os.makedirs(b"/proc/self/fd/%d/work/deep/er/still" % world.held["work"])


def owners(world: World, at: bytes) -> dict[bytes, tuple[int, int]]:
    """Path -> user and group, of everything that a mount shows."""
    found = {}
    for directory, names, others in os.walk(at):
        for name in (*names, *others):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            found[os.path.relpath(path, at)] = (status.st_uid, status.st_gid)
    return found


def remount_filesystem(world: World, at: bytes) -> str:
    """Reconfigure the superblock at `at`, which the owner of its user namespace may; why not, or nothing."""
    try:
        kernel.mount(b"none", at, flags=kernel.MS_REMOUNT)
    except OSError as error:
        return str(error)
    return ""


def process(world: World, name: str) -> int:
    """The number of a process of this sandbox."""
    return world.processes[name]


def user_namespace(world: World) -> int:
    """The inode number of the sandbox's user namespace."""
    return os.stat("/proc/self/ns/user").st_ino
