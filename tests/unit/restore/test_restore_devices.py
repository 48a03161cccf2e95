"""Block devices that are mounted nowhere: mounted privately, and only where that was asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.image.write import encode
from ovsi.linux import mountapi
from ovsi.plan import Mapping, Request
from ovsi.restore import restore
from ovsi.restore.devices import device_of

from tests.support import command
from tests.support.unmounting import unmount

from . import images
from .test_restore_stacks import descriptors, entries, make

ASKED = Request(target=b"/tmp/t", mount_devices=True)
OTHER_BOOT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[str]:
    """A loop device with an empty ext4 on it."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4") or not shutil.which("losetup"):
        pytest.skip("needs root, mkfs.ext4 and losetup")
    file = tmp_path / "disk"
    with file.open("wb") as image:
        image.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", str(file)], check=True)
    attached = subprocess.run(["losetup", "--find", "--show", str(file)], check=False, capture_output=True, text=True)
    if attached.returncode:
        pytest.skip(f"no loop device: {attached.stderr}")
    device = attached.stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


def stack(disk: str) -> model.Image:
    """All on the disk, which is not mounted any more."""
    make("t", "fs")
    mountapi.mount(disk.encode(), b"/tmp/fs", b"ext4")
    make("fs/l0", "fs/up", "fs/wk")
    Path("fs/up/who").unlink()
    image = images.image([b"/tmp/fs/l0"], b"/tmp/fs/up", b"/tmp/fs/wk")
    unmount(b"/tmp/fs")
    return named(image, disk)


def named(image: model.Image, disk: str) -> model.Image:
    """With the device's name as the mount's source, as dumps have it."""
    disks = tuple(
        one.replace(source=disk.encode()) if one.type == "ext4" else one.replace(source=None)
        for one in image.filesystems
    )
    return image.replace(filesystems=disks)


@pytest.mark.as_root
def test_only_where_asked_for(vantage: str, disk: str) -> None:
    image = stack(disk)
    with pytest.raises(Refusal) as refused:
        restore(image, Request(target=b"/tmp/t"))
    assert (refused.value.code, "--mount-devices" in refused.value.message) == ("filesystem-missing", True)
    count, held = len(entries()), descriptors()
    result = restore(image, ASKED)
    assert (len(entries()), descriptors()) == (count + 1, held)
    assert any("mounted privately" in note for note in result.notes)
    Path("t/new").write_text("kept")
    unmount(b"/tmp/t")
    mountapi.mount(disk.encode(), b"/tmp/fs", b"ext4")
    assert Path("fs/up/new").read_text() == "kept"
    unmount(b"/tmp/fs")


@pytest.mark.as_root
def test_lowers_alone_are_mounted_read_only(vantage: str, disk: str) -> None:
    make("t", "fs")
    mountapi.mount(disk.encode(), b"/tmp/fs", b"ext4")
    make("fs/l0", "fs/l1")
    image = images.image([b"/tmp/fs/l0", b"/tmp/fs/l1"])
    unmount(b"/tmp/fs")
    before = Path(disk).read_bytes()
    restore(named(image, disk), ASKED)
    assert Path("t/who").read_text() == "fs/l0"
    unmount(b"/tmp/t")
    assert Path(disk).read_bytes() == before


@pytest.mark.as_root
def test_on_another_boot_by_its_uuid(vantage: str, disk: str) -> None:
    image = stack(disk)
    later = image.replace(host=image.host.replace(boot_id=OTHER_BOOT))
    restore(later, ASKED)
    unmount(b"/tmp/t")
    other = tuple(
        one.replace(uuid="01234567-0123-4123-8123-0123456789ab") if one.type == "ext4" else one
        for one in later.filesystems
    )
    with pytest.raises(Refusal) as refused:
        restore(later.replace(filesystems=other), ASKED)
    assert refused.value.code == "identity-differs"


@pytest.mark.as_root
def test_the_command(vantage: str, disk: str) -> None:
    """`ovsi restore --mount-devices`, its plan too; the refusal without it names it."""
    Path("image").write_bytes(encode(stack(disk)))

    def ovsi(*words: str) -> subprocess.CompletedProcess[str]:
        return command.run("restore", "--image", "image", "--target", "t", *words)

    refused = ovsi()
    assert (refused.returncode, Path("t").is_mount()) == (1, False)
    error = json.loads(refused.stderr.splitlines()[-1])
    assert (error["category"], "--mount-devices" in error["message"]) == ("not-found", True)
    assert "mounted privately" in ovsi("--mount-devices", "--dry-run").stdout
    assert not Path("t").is_mount()
    done = ovsi("--mount-devices")
    assert (done.returncode, "was mounted privately" in done.stderr) == (0, True), done.stderr
    assert Path("t/who").read_text() == "fs/l0"
    unmount(b"/tmp/t")


@pytest.mark.as_root
def test_another_disk_than_the_one_meant(vantage: str, disk: str) -> None:
    image = stack(disk)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", disk], check=True)
    with pytest.raises(Refusal) as refused:
        restore(image, ASKED)
    assert refused.value.code in ("source-missing", "identity-differs")


@pytest.mark.as_root
def test_the_name_of_a_device_is_a_hint_only(vantage: str, disk: str) -> None:
    status = os.stat(disk)
    right = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    entry = model.Filesystem(
        id="f", type="ext4", device=right, source=disk.encode(), stability="filesystem", uuid=None, missing=()
    )
    assert device_of(entry, same_boot=True) is not None
    assert device_of(entry.replace(device="7:250"), same_boot=True) is None
    assert device_of(entry.replace(source=b"/dev/null"), same_boot=False) is None
    assert device_of(entry.replace(type="tmpfs"), same_boot=True) is None


@pytest.mark.as_root
def test_two_disks_with_one_uuid(vantage: str, disk: str, tmp_path: Path) -> None:
    """OVSI-ID-012: on another boot nothing tells a copy from the original."""
    make("t", "t2", "fs", "copy")
    mountapi.mount(disk.encode(), b"/tmp/fs", b"ext4")
    make("fs/l0", "fs/l1")
    image = images.image([b"/tmp/fs/l0", b"/tmp/fs/l1"])
    later = image.replace(host=image.host.replace(boot_id=OTHER_BOOT))
    unmount(b"/tmp/fs")
    Path("copied").write_bytes(Path(disk).read_bytes())
    attached = subprocess.run(["losetup", "--find", "--show", "copied"], check=True, capture_output=True, text=True)
    copy = attached.stdout.strip()
    try:
        mountapi.mount(disk.encode(), b"/tmp/fs", b"ext4")
        mountapi.mount(copy.encode(), b"/tmp/copy", b"ext4")
        for accept in ((), ("changed-identity",)):
            with pytest.raises(Refusal) as refused:
                restore(later, Request(target=b"/tmp/t", accept=frozenset(accept)))
            assert refused.value.code == "identity-ambiguous"
        disks = [one.id for one in later.filesystems if one.type == "ext4"]
        restore(later, Request(target=b"/tmp/t", maps=(Mapping(disks[0], b"/", b"/tmp/fs"),)))
        assert restore(image, Request(target=b"/tmp/t2")).accepted == ()
    finally:
        for point in (b"t2", b"t", b"copy", b"fs"):
            if os.path.ismount(point):
                unmount(b"/tmp/" + point)
        subprocess.run(["losetup", "--detach", copy], check=True)
