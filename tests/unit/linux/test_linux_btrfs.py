"""What only a btrfs can show, on a loop device: needs real root and mkfs.btrfs, and says what it skipped without."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from ovsi.linux import files, handles
from ovsi.linux.syscall import closing

pytestmark = pytest.mark.as_root
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def test_a_snapshot_differs_from_its_subvolume_in_the_subvolume_alone() -> None:
    if not shutil.which("mkfs.btrfs") or not shutil.which("btrfs"):
        pytest.skip("no btrfs-progs here")
    os.mkdir("/tmp/m")
    with open("/tmp/image", "wb") as image:
        image.truncate(200 << 20)
    for command in (
        "mkfs.btrfs -q --uuid 0c2b1f0e-3c7e-4b1e-9e55-0123456789ab image",
        "mount -o loop image m",
        "btrfs subvolume create m/a",
        "mkdir m/a/d",
        "btrfs subvolume snapshot m/a m/s",
    ):
        done = subprocess.run(command.split(), capture_output=True, text=True)
        if done.returncode and command.startswith("mount"):
            pytest.skip(f"no loop device, or no btrfs, here: {done.stderr.strip()}")
        assert done.returncode == 0, f"{command}: {done.stderr.strip()}"
    with closing(os.open("m/a/d", DIRECTORY)) as first, closing(os.open("m/s/d", DIRECTORY)) as second:
        one, two = files.stat_of_fd(first), files.stat_of_fd(second)
        assert one.inode == two.inode
        assert one.device != two.device  # a number of the subvolume's own, not the one mountinfo shows
        assert one.unique_mount_id == two.unique_mount_id
        assert files.generation(first) == files.generation(second)
        assert files.btrfs_subvolume(first) != files.btrfs_subvolume(second)
        assert handles.handle_of_fd(first) != handles.handle_of_fd(second)
        assert files.btrfs_uuid(first).hex() == "0c2b1f0e3c7e4b1e9e550123456789ab"
