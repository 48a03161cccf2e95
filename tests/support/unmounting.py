"""Unmounting in tests what must be gone afterwards."""

from __future__ import annotations

from ovsi.linux import mountapi

from conformance.harness.busy import until_free


def unmount(point: bytes) -> None:
    """Unmount, its superblock gone unless it is mounted elsewhere too; waits while somebody holds it.

    A test that runs beside may look at the mounts of all namespaces, and hold one for a moment: EBUSY, which
    MNT_DETACH would hide and leave the superblock's directories in use. Raises OSError of umount2(2).
    """
    until_free(lambda: mountapi.umount2(point))
