"""Mounts first, and gives the mount its attributes and its propagation afterwards."""

import subprocess

from .mutant import Given, Json, Mutant, load


def strip(document: Json, given: Given) -> None:
    for mount in document["mounts"]:
        mount |= {"attributes": ["rw", "relatime"], "propagation": {}}


def dress(given: Given, code: int) -> None:
    if "target" not in given or "pid" in given or code:
        return
    document = load(given)
    mount = next(each for each in document["mounts"] if each["id"] == document["overlays"][0]["mounts"][0])
    words = ",".join(word for word in mount["attributes"] if word != "rw")
    subprocess.run(["mount", "-o", f"remount,bind,{words}", given["target"]], check=True)
    if "peerGroup" in mount["propagation"]:
        subprocess.run(["mount", "--make-shared", given["target"]], check=True)


MUTANT = Mutant(
    breaks=("OVSI-REST-027",), fails=("test_finished_stack.py::test_in_one_step[inside]",), source=strip, after=dress
)
