"""Tell the truth about a built stack. Runs inside a sandbox; reads descriptors held since before and mount tables."""

import os
from contextlib import suppress
from dataclasses import replace

from . import btrfs, files, kernel, mounts, processes
from .agent import World
from .kernel import Handle
from .mounts import Mount
from .stack import Source, Stack
from .truth import Holder, InnerTruth, SourceTruth, Truth

_ASKED = ("overlay", "tmpfs", "ext4", "xfs", "btrfs", "squashfs", "erofs")
Tables = dict[int, tuple[Mount, ...]]


def observe(
    world: World,
    stack: Stack,
    names: dict[str, bytes],
    paths: dict[str, bytes | None],
    nonce: str,
    shown: dict[str, Mount],
) -> Truth:
    """The truth; raises RuntimeError where the stack is not what it is declared to be."""
    table = [with_unique_id(mount) for mount in mounts.table()]
    target = mounts.at(table, stack.target)
    if target is None or target.kind != "overlay":
        raise RuntimeError(f"the overlay of {stack.name} is not mounted")
    others = _other_tables(world)
    told = {
        label: _tell(world, label, source, names[label], paths[label], table, others)
        for label, _, source in stack.everything()
    }
    for label, source in told.items():
        if source.state != stack.state(label):
            raise RuntimeError(f"{stack.name}: {label} is declared {stack.state(label)}, and is {source.state}")
    inner = tuple(_inner(name, each, told, table, shown[name]) for name, each in stack.inner())
    sources = tuple(told[label] for label, _ in stack.sources())
    return Truth(sources, tuple(table), target, nonce, _namespace("self"), inner, others)


def _namespace(process: int | str) -> int:
    return os.stat(f"/proc/{process}/ns/mnt").st_ino


def _other_tables(world: World) -> Tables:
    pids = [world.processes[name] for name in world.namespaces]
    return {_namespace(pid): tuple(mounts.table(pid)) for pid in pids}


def _inner(name: str, stack: Stack, told: dict[str, SourceTruth], table: list[Mount], shown: Mount) -> InnerTruth:
    sources = tuple(replace(told[f"{name}:{label}"], label=f"{name}:{label}") for label, _ in stack.sources())
    here = tuple(sorted((mount for mount in table if mount.device == shown.device), key=lambda mount: mount.id))
    return InnerTruth(name, shown.device, sources, here, shown)


def with_unique_id(mount: Mount) -> Mount:
    """With its 64-bit ID, where it can be asked for without touching what lies there."""
    with suppress(OSError):
        if mount.kind in _ASKED and kernel.mount_id(mount.point) == mount.id:
            return replace(mount, unique=kernel.unique_mount_id(mount.point))
    return mount


def mount_number(descriptor: int) -> int:
    """The ID of the mount through which a file was opened."""
    with open(f"/proc/self/fdinfo/{descriptor}") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("mnt_id:"))


def mount(number: int) -> Mount:
    """The line of the mount table with that ID."""
    with open("/proc/self/mountinfo", "rb") as file:
        return mounts.parse(next(line for line in file if line.startswith(b"%d " % number)))[0]


def _tell(
    world: World,
    label: str,
    source: Source,
    name: bytes,
    path: bytes | None,
    table: list[Mount],
    others: Tables,
) -> SourceTruth:
    held, bearer = world.held[label], world.bearers[label]
    on_btrfs = bearer.kind == "btrfs"
    status, handle = os.fstat(held), None if bearer.kind == "overlay" else kernel.file_handle(held)
    known = SourceTruth(
        label=label,
        role=source.role,
        declared=name,
        device=bearer.device,
        kind=bearer.kind,
        uuid=btrfs.uuid_of(held) if on_btrfs else kernel.filesystem_uuid(held),
        inode=status.st_ino,
        generation=None if bearer.kind == "overlay" else _generation(held, handle),
        handle=handle,
        path=path if status.st_nlink else None,
        subvolume=btrfs.subvolume_of(held) if on_btrfs else None,
        idmap=source.idmap,
        mounted=any(mount.device == bearer.device for mount in table),
        abroad=any(mount.device == bearer.device for other in others.values() for mount in other),
    )
    return known if known.path is None else _found(world, known, known.path, table, others)


def _generation(held: int, handle: Handle | None) -> int | None:
    """By the file system's ioctl; a tmpfs has none, but puts it first in its handles (mm/shmem.c)."""
    if handle is not None and handle.type == 1 and len(handle.value) == 12:
        return int.from_bytes(handle.value[:4], "little")
    return kernel.generation(held)


def _found(world: World, source: SourceTruth, path: bytes, table: list[Mount], others: Tables) -> SourceTruth:
    """With every place where a mount of its file system leads to it, or would but for another mount above."""
    reached: list[tuple[int, bytes]] = []
    hidden: list[tuple[int, bytes]] = []
    for mount in table:
        below = _below(path, mount.root)
        if mount.device == source.device and below is not None:
            place = mount.point.rstrip(b"/") + below
            (reached if _is_there(place, mount, source) else hidden).append((mount.id, below))
    elsewhere = [
        (number, mount.id, below)
        for number, other in others.items()
        for mount in other
        if mount.device == source.device and (below := _below(path, mount.root)) is not None
    ]
    held = tuple(_holders(world, source, path))
    return replace(source, reached=tuple(reached), hidden=tuple(hidden), elsewhere=tuple(elsewhere), held=held)


def _holders(world: World, source: SourceTruth, path: bytes) -> list[Holder]:
    found = []
    for hold in world.holders:
        below = _below(path, hold.path)
        if hold.device == source.device and below is not None:
            pid = world.processes[hold.process]
            found.append(Holder(pid, processes.start_time(pid), hold.through, below))
    return found


def _below(path: bytes, root: bytes) -> bytes | None:
    if root == b"/":
        return path
    if path == root:
        return b"/"
    return path[len(root) :] if path.startswith(root + b"/") else None


def _is_there(place: bytes, mount: Mount, source: SourceTruth) -> bool:
    with suppress(OSError), files.shortened(place) as short:
        return os.lstat(short).st_ino == source.inode and kernel.mount_id(short) == mount.id
    return False
