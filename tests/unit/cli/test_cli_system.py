"""`ovsi sources --all-namespaces` and `ovsi show --explain` on real mounts, in a mount namespace of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .harness import REPOSITORY

PLAY = """
set -e
mount -t tmpfs none "$1"; cd "$1"; mkdir a b c up work mnt inner again there; mkfifo ready done
mount -t overlay inner -o lowerdir=a:b inner
mount -t overlay outer -o lowerdir=inner:c,upperdir=up,workdir=work mnt
umount -l inner
mount --bind mnt again
unshare --mount sh -c 'mount -t tmpfs none there; mkdir there/l1 there/l2 there/m
    mount -t overlay other -o lowerdir=there/l1:there/l2 there/m; echo >ready; exec cat done' &
read line <ready
cd /; shift; "$@" || code=$?
kill $!; exit ${code:-0}
"""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts in two namespaces, as root")


def play(directory: Path, *words: str) -> tuple[int, Any]:
    """The stacks of PLAY below a directory; what `ovsi sources` says of those among all of this machine."""
    command = ["unshare", "--mount", "sh", "-c", PLAY, "sh", str(directory), sys.executable, "-m", "ovsi", *words]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "reference")}
    run = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=60, check=False
    )
    assert run.stdout, run.stderr.decode()
    return run.returncode, json.loads(run.stdout)


def _at(overlays: list[Any], place: Path) -> Any:
    return next(one for one in overlays if any(mount["mountPoint"] == str(place) for mount in one["mounts"]))


def test_every_overlay_once_with_all_its_places(tmp_path: Path) -> None:
    _code, said = play(tmp_path, "sources", "--all-namespaces", "--json")
    overlays = said["overlays"]
    devices = [overlay["device"] for overlay in overlays]
    assert len(set(devices)) == len(devices)
    outer, other = _at(overlays, tmp_path / "mnt"), _at(overlays, tmp_path / "there" / "m")
    assert {str(tmp_path / "mnt"), str(tmp_path / "again")} <= {mount["mountPoint"] for mount in outer["mounts"]}
    assert len({mount["namespace"] for mount in outer["mounts"]}) == 2, "the other namespace has copies"
    assert len({mount["namespace"] for mount in other["mounts"]}) == 1
    assert all(mount["pid"] for mount in other["mounts"])
    if said["hiddenProcesses"] or not any("method" in source for source in other["sources"]):
        pytest.skip("no introspection here: an overlay that is mounted nowhere does not show")
    inner = next(one for one in overlays if outer["device"] in one["layerOf"])
    assert inner["mounts"] == []
    assert [source["path"] for source in inner["sources"]] == ["/a", "/b"]
    assert {source["state"] for source in other["sources"]} == {"elsewhere"}
    assert {source["assurance"] for one in (outer, inner, other) for source in one["sources"]} == {"proved"}


def test_without_introspection_each_namespace_tells_its_own(tmp_path: Path) -> None:
    code, said = play(tmp_path, "sources", "--all-namespaces", "--json", "--without", "introspection")
    assert code == 3
    overlays = said["overlays"]
    outer, other = _at(overlays, tmp_path / "mnt"), _at(overlays, tmp_path / "there" / "m")
    assert [(source["role"], source.get("index")) for source in outer["sources"]] == [
        ("upper", None),
        ("lower", 0),
        ("lower", 1),
        ("work", None),
    ]
    assert len(other["sources"]) == 2


def test_explanations_of_a_mount(tmp_path: Path) -> None:
    words = ("show", "--explain", "--json", "--without", "introspection", str(tmp_path / "mnt"))
    code, image = play(tmp_path, *words)
    assert code == 0
    said = image["x-ovsi-explanations"]
    assert {"rung": "introspection", "said": "switched off"} in said["abilities"]
    sources = [(one["overlay"], one["source"]) for one in said["sources"]]
    assert sources[:4] == [("o0", "upper"), ("o0", "lower/0"), ("o0", "lower/1"), ("o0", "work")]
    assert all(one["verdict"] and one["findings"] for one in said["sources"])
