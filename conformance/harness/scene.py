"""A built stack with an implementation before it: what tests that do more than dump once work with."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

from . import abilities, builder, cellar, errands, files, images, mount_reader, mounts, snapshot
from .agent import World
from .imagecheck import Json
from .implementation import Answer, Implementation
from .keep import KEEPER
from .mounts import Mount
from .rights import of_process
from .sandbox import Sandbox
from .snapshot import Snapshot
from .stack import Stack, Vantage
from .truth import Truth
from .verdict import Lacking

P = ParamSpec("P")
T = TypeVar("T")
_OUT = b"/out"
RESTORED = b"/m/restored"


def open_sandbox(stack: Stack, vantage: Vantage) -> Sandbox:
    """The sandbox that a stack wants at a vantage; raises Lacking where it can't be had here."""
    reason = abilities.why_not(vantage)
    reason = reason or next(filter(None, (abilities.lacking(name) for name in stack.needs)), None)
    if reason:
        raise Lacking(reason)
    return Sandbox(abilities.surroundings(vantage, stack.owner))


def outer_pids(first: int) -> dict[int, int]:
    """The children of a sandbox's first process: their numbers in the sandbox -> as /proc names them here."""
    with open(f"/proc/{first}/task/{first}/children") as file:
        children = [int(word) for word in file.read().split()]
    return {_innermost(pid): pid for pid in children}


def _innermost(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[-1]) for line in file if line.startswith("NSpid:"))


class Scene:
    """A sandbox in which a stack stands. Use as a context manager.

    Files for the implementation lie in `directory`: inside the sandbox, or outside it where that is the vantage.
    """

    def __init__(self, implementation: Implementation, stack: Stack, vantage: Vantage) -> None:
        self.implementation, self.stack, self.vantage = implementation, stack, vantage
        self.work_used = False
        self.chosen = b""
        self._cleanup = ExitStack()

    def __enter__(self) -> "Scene":
        self.sandbox = self._cleanup.enter_context(open_sandbox(self.stack, self.vantage))
        self.within = self.sandbox if self.vantage is Vantage.INSIDE else None
        if self.within:
            self.directory = _OUT
            self.sandbox.do(files.make_directory, _OUT)
        else:
            self.directory = os.fsencode(tempfile.mkdtemp(prefix="ovsi-"))
            self._cleanup.callback(shutil.rmtree, self.directory, True)
        self.pid = b"%d" % (self.sandbox.inner_pid if self.within else self.sandbox.pid)
        built: Truth = self.sandbox.do(builder.build, self.stack)
        rights = of_process(self.sandbox.pid, initial=not self.sandbox.surroundings.user_namespace)
        built = replace(built, rights=rights)
        self.truth = built if self.within else built.told_with(outer_pids(self.sandbox.pid))
        KEEPER.entered(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        KEEPER.left(self)

    def close(self) -> None:
        """End the sandbox and remove the files."""
        self._cleanup.close()

    # Files on the implementation's side

    def errand(self, function: Callable[Concatenate[World, P], T], *arguments: P.args, **_: P.kwargs) -> T:
        """Execute a function where the implementation runs."""
        if self.within:
            return self.within.do(function, *arguments)  # type: ignore[call-arg]  # named ones, which nobody can pass
        return function(World(), *arguments)  # type: ignore[call-arg]  # as above

    def path(self, name: bytes) -> bytes:
        return os.path.join(self.directory, name)

    def read(self, name: bytes) -> bytes | None:
        return self.errand(files.read, self.path(name))

    def write(self, name: bytes, data: bytes) -> bytes:
        """Write a file; its path."""
        self.errand(files.write, self.path(name), data)
        return self.path(name)

    def link(self, old: bytes, new: bytes) -> None:
        self.errand(files.link, self.path(old), self.path(new))

    def names(self) -> tuple[bytes, ...]:
        return self.errand(files.names, self.directory)

    def through_pipe(self, name: bytes, use: Callable[[bytes], object]) -> bytes:
        """What `use` of the path of a pipe writes to it; not more than a pipe holds."""
        reader = self.errand(errands.open_pipe, self.path(name))
        use(self.path(name))
        return self.errand(errands.drain, reader)

    # The implementation

    def call(self, *words: bytes, given: bytes | None = None) -> Answer:
        return self.implementation.call(*words, within=self.within, given=given)

    def dump(self, output: bytes, *selector: bytes) -> Answer:
        """`dump` of the stack's mount, or by another selector."""
        chosen = selector or (b"--mountpoint", self.stack.target)
        with self.nothing_held():
            return self.call(b"dump", b"--pid", self.pid, *chosen, b"--output", output)

    def restore(
        self, image: Json | bytes, *more: bytes, target: bytes = RESTORED, maps: tuple[bytes, ...] = ()
    ) -> Answer:
        """`restore` of the first overlay, or of the one `chosen`, at `target`; the result goes to the file `result`."""
        overlays = image["overlays"] if isinstance(image, dict) else []
        chosen = (b"--overlay", self.chosen or overlays[0]["id"].encode()) if len(overlays) > 1 else ()
        return self._restore(image, (*chosen, b"--target", target), more, maps)

    def restore_all(self, image: Json | bytes, root: bytes, *more: bytes) -> Answer:
        """`restore` of every overlay, below `root`."""
        return self._restore(image, (b"--all", b"--root", root), more)

    def _restore(
        self, image: Json | bytes, where: tuple[bytes, ...], more: tuple[bytes, ...], maps: tuple[bytes, ...] = ()
    ) -> Answer:
        data = image if isinstance(image, bytes) else json.dumps(image).encode()
        words = [b"restore", b"--image", self.write(b"image.json", data), *where]
        words += [] if self.within else [b"--pid", self.pid]
        words += [word for each in maps for word in (b"--map", each)]
        with self.nothing_held():
            return self.call(*words, *more, b"--result", self.path(b"result.json"))

    @contextmanager
    def nothing_held(self, always: bool = False) -> Iterator[None]:
        """Where a source has no place any more, the suite's own descriptors on it are put away meanwhile."""
        apart = always or any(not source.reached and not source.hidden for source in self.truth.everything)
        if apart:
            self.sandbox.do(cellar.put_away)
        yield
        if apart:
            self.sandbox.do(cellar.take_out)

    # The stack

    def image(self) -> Json:
        """The suite's own image of the stack, every source proved."""
        document = images.image(self.truth)
        if self.stack.owner == "user namespace":
            namespace = {"initial": False, "inode": str(self.sandbox.do(errands.user_namespace))}
            document["overlays"][0]["mounter"] = {"userNamespace": namespace}
        return document

    def unmount(self) -> None:
        """Unmount the overlay everywhere, take its marks out of the work directory, make a place to restore at."""
        points = [mount.point for mount in self.truth.own_mounts]
        self.sandbox.do(mount_reader.unmount, points)
        self.work_used = self.sandbox.do(mount_reader.clean_work)
        self.sandbox.do(files.make_directory, RESTORED)

    def snapshot(self) -> Snapshot:
        return self.sandbox.do(snapshot.take)

    def table(self) -> list[Mount]:
        return self.sandbox.do(mount_reader.table)

    def restored(self, target: bytes = RESTORED) -> Mount | None:
        """The overlay on top at the target."""
        found = mounts.at(self.table(), target)
        return found if found and found.kind == "overlay" else None
