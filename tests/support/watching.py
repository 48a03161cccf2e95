"""Whether this kernel lets the root of a user namespace watch a whole file system that was mounted there."""

from __future__ import annotations

import os
from functools import cache

from ovsi.linux import mountapi, namespaces
from ovsi.linux.fanotify import OpenWatch

from .forked import run_in_child


@cache
def user_may_watch() -> bool:
    """Tried, in a child with namespaces of its own (Linux 6.16)."""
    reader, writer = os.pipe()

    def tell() -> None:
        os.write(writer, b"y" if _try() else b"n")

    run_in_child(tell)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read() == b"y"


def _try() -> bool:
    try:
        namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
        fd = mountapi.fsopen(b"tmpfs")
        mountapi.create(fd)
        OpenWatch().add_file_system(mountapi.fsmount(fd))
    except OSError:
        return False
    return True
