"""Surroundings in which the kernel's structures can't be read: the command says so, and the next rung serves."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ovsi.linux import mountapi, namespaces

from conformance.harness import abilities
from tests.unit.cli.harness import REPOSITORY

pytestmark = pytest.mark.skipif(not abilities.introspection(), reason="needs introspection, to take it away")

CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}
PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 24, 22, 38
SECCOMP_MODE_FILTER = 2
BPF_CALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
BTF = "/sys/kernel/btf"
libc = ctypes.CDLL(None, use_errno=True)


def prctl(*arguments: Any) -> None:
    assert libc.prctl(*(each if isinstance(each, bytes) else ctypes.c_ulong(each) for each in arguments)) == 0


def drop(*names: str) -> None:
    """What is started from now on has these capabilities no more, root or not."""
    for name in names:
        prctl(PR_CAPBSET_DROP, CAPABILITIES[name], 0, 0, 0)


def refuse_bpf(number: int) -> None:
    """bpf(2) answers with this errno, as a seccomp filter of a container has it."""
    call = BPF_CALL.get(platform.machine())
    if call is None:
        os._exit(77)
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x0005_0000 | number), (0x06, 0, 0, 0x7FFF_0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(code)), 0, 0)


def another_btf(change: Callable[[bytes], bytes] | None) -> None:
    """In place of the kernel's BTF there is a directory with another, or none."""
    data = Path(f"{BTF}/vmlinux").read_bytes()
    mountapi.mount(b"test", BTF.encode(), b"tmpfs")
    if change:
        Path(f"{BTF}/vmlinux").write_bytes(change(data))


def member_renamed(data: bytes) -> bytes:
    return data.replace(b"\0i_ino\0", b"\0i_xxx\0").replace(b"\0i_uid\0", b"\0i_ino\0")


SURROUNDINGS: dict[str, tuple[Callable[[], None], str]] = {
    "no CAP_BPF": (lambda: drop("CAP_BPF", "CAP_SYS_ADMIN"), "CAP_BPF"),
    "no CAP_PERFMON": (lambda: drop("CAP_PERFMON", "CAP_SYS_ADMIN"), "CAP_PERFMON"),
    "no BTF": (lambda: another_btf(None), "/sys/kernel/btf/vmlinux: No such file"),
    "BTF cut short": (lambda: another_btf(lambda data: data[: len(data) // 2]), "/sys/kernel/btf/vmlinux: the header"),
    "an empty BTF": (lambda: another_btf(lambda data: b""), "are no BTF"),
    "BTF of another kernel": (lambda: another_btf(member_renamed), "the file of the BTF did not read as what it is"),
    "bpf(2) refused": (lambda: refuse_bpf(1), "bpf"),
    "bpf(2) not there": (lambda: refuse_bpf(38), "bpf"),
}


def run(surroundings: Callable[[], None], *words: str) -> subprocess.CompletedProcess[bytes]:
    """The command on a fresh overlay, after the surroundings became what they are to be."""

    def prepare() -> None:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
        mountapi.mount(b"test", b"/mnt", b"tmpfs")
        for name in ("l0", "l1", "u", "w", "m"):
            os.mkdir(f"/mnt/{name}")
        for name in ("l0/both", "l1/both", "l0/own", "l1/other"):
            Path(f"/mnt/{name}").touch()
        mountapi.mount(b"test", b"/mnt/m", b"overlay", 0, b"lowerdir=/mnt/l0:/mnt/l1,upperdir=/mnt/u,workdir=/mnt/w")
        surroundings()

    command = [sys.executable, "-m", "ovsi", *words]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "reference"), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=60, preexec_fn=prepare
    )


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_next_rung_serves_and_it_is_said_why(name: str) -> None:
    surroundings, said = SURROUNDINGS[name]
    dumped = run(surroundings, "dump", "--mountpoint", "/mnt/m", "--output", "-")
    assert dumped.returncode == 3, dumped
    assert b"Traceback" not in dumped.stderr
    (overlay,) = json.loads(dumped.stdout)["overlays"]
    assert {layer["assurance"] for layer in overlay["layers"]} == {"proved"}
    assert {layer["method"] for layer in overlay["layers"]} <= {"file-identifier", "opening"}
    assert overlay["work"]["reason"]
    explained = run(surroundings, "show", "--explain", "--json", "/mnt/m")
    abilities = json.loads(explained.stdout)["x-ovsi-explanations"]["abilities"]
    (why,) = [one["said"] for one in abilities if one["rung"] == "introspection"]
    assert said in why


def test_without_proc_it_is_said_what_is_missing() -> None:
    """This process has not ended, whatever /proc shows."""
    dumped = run(lambda: mountapi.mount(b"test", b"/proc", b"tmpfs"), "dump", "--mountpoint", "/mnt/m", "--output", "-")
    refused = json.loads(dumped.stderr.splitlines()[-1])
    assert (dumped.returncode, refused["category"], refused["subject"]) == (1, "system", "/proc")
    assert "/proc does not show this process" in refused["message"]
