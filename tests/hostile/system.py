"""The few calls that building a world needs, by ctypes, apart from those of the program that is tried."""

from __future__ import annotations

import ctypes
import os
import signal

from conformance.harness.busy import until_free

LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_NOSUID = 2
MS_NODEV = 4
MS_REC = 16384
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20
MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_HANDLE_BYTES = 128
_ulong = ctypes.c_ulong


class _Handle(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * _HANDLE_BYTES)]


def checked(result: int, what: str) -> int:
    """`result`, or OSError with the call's name where it is -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, fs_type: str | None, flags: int = 0, data: str | None = None) -> None:
    """mount(2)."""
    encoded = [None if word is None else os.fsencode(word) for word in (source, target, fs_type, data)]
    checked(LIBC.mount(encoded[0], encoded[1], encoded[2], _ulong(flags), encoded[3]), f"mount {target}")


def umount(target: str) -> None:
    """umount2(2); waits while a process that looks at all mounts of the machine holds this one."""
    until_free(lambda: checked(LIBC.umount2(os.fsencode(target), 0), f"umount {target}"))


def unshare(flags: int) -> None:
    """unshare(2)."""
    checked(LIBC.unshare(flags), "unshare")


def private_mount_namespace() -> None:
    """A mount namespace of one's own, from which nothing propagates."""
    unshare(CLONE_NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    checked(LIBC.prctl(_PR_SET_PDEATHSIG, _ulong(signal.SIGKILL)), "prctl")


def adopt_orphans() -> None:
    """Become the parent of descendants whose own ended."""
    checked(LIBC.prctl(_PR_SET_CHILD_SUBREAPER, _ulong(1)), "prctl")


def handle_of(path: str) -> tuple[int, bytes] | None:
    """Type and bytes of a file handle; None where the file system gives none."""
    handle, mount_id = _Handle(_HANDLE_BYTES), ctypes.c_int()
    if LIBC.name_to_handle_at(-100, os.fsencode(path), ctypes.byref(handle), ctypes.byref(mount_id), 0) == -1:
        return None
    return handle.type, bytes(handle.data[: handle.size])


def become_root_of_a_user_namespace() -> None:
    """Enter a user namespace as its root: with all IDs where the caller may map them, else with the caller's own."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 and _maps("/proc/self/uid_map") == [["0", "0", "4294967295"]]:
        _unshare_with_all_ids()
        return
    unshare(CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {user} 1")
    _write("/proc/self/gid_map", f"0 {group} 1")


def _unshare_with_all_ids() -> None:
    """Only a process outside the new namespace may map more than one ID: a child that waits."""
    awake, wake = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(wake)
        os.read(awake, 1)
        for kind in ("uid", "gid"):
            _write(f"/proc/{parent}/{kind}_map", "0 0 4294967295")
        os._exit(0)
    unshare(CLONE_NEWUSER)
    os.close(wake)
    os.close(awake)
    if os.waitpid(child, 0)[1] != 0:
        raise OSError("the IDs of the new user namespace could not be mapped")


def _maps(path: str) -> list[list[str]]:
    with open(path) as file:
        return [line.split() for line in file]


def _write(path: str, words: str) -> None:
    with open(path, "w") as file:
        file.write(words)


def why_no_user_namespace() -> str:
    """Why this process can't become root of a user namespace with mounts of its own; empty where it can."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become_root_of_a_user_namespace()
            private_mount_namespace()
        except OSError as failure:
            os.write(writing, str(failure).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as answer:
        return answer.read()
