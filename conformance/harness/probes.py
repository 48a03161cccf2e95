"""Tries of abilities, made inside a sandbox: each raises where the ability is missing."""

import errno
import os

from . import disks, kernel, mounter
from .agent import World


def user_xattrs(world: World) -> None:
    os.makedirs(b"/probe")
    os.setxattr(b"/probe", b"user.probe", b"y")


def tmpfs_uuid(world: World) -> None:
    os.makedirs(b"/probe")
    if kernel.filesystem_uuid(os.open(b"/probe", os.O_RDONLY)) is None:
        raise OSError(errno.ENOTTY, "the kernel tells no UUID of a tmpfs")


def append(world: World) -> None:
    kernel.fsconfig_string(kernel.fsopen(b"overlay"), b"lowerdir+", b"/")


def descriptor(world: World) -> None:
    kernel.fsconfig_descriptor(kernel.fsopen(b"overlay"), b"lowerdir+", os.open(b"/", os.O_PATH))


def id_mapped(world: World) -> None:
    os.makedirs(b"/probe")
    os.close(mounter.clone(b"/probe", ((0, 0, 1),)))


def data_only(world: World) -> None:
    _mount_data_only(b"metacopy=on,")


def data_only_for_users(world: World) -> None:
    _mount_data_only(b"userxattr,")


def _mount_data_only(options: bytes) -> None:
    for name in (b"/probe/a", b"/probe/b", b"/probe/at"):
        os.makedirs(name)
    kernel.mount(b"overlay", b"/probe/at", b"overlay", data=options + b"lowerdir=/probe/a::/probe/b")


def datadir(world: World) -> None:
    context = kernel.fsopen(b"overlay")
    kernel.fsconfig_string(context, b"lowerdir+", b"/")
    kernel.fsconfig_string(context, b"datadir+", b"/")


def volatile(world: World) -> None:
    for name in (b"/probe/lower", b"/probe/upper", b"/probe/work", b"/probe/at"):
        os.makedirs(name)
    words = b"volatile,lowerdir=/probe/lower,upperdir=/probe/upper,workdir=/probe/work"
    kernel.mount(b"overlay", b"/probe/at", b"overlay", data=words)


def disk(world: World, kind: str) -> None:
    os.makedirs(b"/probe/tree")
    disks.mount(kind, disks.make(kind, "probe", b"/probe/tree"), b"/probe/at")
