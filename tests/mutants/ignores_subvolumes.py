"""Knows nothing of btrfs's subvolumes, and takes for the device what stat(2) tells of a file."""

import os

from .mutant import Given, Json, Mutant, claims, every_source


def ignore(document: Json, given: Given) -> None:
    device = os.stat(f"/proc/{given['pid']}/root/store").st_dev
    for filesystem in document["filesystems"]:
        if filesystem["type"] == "btrfs":
            filesystem["device"] = f"{os.major(device)}:{os.minor(device)}"
    for source in every_source(document):
        source.get("identity", {}).pop("subvolume", None)


MUTANT = Mutant(
    breaks=("OVSI-ID-002", "OVSI-ID-005", "OVSI-DUMP-002"),
    fails=(
        "test_dumper.py::test_sound[filesystems-btrfs-subvolumes-outside]",
        "test_dumper.py::test_faithful[filesystems-btrfs-subvolumes-outside]",
    ),
    image=ignore,
    info=claims("dumper filesystems outside"),
)
