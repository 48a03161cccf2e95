"""Block file systems on loop devices, small and short-lived: the device goes with its last user, whatever ends a test.

Images lie on the sandbox's own tmpfs. Making one needs the tool of its kind, attaching it needs real root.
"""

import os
import struct
import subprocess
from collections.abc import Callable
from errno import EBUSY
from fcntl import ioctl

from . import kernel

IMAGES = b"/disks"
_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_LO_FLAGS_READ_ONLY, _LO_FLAGS_AUTOCLEAR = 1, 4
_FIFREEZE, _FITHAW = 0xC0045877, 0xC0045878
_MIB = 1 << 20


def _formatted(size: int, *command: str) -> Callable[[bytes, bytes], None]:
    def make(image: bytes, _: bytes) -> None:
        with open(image, "wb") as file:
            file.truncate(size)
        _run(*command, os.fsdecode(image))

    return make


def _squashed(image: bytes, tree: bytes) -> None:
    _run("mksquashfs", os.fsdecode(tree), os.fsdecode(image), "-noappend", "-quiet", "-no-progress", "-processors", "1")


def _eroded(image: bytes, tree: bytes) -> None:
    _run("mkfs.erofs", os.fsdecode(image), os.fsdecode(tree))


def _run(*command: str) -> None:
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if ran.returncode:
        raise RuntimeError(f"{command[0]}: {ran.stderr.decode(errors='replace').strip()[-300:]}")


TOOLS = {
    "ext4": "mkfs.ext4",
    "xfs": "mkfs.xfs",
    "btrfs": "mkfs.btrfs",
    "squashfs": "mksquashfs",
    "erofs": "mkfs.erofs",
}
READ_ONLY = frozenset({"squashfs", "erofs"})
"""Kinds that are made of a tree that is complete already."""
_MAKERS: dict[str, Callable[[bytes, bytes], None]] = {
    "ext4": _formatted(2 * _MIB, "mkfs.ext4", "-q", "-F", "-N", "512", "-E", "nodiscard"),
    "xfs": _formatted(300 * _MIB, "mkfs.xfs", "-q", "-K", "-l", "size=64m"),
    "btrfs": _formatted(110 * _MIB, "mkfs.btrfs", "-q", "-K", "-m", "single", "-d", "single"),
    "squashfs": _squashed,
    "erofs": _eroded,
}


def image_of(name: str) -> bytes:
    return IMAGES + b"/" + name.encode()


def make(kind: str, name: str, tree: bytes = b"") -> bytes:
    """The path of a new image of that kind; `tree` is what a read-only one holds."""
    os.makedirs(IMAGES, exist_ok=True)
    _MAKERS[kind](image_of(name), tree)
    return image_of(name)


def mount(kind: str, image: bytes, at: bytes, data: bytes = b"") -> None:
    """Mount an image; the loop device is gone when nothing uses the file system any more."""
    os.makedirs(at, exist_ok=True)
    read_only = kind in READ_ONLY
    device, held = _attach(image, read_only)
    try:
        kernel.mount(device, at, kind.encode(), kernel.MS_RDONLY if read_only else 0, data)
    finally:
        os.close(held)


def _attach(image: bytes, read_only: bool) -> tuple[bytes, int]:
    """The name of a loop device that shows the image, and a descriptor that keeps it until it is mounted."""
    flags = _LO_FLAGS_AUTOCLEAR | (_LO_FLAGS_READ_ONLY if read_only else 0)
    access = os.O_RDONLY if read_only else os.O_RDWR
    backing, control = os.open(image, access), os.open(b"/dev/loop-control", os.O_RDWR)
    try:
        while True:
            device = b"/dev/loop%d" % ioctl(control, _LOOP_CTL_GET_FREE)
            held = os.open(device, access)
            try:
                ioctl(held, _LOOP_CONFIGURE, _loop_config(backing, flags))
                return device, held
            except OSError as error:
                os.close(held)
                if error.errno != EBUSY:  # somebody else was faster
                    raise
    finally:
        os.close(backing)
        os.close(control)


def _loop_config(backing: int, flags: int) -> bytes:
    """struct loop_config: descriptor, block size, struct loop_info64, reserved."""
    info = struct.pack("=5Q4I64s64s32s2Q", *[0] * 5, 0, 0, 0, flags, b"", b"", b"", 0, 0)
    return struct.pack("=II", backing, 0) + info + bytes(64)


def clone(held: int, image: bytes, copy: bytes) -> None:
    """Copy a file system as dd does, every byte of it, while it is quiet; `held`: a directory of it, open."""
    ioctl(held, _FIFREEZE, 0)
    try:
        _copy_sparse(image, copy)
    finally:
        ioctl(held, _FITHAW, 0)


def _copy_sparse(source: bytes, target: bytes) -> None:
    with open(source, "rb", buffering=0) as old, open(target, "wb", buffering=0) as new:
        size = os.fstat(old.fileno()).st_size
        new.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(old.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(old.fileno(), at, os.SEEK_HOLE)
            while at < end:
                at += os.sendfile(new.fileno(), old.fileno(), _to(new.fileno(), at), end - at)


def _to(descriptor: int, at: int) -> int:
    os.lseek(descriptor, at, os.SEEK_SET)
    return at
