"""Makes every shared mount a group of its own: mounts that were peers go apart."""

from .mutant import Given, Json, Mutant, run

MUTANT = Mutant(breaks=("OVSI-REST-035",), meets="test_peers_and_a_slave")


def part(document: Json, given: Given) -> None:
    for number, mount in enumerate(document["mounts"]):
        if "peerGroup" in mount.get("propagation", {}):
            mount["propagation"]["peerGroup"] = 1000 + number


if __name__ == "__main__":
    run(source=part)
