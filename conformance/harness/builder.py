"""The one builder of stacks. Runs inside a sandbox; its record is the truth that implementations are judged against."""

import os
import secrets
import stat

from . import btrfs, disks, kernel, mounter, mounts, steps, teller
from .agent import Bearer, World
from .content import Entries, fill, ordinary
from .stack import FileSystem, Source, Stack
from .truth import Truth

_MOMENT = 1_600_000_000_000_000_000


def build(world: World, stack: Stack) -> Truth:
    """Make the stack, let happen what happened since, and tell the truth about it."""
    nonce = secrets.token_hex(8)
    names: dict[str, bytes] = {}
    shown: dict[str, mounts.Mount] = {}
    for filesystem in stack.filesystems:
        if filesystem.overlay:
            shown[filesystem.name] = _mount_inner(filesystem.name, filesystem.overlay, names)
        else:
            make_filesystem(stack, filesystem, filesystem.at, nonce)
        hold(world, stack, filesystem)
    names |= mounter.mount_overlay(stack)
    mounter.dress(stack)
    paths: dict[str, bytes | None] = {label: source.path for label, _, source in stack.everything()}
    for step in stack.since:
        steps.take(world, stack, step, names, paths)
    truth = teller.observe(world, stack, names, paths, nonce, shown)
    _let_go_of_overlays(world)
    return truth


def _let_go_of_overlays(world: World) -> None:
    """A descriptor on an inner overlay would keep it alive when the overlay above it is gone."""
    for label, bearer in world.bearers.items():
        if bearer.kind == "overlay":
            os.close(world.held.pop(label))


def _mount_inner(name: str, overlay: Stack, names: dict[str, bytes]) -> mounts.Mount:
    """Mount an overlay that bears sources of another; its line of the mount table."""
    given = mounter.mount_overlay(overlay)
    names |= {f"{name}:{label}": each for label, each in given.items()}
    mount = mounts.at(mounts.table(), overlay.target)
    if mount is None:
        raise RuntimeError(f"the inner overlay {name} is not mounted")
    return mount


def mount_filesystem(at: bytes) -> None:
    os.makedirs(at, exist_ok=True)
    kernel.mount(b"tmpfs", at, b"tmpfs", data=b"mode=755")


def make_filesystem(stack: Stack, filesystem: FileSystem, at: bytes, nonce: str) -> None:
    """Mount a file system at `at`, filled with every source that the stack has on it."""
    whole = at if filesystem.root == b"/" else b"/whole/" + filesystem.name.encode()
    if filesystem.clone_of:
        _mount_clone(stack.filesystem(filesystem.clone_of), filesystem.name, whole)
    elif filesystem.kind in disks.READ_ONLY:
        tree = b"/trees/" + filesystem.name.encode()
        populate(stack, filesystem, tree, nonce)
        disks.mount(filesystem.kind, disks.make(filesystem.kind, filesystem.name, tree), whole)
    elif filesystem.kind == "tmpfs":
        mount_filesystem(whole)
    else:
        disks.mount(filesystem.kind, disks.make(filesystem.kind, filesystem.name), whole)
    if filesystem.clone_of:
        rewrite(whole)
    if filesystem.alike:
        _populate_alike(stack, filesystem, nonce)
    elif filesystem.kind not in disks.READ_ONLY:
        _subvolumes(filesystem, whole)
        populate(stack, filesystem, whole, nonce)
    if whole != at:
        _only_a_part(filesystem, whole, at)


def _mount_clone(original: FileSystem, name: str, at: bytes) -> None:
    copy = disks.image_of(name)
    held = os.open(original.at, os.O_RDONLY)
    disks.clone(held, disks.image_of(original.name), copy)
    os.close(held)
    disks.mount(original.kind, copy, at, b"nouuid" if original.kind == "xfs" else b"")


def _only_a_part(filesystem: FileSystem, whole: bytes, at: bytes) -> None:
    """What stays mounted of it is its directory `root`."""
    os.makedirs(at, exist_ok=True)
    kernel.mount(whole + filesystem.root, at, flags=kernel.MS_BIND)
    kernel.umount(whole, kernel.MNT_DETACH)
    os.rmdir(whole)


def _subvolumes(filesystem: FileSystem, at: bytes) -> None:
    for path in filesystem.subvolumes:
        os.makedirs(os.path.dirname(at + path), exist_ok=True)
        btrfs.create_subvolume(at + path)


def populate(stack: Stack, filesystem: FileSystem, at: bytes, nonce: str) -> None:
    """Make, below `at`, every source that is on this file system; the order is always the same.

    What lies in a snapshot is made after what it is a snapshot of; it gets contents of its own.
    """
    prefix = b"user." if stack.has(b"userxattr") else b"trusted."
    here = [(label, source) for label, _, source in stack.everything() if source.on == filesystem.name]
    copied = tuple(path + b"/" for _, path in filesystem.snapshots)
    for label, source in here:
        if not (source.path + b"/").startswith(copied or (b"\0",)):
            _make_source(at, label, source, nonce, prefix)
    for of, path in filesystem.snapshots:
        btrfs.snapshot(at + of, at + path)
    for label, source in here:
        if (source.path + b"/").startswith(copied or (b"\0",)):
            _make_source(at, label, source, nonce, prefix)


def _populate_alike(stack: Stack, filesystem: FileSystem, nonce: str) -> None:
    """Fill two file systems alike: names, inode numbers, contents and times; no call sets a change time."""
    mount_filesystem(filesystem.alike)
    for at in (filesystem.at, filesystem.alike):
        populate(stack, filesystem, at, nonce)
        for above, names, files in os.walk(at):
            for name in (*names, *files):
                os.utime(os.path.join(above, name), ns=(_MOMENT, _MOMENT), follow_symlinks=False)
    if filesystem.bears_uuid:
        _bear_uuid(stack, filesystem)


def _bear_uuid(stack: Stack, filesystem: FileSystem) -> None:
    held = os.open(filesystem.alike, os.O_RDONLY)
    uuid = kernel.filesystem_uuid(held) or ""
    os.close(held)
    upper = next(source for _, source in stack.sources() if source.role == "upper")
    os.setxattr(filesystem.place(upper.path), "user.overlay.uuid", bytes.fromhex(uuid.replace("-", "")))


def _make_source(at: bytes, label: str, source: Source, nonce: str, prefix: bytes) -> None:
    directory = at.rstrip(b"/") + source.path
    os.makedirs(directory, exist_ok=True)
    if source.role != "work":
        fill(directory, label, entries_of(label, source), nonce, prefix)


def rewrite(directory: bytes) -> None:
    """Give files below it a decoy's contents where they lie; inode numbers, generations, sizes and mtimes stay."""
    for above, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(above, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                with open(path, "r+b") as file:
                    file.write(b"decoy".ljust(status.st_size, b"."))
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def entries_of(label: str, source: Source) -> Entries:
    return ordinary(label) if source.entries is None else source.entries


def hold(world: World, stack: Stack, filesystem: FileSystem) -> None:
    """Keep a descriptor of every source: whatever happens to names, it goes on naming the directory."""
    found: dict[int, Bearer] = {}
    for label, whose, source in stack.everything():
        if source.on == filesystem.name:
            held = os.open(whose.place(source), os.O_RDONLY | os.O_DIRECTORY)
            number = teller.mount_number(held)
            if number not in found:
                mount = teller.mount(number)
                found[number] = Bearer(mount.device, mount.kind)
            world.held[label], world.bearers[label] = held, found[number]
