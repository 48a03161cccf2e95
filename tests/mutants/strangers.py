"""Makes every shared mount a group of its own: mounts that were peers go apart."""

from .mutant import Given, Json, Mutant


def part(document: Json, given: Given) -> None:
    for number, mount in enumerate(document["mounts"]):
        if "peerGroup" in mount.get("propagation", {}):
            mount["propagation"]["peerGroup"] = 1000 + number


MUTANT = Mutant(breaks=("OVSI-REST-035",), fails=("test_restore_all.py::test_peers_and_a_slave[inside]",), source=part)
