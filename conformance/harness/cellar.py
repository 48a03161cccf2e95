"""Keep the suite's own descriptors where no process holds them: in messages that nobody has received yet.

A descriptor on a source is a way to it, and a dumper that finds it in the suite's own process says so, rightly. While
an implementation looks they lie in a socket's queue, which no /proc shows.
"""

import array
import os
import socket

from .agent import World

_AT_ONCE = 200


def put_away(world: World) -> None:
    """Hide every held descriptor."""
    names = list(world.held)
    for start in range(0, len(names), _AT_ONCE):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        chosen = names[start : start + _AT_ONCE]
        numbers = array.array("i", [world.held[name] for name in chosen])
        theirs.sendmsg([b"-"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
        theirs.close()
        for name in chosen:
            os.close(world.held.pop(name))
        world.away.append((ours.detach(), chosen))


def take_out(world: World) -> None:
    """Hold them again."""
    for number, names in world.away:
        with socket.socket(fileno=number) as ours:
            _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4 * len(names)))
        numbers = array.array("i")
        numbers.frombytes(ancillary[0][2])
        world.held.update(zip(names, numbers, strict=True))
    world.away.clear()
