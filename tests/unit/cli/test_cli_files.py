"""Outputs on real file systems: replaced by rename, written to, or left as they were."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ovsi.cli.files import open_output, read_image
from ovsi.errors import Refusal
from ovsi.linux import mountapi, namespaces

from tests.support.forked import run_in_child

from .harness import REPOSITORY

_MS_NOSYMFOLLOW = 256


def write(path: Path | str | bytes, data: bytes = b"new") -> None:
    with open_output(os.fsencode(path)) as output:
        output.reserve(len(data) + 4096)
        output.write(data)


def code_of(path: Path | str | bytes) -> str:
    with pytest.raises(Refusal) as caught:
        write(path)
    return caught.value.code


def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "out")
    finally:
        os.umask(before)
    assert (tmp_path / "out").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out"]


def test_an_old_file_is_replaced_by_rename_and_keeps_its_mode(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old and longer")
    out.chmod(0o604)
    with out.open("rb") as old:
        write(out)
        assert old.read() == b"old and longer"
    assert out.read_bytes() == b"new"
    assert stat.S_IMODE(out.stat().st_mode) == 0o604


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "out").write_bytes(b"old")
    (tmp_path / "one").symlink_to("real/two")
    (tmp_path / "real" / "two").symlink_to("out")
    write(tmp_path / "one")
    assert (tmp_path / "real" / "out").read_bytes() == b"new"
    assert (tmp_path / "one").is_symlink()
    assert (tmp_path / "real" / "two").is_symlink()
    (tmp_path / "dangling").symlink_to("real/made")
    write(tmp_path / "dangling")
    assert (tmp_path / "real" / "made").read_bytes() == b"new"


def test_a_link_that_the_kernel_does_not_follow(tmp_path: Path) -> None:
    """Who can put links into a directory may be refused this way by the host: protected_symlinks, nosymfollow."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")

    def body() -> None:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)
        os.chdir(tmp_path)
        Path("elsewhere").write_bytes(b"kept")
        Path("shared").mkdir()
        mountapi.mount(b"test", b"shared", b"tmpfs", _MS_NOSYMFOLLOW)
        Path("shared/out").symlink_to(tmp_path / "elsewhere")
        assert code_of("shared/out") == "system-call"
        assert Path("elsewhere").read_bytes() == b"kept"

    run_in_child(body)


def test_what_can_not_be_written_to_is_refused_before_anything(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to-directory").symlink_to(".")
    assert code_of(tmp_path) == "output-not-a-file"
    assert code_of(f"{tmp_path}/new/") in ("output-not-a-file", "output-directory-missing")
    assert code_of(tmp_path / "to-directory") == "output-not-a-file"
    assert code_of(tmp_path / "none" / "out") == "output-directory-missing"
    assert code_of(tmp_path / "file" / "out") == "target-not-a-directory"
    assert code_of(tmp_path / "loop") == "system-call"
    assert code_of(os.fsencode(tmp_path) + b"/" + b"x" * 300) == "system-call"
    assert code_of("/proc/self/new") in ("permission-denied", "output-directory-missing")


def test_nothing_is_left_of_an_output_that_was_not_written(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    with open_output(os.fsencode(tmp_path / "out")) as output:
        output.reserve(4096)
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


def test_a_pipe_and_a_descriptor_are_written_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    write(f"/dev/fd/{writer}")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert code_of(f"/proc/self/fd/{writer}") == "system-call"
    os.close(writer)
    with (tmp_path / "held").open("wb") as held:
        inode = os.fstat(held.fileno()).st_ino
        write(f"/dev/fd/{held.fileno()}")
    assert (tmp_path / "held").read_bytes() == b"new"
    assert (tmp_path / "held").stat().st_ino == inode


def test_devices() -> None:
    write("/dev/null")
    assert code_of("/dev/full") == "no-space"


def test_reading_stops_soon_after_the_limit() -> None:
    assert 64 << 20 < len(read_image(b"/dev/zero")) <= 66 << 20


FULL_DISK = """
import os, sys
from ovsi.cli.files import open_output
from ovsi.errors import Refusal
os.chdir(sys.argv[1])
with open("old", "wb") as file: file.write(b"old")
with open("filler", "wb", buffering=0) as file:
    try:
        while True: file.write(bytes(4096))
    except OSError: pass
for reserved in (0, 100_000):
    try:
        with open_output(b"old") as output:
            if reserved: output.reserve(reserved)
            output.write(b"x" * 100_000)
    except Refusal as refusal:
        print(refusal.code)
print(sorted(os.listdir(".")), open("old", "rb").read())
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> list[str]:
    """The words that run a command in a user and mount namespace with a tmpfs of 64 kB at tmp_path."""
    setup = f'mount -t tmpfs -o size=64k,mode=755 none "{tmp_path}" && exec "$@"'
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", setup, "sh"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not allowed here")
    return words


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, sandbox: list[str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "reference")}
    words = [*sandbox, sys.executable, "-c", FULL_DISK, str(tmp_path)]
    run = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert run.stdout.splitlines() == ["no-space", "no-space", "['filler', 'old'] b'old'"], run.stderr


NO_TMPFILE = """
import os, sys
from ovsi.cli import files
real = os.open
def without(path, flags, *rest, **named):  # as on a file system that has no O_TMPFILE
    if flags & os.O_TMPFILE == os.O_TMPFILE: raise OSError(95, "Operation not supported")
    return real(path, flags, *rest, **named)
files.os.open = without
os.chdir(sys.argv[1])
with files.open_output(b"out") as output:
    print(len(os.listdir(".")))
print(os.listdir("."))
with files.open_output(b"out") as output: output.write(b"new")
print(os.listdir("."), open("out", "rb").read())
"""


def test_a_file_system_without_nameless_files(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "reference")}
    words = [sys.executable, "-c", NO_TMPFILE, str(tmp_path)]
    run = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert run.stdout.splitlines() == ["1", "[]", "['out'] b'new'"], run.stderr
