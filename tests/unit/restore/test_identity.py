"""The identity table, row by row, without a kernel."""

from __future__ import annotations

import pytest
from ovsi.identity import SAME, Seen, Verdict, compare, numbers_in_handle, stability_of
from ovsi.image.model import Filesystem, Handle, Identity

UUID, OTHER_UUID = "0a" * 16, "0b" * 16
DISK = Filesystem(id="f", type="ext4", device="8:1", uuid=UUID, stability="filesystem")
TMPFS = Filesystem(id="f", type="tmpfs", device="0:40", stability="boot")
BTRFS = Filesystem(id="f", type="btrfs", device="0:41", uuid=UUID, stability="filesystem")


def seen(**changes: object) -> Seen:
    return Seen(fs_type="ext4", device="8:1", inode=12, uuid=UUID, generation=7).replace(**changes)


def kind(wanted: Identity, filesystem: Filesystem, found: Seen, *, same_boot: bool = True) -> str:
    verdict: Verdict = compare(wanted, filesystem, found, same_boot=same_boot)
    assert (verdict == SAME) == (not verdict.detail)
    return verdict.kind


WANTED = Identity(filesystem="f", inode=12, generation=7)


@pytest.mark.parametrize(
    ("changes", "now", "later"),
    [
        ({}, "same", "same"),
        ({"inode": 13}, "differs", "unconfirmed"),
        ({"generation": 8}, "differs", "unconfirmed"),
        ({"generation": None}, "insufficient", "unconfirmed"),
        ({"fs_type": "xfs"}, "differs", "unconfirmed"),
        ({"uuid": OTHER_UUID}, "differs", "unconfirmed"),
        ({"uuid": None}, "same", "unconfirmed"),
        ({"device": "8:2"}, "moved", "same"),
        ({"device": "8:2", "uuid": None}, "differs", "unconfirmed"),
        ({"device": "8:2", "uuid": OTHER_UUID}, "differs", "unconfirmed"),
        ({"device": "8:2", "inode": 13}, "differs", "unconfirmed"),
    ],
)
def test_a_file_system_on_disk(changes: dict[str, object], now: str, later: str) -> None:
    assert kind(WANTED, DISK, seen(**changes)) == now
    assert kind(WANTED, DISK, seen(**changes), same_boot=False) == later


def test_handles() -> None:
    data = bytes.fromhex("0c00000007000000")
    wanted = Identity(filesystem="f", inode=12, handle=Handle(type=1, bytes=data))
    assert kind(wanted, DISK, seen(generation=None, handle=(1, data))) == "same"
    assert kind(wanted, DISK, seen(generation=None, handle=(1, bytes(8)))) == "differs"
    assert kind(wanted, DISK, seen(generation=None, handle=(2, bytes(8)))) == "insufficient"
    made = wanted.replace(handle=Handle(type=1, bytes=data, made_by="producer"))
    assert kind(made, DISK, seen(generation=None, handle=(1, bytes(8)))) == "insufficient"
    assert kind(wanted, DISK, seen(handle=(1, data)), same_boot=False) == "unconfirmed"


def test_a_generation_is_taken_from_the_handle() -> None:
    assert kind(WANTED, DISK, seen(generation=None, handle=(1, bytes.fromhex("0c00000007000000")))) == "same"
    assert kind(WANTED, DISK, seen(generation=None, handle=(1, bytes.fromhex("0c00000008000000")))) == "differs"


@pytest.mark.parametrize(
    ("fs_type", "handle_type", "data", "numbers"),
    [
        ("tmpfs", 1, "d3d2d1000600000001000000", (0x1_0000_0006, 0xD1D2D3, None)),
        ("ext4", 1, "0c000000d3d2d100", (12, 0xD1D2D3, None)),
        ("xfs", 0x81, "0c00000000000000d3d2d100", (12, 0xD1D2D3, None)),
        ("btrfs", 0x4D, "00010000000000000501000000000000d3d2d100", (256, 0xD1D2D3, 261)),
        ("btrfs", 0x4E, "0001", None),
        ("nfs", 1, "0c000000d3d2d100", None),
    ],
)
def test_forms_of_handles(
    fs_type: str, handle_type: int, data: str, numbers: tuple[int, int, int | None] | None
) -> None:
    assert numbers_in_handle(fs_type, handle_type, bytes.fromhex(data)) == numbers


def test_tmpfs() -> None:
    found = Seen(fs_type="tmpfs", device="0:40", inode=12, generation=7)
    assert kind(WANTED, TMPFS, found) == "same"
    assert kind(WANTED, TMPFS, found.replace(device="0:50")) == "differs"
    assert kind(WANTED, TMPFS, found, same_boot=False) == "unconfirmed"
    assert kind(WANTED.replace(generation=None), TMPFS, found) == "insufficient"


def test_btrfs() -> None:
    found = Seen(fs_type="btrfs", device="0:41", inode=12, uuid=UUID, generation=7, subvolume=256)
    wanted = WANTED.replace(subvolume=256)
    assert kind(wanted, BTRFS, found) == "same"
    assert kind(wanted, BTRFS, found.replace(subvolume=257)) == "differs"
    assert kind(WANTED, BTRFS, found) == "insufficient"
    assert kind(wanted, BTRFS, found, same_boot=False) == "same"


@pytest.mark.parametrize(("fs_type", "stability"), [("nfs4", "none"), ("fuse.sshfs", "none"), ("new", "none")])
def test_types_whose_inode_numbers_name_nothing(fs_type: str, stability: str) -> None:
    assert stability_of(fs_type) == stability
    filesystem = Filesystem(id="f", type=fs_type, device="0:9", stability="none")
    assert kind(WANTED, filesystem, seen(fs_type=fs_type, device="0:9", uuid=None)) == "insufficient"
