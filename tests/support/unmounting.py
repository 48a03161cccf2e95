"""Unmounting in tests what must be gone afterwards, on a machine where others look at all mounts."""

from __future__ import annotations

import errno
import os
import time

from ovsi.linux import mountapi

_PATIENCE = 30.0
"""Seconds: whoever looks holds a mount for milliseconds, but may have to wait for a processor."""


def unmount(point: bytes) -> None:
    """Unmount, its superblock gone unless it is mounted elsewhere too; waits while somebody holds it.

    A test that runs beside may look at the mounts of all namespaces, and hold one for a moment: EBUSY, which
    MNT_DETACH would hide and leave the superblock's directories in use. Raises OSError of umount2(2).
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            mountapi.umount2(point)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            os.sched_yield()
        else:
            return
