"""Into the mount namespace of another process: its root, its user namespace, its sources; no code from there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.image.read import decode
from ovsi.image.write import encode
from ovsi.linux import mountapi, namespaces
from ovsi.plan import Request
from ovsi.restore import restore

from . import images
from .test_restore_stacks import SETUPS, descriptors, entries, make

if TYPE_CHECKING:
    from ovsi.restore.result import Setup


@contextmanager
def process(prepare: Callable[[], bytes], check: Callable[[], bool]) -> Iterator[tuple[int, bytes]]:
    """A child that prepares and says something, stays, and checks what it finds when it is let go."""
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(ready[1], prepare())
            os.close(ready[1])
            os.close(done[1])
            os.read(done[0], 1)
            code = 0 if check() else 2
        finally:
            os._exit(code)
    for fd in (ready[1], done[0]):
        os.close(fd)
    with os.fdopen(ready[0], "rb") as pipe:
        said = pipe.read()
    yield child, said
    os.close(done[1])
    assert os.waitpid(child, 0)[1] == 0


def private_namespace() -> None:
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)


def user_namespace() -> None:
    """As a container has it: the first thousand IDs of the initial one from 0 on, and root in it."""
    ready, done = os.pipe(), os.pipe()
    writer = os.fork()
    if writer == 0:
        os.read(ready[0], 1)
        for kind in ("uid", "gid"):
            Path(f"/proc/{os.getppid()}/{kind}_map").write_text("0 100000 1000")
        os.write(done[1], b"x")
        os._exit(0)
    namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
    os.write(ready[1], b"x")
    os.read(done[0], 1)
    os.waitpid(writer, 0)
    for fd in (*ready, *done):
        os.close(fd)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.setgroups([])
    mountapi.mount(None, b"/", None, mountapi.MS_REC | mountapi.MS_PRIVATE)


def contained() -> bytes:
    """A stack in a user namespace, on a tmpfs of its own; says the image."""
    user_namespace()
    mountapi.mount(b"x", b"/tmp/box", b"tmpfs")
    make("box/l0", "box/up", "box/wk", "box/t")
    Path("box/up/who").unlink()
    owner = model.UserNamespace(
        initial=False,
        inode=os.stat("/proc/self/ns/user").st_ino,
        uid_map=(model.IdRange(inside=0, outside=100000, count=1000),),
        gid_map=(model.IdRange(inside=0, outside=100000, count=1000),),
    )
    mounter = model.Mounter(user_namespace=owner)
    return encode(images.image([b"/tmp/box/l0"], b"/tmp/box/up", b"/tmp/box/wk", mounter=mounter))


def written_in_box() -> bool:
    Path("/tmp/box/t/new").touch()
    return Path("/tmp/box/up/new").exists() and Path("/tmp/box/t/who").read_text() == "box/l0"


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_an_overlay_of_a_user_namespace_is_built_in_it(vantage: str, setup: Setup) -> None:
    make("box")
    with process(contained, written_in_box) as (pid, said):
        before, held, here = len(entries()), descriptors(), os.getcwd()
        result = restore(decode(said), Request(target=b"/tmp/box/t", pid=pid), setup=setup)
        assert (len(entries()), descriptors(), os.getcwd()) == (before, held, here)
        assert result.accepted == ()
        told = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        mine = [line for line in told if line.split()[4] == "/tmp/box/t"]
        assert [int(line.split()[0]) for line in mine] == [result.overlays[0].mount_id]
        assert "uuid=null" in mine[0]  # as of every overlay that a user namespace owns


@pytest.mark.as_root
def test_another_user_namespace_is_refused(vantage: str) -> None:
    make("box")
    with process(contained, lambda: not os.listdir("/tmp/box/up")) as (pid, said):
        image = decode(said)
        overlay = image.overlays[0]
        other = (model.IdRange(inside=0, outside=5, count=1),)
        owner = model.UserNamespace(initial=False, uid_map=other, gid_map=other)
        changed = image.replace(overlays=(overlay.replace(mounter=model.Mounter(user_namespace=owner)),))
        with pytest.raises(Refusal) as refused:
            restore(changed, Request(target=b"/tmp/box/t", pid=pid))
        assert refused.value.code == "mounter-differs"


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_an_idmapped_layer_of_a_user_namespace(vantage: str, setup: Setup) -> None:
    """The outer IDs are the initial namespace's; the map is made inside, where they are numbered otherwise."""
    make("box")

    def prepare() -> bytes:
        said = contained()
        os.chown("/tmp/box/l0/who", 3, 3)
        return said

    with process(prepare, lambda: os.stat("/tmp/box/t/who").st_uid == 13) as (pid, said):
        image = decode(said)
        overlay = image.overlays[0]
        extents = (model.IdRange(inside=3, outside=100013, count=1),)
        idmap = model.LayerIdmap(uid_map=extents, gid_map=extents)
        layers = (overlay.layers[0], overlay.layers[1].replace(idmap=idmap))
        image = image.replace(overlays=(overlay.replace(layers=layers),))
        restore(image, Request(target=b"/tmp/box/t", pid=pid), setup=setup)


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_below_the_root_of_the_process(vantage: str, setup: Setup) -> None:
    """Its root is a directory that is no mount point, and nothing in it but the stack: no /proc, and no Python."""
    make("box/l0", "box/up", "box/wk", "box/t")
    Path("box/up/who").unlink()
    image = images.image([b"/tmp/box/l0"], b"/tmp/box/up", b"/tmp/box/wk")

    def prepare() -> bytes:
        private_namespace()
        os.chroot("box")
        os.chdir("/")
        return b"ready"

    with process(prepare, lambda: Path("/t/who").read_text() == "box/l0") as (pid, _said):
        below = image.replace(namespace=None)
        restore(below, Request(target=b"/t", pid=pid), setup=setup)
        assert not os.path.ismount("box/t")


@pytest.mark.as_root
@pytest.mark.parametrize("by_descriptor", [True, False])
def test_an_upper_in_use_is_seen_below_another_root(
    vantage: str, by_descriptor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no /proc there, by which a kernel that takes no descriptors could be told the directory."""
    make("box/l0", "box/up", "box/wk", "box/t", "box/other")
    Path("box/up/who").unlink()
    image = images.image([b"/tmp/box/l0"], b"/tmp/box/up", b"/tmp/box/wk").replace(namespace=None)
    restore(image, Request(target=b"/tmp/box/t"))

    def prepare() -> bytes:
        private_namespace()
        os.chroot("box")
        os.chdir("/")
        return b"ready"

    def takes_none(_context: int, key: bytes, _fd: int) -> None:
        raise OSError(errno.EINVAL, f"fsconfig {key!r}")

    if not by_descriptor:
        monkeypatch.setattr("ovsi.restore.probe.set_fd", takes_none)
    with process(prepare, lambda: not os.path.ismount("/other")) as (pid, _said), pytest.raises(Refusal) as refused:
        restore(image, Request(target=b"/other", pid=pid), setup="append")
    assert refused.value.code == "upper-in-use"


@pytest.mark.as_root
def test_no_code_is_loaded_from_there(vantage: str) -> None:
    """The package lies in the process's root too, under the same path, with a trap in each module."""
    import ovsi

    package = os.path.dirname(ovsi.__file__)
    make("box/l0", "box/up", "box/wk", "box/t", "box/tmp")
    for directory, _names, files in os.walk(package):
        Path("box" + directory).mkdir(parents=True, exist_ok=True)
        for name in files:
            if name.endswith(".py"):
                Path("box" + os.path.join(directory, name)).write_text("open('/tmp/trapped', 'w')\n")
    image = images.image([b"/tmp/box/l0"], b"/tmp/box/up", b"/tmp/box/wk").replace(namespace=None)
    mountapi.mount(b"cover", b"/tmp/box/l0", b"tmpfs")  # so that more of the package is needed

    def prepare() -> bytes:
        private_namespace()
        os.chroot("box")
        os.chdir("/")
        return b"ready"

    with process(prepare, lambda: not os.path.exists("/tmp/trapped")) as (pid, _said):
        for setup in SETUPS:
            try:
                restore(image, Request(target=b"/t", pid=pid), setup=setup)
            except Refusal as refusal:
                assert refusal.code == "target-busy", refusal  # noqa: PT017 - of the second and third
