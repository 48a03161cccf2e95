"""Small overlays for tests, what must be found of them, and the check that no rung contradicts another."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from ovsi.dump import RUNGS, DumpResult, Selector, at_mountpoint, dump
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.image.read import decode
from ovsi.image.write import encode
from ovsi.linux import mountapi

Tree = dict[str, str | None]
"""Names to contents; None is a directory."""


def make(path: str, tree: Tree | None = None) -> str:
    """A directory with entries."""
    os.makedirs(path, exist_ok=True)
    for name, content in (tree or {}).items():
        if content is None:
            os.makedirs(f"{path}/{name}", exist_ok=True)
        else:
            with open(f"{path}/{name}", "w") as file:
                file.write(content)
    return path


def overlay(
    target: str, lowers: Iterable[str], upper: str | None = None, work: str | None = None, more: str = ""
) -> str:
    """Mount by one string, names as they are given."""
    os.makedirs(target, exist_ok=True)
    options = f"lowerdir={':'.join(lowers)}" + (f",upperdir={upper},workdir={work}" if upper else "") + more
    mountapi.mount(b"test", target.encode(), b"overlay", 0, options.encode())
    return target


def tmpfs(path: str) -> str:
    """A new tmpfs."""
    os.makedirs(path, exist_ok=True)
    mountapi.mount(b"test", path.encode(), b"tmpfs")
    return path


def bind(source: str, target: str) -> str:
    """A bind mount."""
    os.makedirs(target, exist_ok=True)
    mountapi.mount(source.encode(), target.encode(), None, mountapi.MS_BIND)
    return target


def unmount(path: str) -> None:
    """Unmount lazily."""
    mountapi.umount2(path.encode(), mountapi.MNT_DETACH)


def sources(result: DumpResult, number: int = 0) -> dict[str, model.Source]:
    """The sources of an overlay of a result, by name."""
    return dict(model.sources(result.image.overlays[number]))


def states(result: DumpResult, number: int = 0) -> dict[str, str]:
    """State of each source; what is not proved shows its assurance."""
    return {
        name: one.state if one.assurance == "proved" else one.assurance for name, one in sources(result, number).items()
    }


def taken(where: str | Selector, *, pid: int | None = None, without: Iterable[str] = ()) -> DumpResult:
    """A dump, read back by the reader: every image here is valid."""
    selector = at_mountpoint(where.encode()) if isinstance(where, str) else where
    result = dump(pid, selector, without=frozenset(without))
    assert decode(encode(result.image)) == result.image
    check_proved(result, pid)
    return result


def tried(where: str | Selector) -> tuple[DumpResult | None, str]:
    """A dump, or the code of its refusal."""
    try:
        return taken(where), ""
    except Refusal as refusal:
        return None, refusal.code


def place_of(result: DumpResult, source: model.Source) -> bytes | None:
    """The path of a source's location in the dumped namespace."""
    if source.location is None or source.location.mount is None:
        return None
    mount = model.by_id(result.image.mounts)[source.location.mount]
    return mount.mount_point.rstrip(b"/") + source.location.path if source.location.path != b"/" else mount.mount_point


def check_proved(result: DumpResult, pid: int | None) -> None:
    """Every `located` source is found where it is said to be, with the inode number that is stated."""
    root = b"/proc/%d/root" % pid if pid else b""
    for number in range(len(result.image.overlays)):
        for source in sources(result, number).values():
            if source.state == "located":
                path = place_of(result, source)
                assert path is not None
                assert source.identity is not None
                assert os.stat(root + path).st_ino == source.identity.inode


def agreed(where: str | Selector, *, pid: int | None = None) -> DumpResult:
    """The result of the whole ladder; what rungs prove without the ones above them is the same."""
    whole = taken(where, pid=pid)
    truth = sources(whole)
    for count in range(1, len(RUNGS) + 1):
        lower = taken(where, pid=pid, without=RUNGS[:count])
        for name, source in sources(lower).items():
            if source.assurance != "proved":
                continue
            known = truth[name]
            assert known.assurance == "proved", f"{name}: proved without {RUNGS[:count]} only"
            assert source.identity is not None
            assert known.identity is not None
            assert tells(source.identity) == tells(known.identity), f"{name} without {RUNGS[:count]}"
            places = [found_at(whole, known), found_at(lower, source)]
            assert places[0] == places[1], f"{name} without {RUNGS[:count]}: {places}"
    return whole


def tells(identity: model.Identity) -> tuple[object, ...]:
    """An identity without table ids, and whoever put the handle together."""
    handle = identity.handle and (identity.handle.type, identity.handle.bytes)
    return identity.inode, identity.generation, identity.subvolume, handle


def found_at(result: DumpResult, source: model.Source) -> tuple[object, ...]:
    """State and place of a source, without table ids."""
    where = source.location
    process = None if where is None or where.process is None else (where.process.pid, where.process.through)
    return source.state, place_of(result, source), process


class Helper:
    """A child process that does something and then waits; `pid` until closed."""

    def __init__(self, action: Callable[[], Any]) -> None:
        ready, tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                action()
                os.write(tell, b".")
            finally:
                os.close(tell)
                os.close(ready)
                signal.pause()
        os.close(tell)
        assert os.read(ready, 1) == b".", "the helper failed"
        os.close(ready)

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def listing(path: str) -> dict[str, tuple[Any, ...]]:
    """Everything of a tree that a dump must leave alone: kind, owner, size, times but the access time, xattrs."""
    found = {}
    for directory, names, files in os.walk(path):
        for entry in ["", *names, *files]:
            full = f"{directory}/{entry}"
            status = os.lstat(full)
            xattrs = {}
            if not os.path.islink(full):
                xattrs = {name: os.getxattr(full, name) for name in os.listxattr(full)}
            found[full] = (
                *(status.st_mode, status.st_ino, status.st_nlink, status.st_uid, status.st_gid, status.st_size),
                *(status.st_mtime_ns, status.st_ctime_ns, tuple(sorted(xattrs.items()))),
            )
    return found


LOCATED = {"upper": "located", "lower/0": "located", "lower/1": "located", "work": "located"}


def swap_the_lowers(base: str = "/tmp/s") -> None:
    """Each gets the other's name."""
    for old, new in (("l0", "x"), ("l1", "l0"), ("x", "l1")):
        os.rename(f"{base}/{old}", f"{base}/{new}")


def plain(base: str = "/tmp/s", more: str = "") -> str:
    """Two lowers that share names, an upper and a work directory."""
    make(f"{base}/l0", {"f": "0", "d": None, "only0": "x", "deep": None})
    make(f"{base}/l1", {"f": "1", "d": None, "only1": "x"})
    make(f"{base}/u", {"uf": "u", "ud": None})
    make(f"{base}/w")
    return overlay("/tmp/m", [f"{base}/l0", f"{base}/l1"], f"{base}/u", f"{base}/w", more)
