"""The far side of a sandbox: a process that forks sandboxes, and the first process of each of them.

One *nursery* runs for every worker of the suite; it imports what sandboxes need once and forks them in a millisecond.
The first process of a sandbox (process 1 of its own PID namespace, where that can be had) executes functions that the
suite names, until its socket closes. When it ends, by whatever cause, the kernel ends all that it started and frees its
mounts: nothing outlives a test, nor a suite that was killed.
"""

import array
import gc
import importlib
import os
import pickle
import socket
import struct
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from . import kernel

_IMPORTED_ONCE = (".builder", ".files", ".snapshot", ".probes", ".mount_reader", ".errands", ".cellar", ".meddling")


@dataclass(frozen=True)
class Surroundings:
    """How a sandbox is shut off: a user namespace of its own or not; process numbers of its own or not."""

    user_namespace: bool
    pid_namespace: bool = True


@dataclass(frozen=True)
class Bearer:
    """The file system that a held directory lies on, as mountinfo showed it."""

    device: str
    kind: str


@dataclass(frozen=True)
class Hold:
    """A process, by name, that holds the directory `path` of a file system by `cwd`, `root` or `fd/N`."""

    process: str
    through: str
    device: str
    path: bytes


@dataclass
class World:
    """What the first process of a sandbox keeps between two calls.

    `held`: descriptors of sources by label, `away` those that are hidden now, `bearers` what they lie on; `processes`
    by name, `holders` what some of them hold, `namespaces` names of those in a mount namespace of their own.
    """

    held: dict[str, int] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    bearers: dict[str, "Bearer"] = field(default_factory=dict)
    holders: list["Hold"] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    away: list[tuple[int, list[str]]] = field(default_factory=list)


def send(channel: socket.socket, message: object) -> None:
    body = pickle.dumps(message)
    channel.sendall(struct.pack("=Q", len(body)) + body)


def receive(channel: socket.socket) -> Any:
    """The next message; raises EOFError where the other side is gone."""
    return pickle.loads(receive_bytes(channel))


def receive_bytes(channel: socket.socket) -> bytes:
    (length,) = struct.unpack("=Q", _exactly(channel, 8))
    return _exactly(channel, length)


def _exactly(channel: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = channel.recv(min(length - len(parts), 1 << 20))
        if not part:
            raise EOFError("the other side of the sandbox is gone")
        parts += part
    return bytes(parts)


def nursery(descriptor: int) -> None:
    """Fork a sandbox for every message {Surroundings, its socket}, until the suite is gone."""
    kernel.die_with_parent()
    for name in _IMPORTED_ONCE:
        importlib.import_module(name, __package__)
    gc.freeze()  # a collection in a sandbox would look at all of it, and so copy it
    control = socket.socket(fileno=descriptor)
    while True:
        body, ancillary, _, _ = control.recvmsg(4096, socket.CMSG_SPACE(4))
        if not body:
            return
        inherited = array.array("i")
        inherited.frombytes(ancillary[0][2][:4])
        if os.fork() == 0:
            control.close()
            _sandbox(pickle.loads(body), socket.socket(fileno=inherited[0]))
        os.close(inherited[0])
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _sandbox(surroundings: Surroundings, channel: socket.socket) -> None:
    """Become a sandbox; never returns."""
    gc.disable()  # it does not live long enough
    try:
        _leave(surroundings)
        kernel.die_with_parent()
        told, tell = os.pipe()
        first = os.fork()
        if first:
            send(channel, ("pid", first))
            channel.close()
            os.close(tell)
            os.waitpid(first, 0)
            os._exit(0)
        os.close(tell)
        os.read(told, 1)
        os.close(told)
        kernel.die_with_parent()
        os.setsid()
        _own_root(surroundings)
        send(channel, ("ready", None))
        _serve(channel, World())
    except (OSError, EOFError) as error:
        with suppress(OSError):
            send(channel, ("failed", str(error)))
    finally:
        os._exit(0)


def _leave(surroundings: Surroundings) -> None:
    """Leave the caller's namespaces; one ID, the caller's own, is root in the new user namespace."""
    flags = kernel.CLONE_NEWNS | (kernel.CLONE_NEWPID if surroundings.pid_namespace else 0)
    if not surroundings.user_namespace:
        return kernel.unshare(flags)
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(flags | kernel.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return None


def _own_root(surroundings: Surroundings) -> None:
    """Make `/` a tmpfs of the sandbox's own, with the machine's top directories at their places in it.

    So a test may put things where a careless program looks (`/l1`), and the implementation is found where it was.
    """
    kernel.mount(b"none", b"/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount(b"tmpfs", b"/proc", b"tmpfs", data=b"mode=755")
    os.mkdir(b"/proc/.old")
    kernel.pivot_root(b"/proc", b"/proc/.old")
    os.chdir(b"/")
    for name in os.listdir(b"/.old"):
        _borrow(b"/.old/" + name, b"/" + name, surroundings)
    kernel.umount(b"/.old", kernel.MNT_DETACH)
    os.rmdir(b"/.old")


def _borrow(theirs: bytes, ours: bytes, surroundings: Surroundings) -> None:
    if os.path.islink(theirs):
        os.symlink(os.readlink(theirs), ours)
    elif os.path.isdir(theirs):
        os.mkdir(ours)
        if ours == b"/proc" and surroundings.pid_namespace:
            kernel.mount(b"proc", ours, b"proc")
        else:
            kernel.mount(theirs, ours, flags=kernel.MS_BIND | kernel.MS_REC)


def _serve(channel: socket.socket, world: World) -> None:
    """Execute {function, arguments} as `function(world, *arguments)` and answer, until the suite hangs up."""
    while True:
        body = receive_bytes(channel)
        send(channel, _answer(world, body))


def _answer(world: World, body: bytes) -> tuple[str, Any]:
    try:
        function, arguments = pickle.loads(body)
        return "done", function(world, *arguments)
    except Exception as error:  # noqa: BLE001 - carried across the wall and raised there
        return "raised", f"{error}\n{traceback.format_exc()}"
