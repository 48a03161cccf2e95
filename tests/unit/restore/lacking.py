"""Has a test's own process, and its children, get an errno for system calls, or for flags of theirs: seccomp(2).

What an older kernel does without a word (statx leaves out what it does not know) can't be had so.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

import pytest

_LOAD, _EQUAL, _ANY_BIT, _ANSWER = 0x20, 0x15, 0x45, 0x06  # BPF of linux/filter.h
_ERRNO, _ALLOW = 0x0005_0000, 0x7FFF_0000
_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2
_ARGUMENTS = 16  # where they begin in struct seccomp_data, eight bytes each


class Lack(NamedTuple):
    """A call by its number, or only where an argument has this value, or any of these bits."""

    call: int
    answer: int = errno.ENOSYS
    argument: int | None = None
    value: int = 0
    bits: bool = False


_OF_THE_MACHINE = {"x86_64": (16, 303), "aarch64": (29, 264)}
_IOCTL, _NAME_TO_HANDLE_AT = _OF_THE_MACHINE.get(platform.machine(), (0, 0))

MOUNT_SETATTR = Lack(442)
OPEN_TREE = Lack(428)
MOVE_MOUNT = Lack(429)

NEWER_THAN_5_10 = {
    "mount_setattr": (MOUNT_SETATTR,),
    "statmount": (Lack(457),),
    "listmount": (Lack(458),),
    "open_tree_attr": (Lack(467),),
    "layers by descriptor": (Lack(431, errno.EOPNOTSUPP, 1, 5),),
    "MOVE_MOUNT_SET_GROUP": (Lack(429, errno.EINVAL, 4, 0x300, bits=True),),
    "flags of name_to_handle_at": (Lack(_NAME_TO_HANDLE_AT, errno.EINVAL, 4, 0x203, bits=True),),
    "FS_IOC_GETFSUUID": (Lack(_IOCTL, errno.ENOTTY, 1, 0x8011_1500),),
    "NS_GET_MNTNS_ID": (Lack(_IOCTL, errno.ENOTTY, 1, 0x8008_B705),),
}
ALL_TOGETHER = tuple(one for group in NEWER_THAN_5_10.values() for one in group)


def lack(*lacks: Lack) -> None:
    """From now on, for this process and its children."""
    if platform.machine() not in _OF_THE_MACHINE:
        pytest.skip("the numbers of calls")
    program = [step for one in lacks for step in _steps(one)] + [(_ANSWER, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_SECCOMP, _FILTER, header, 0, 0) == 0


def _steps(one: Lack) -> list[tuple[int, int, int, int]]:
    answer = (_ANSWER, 0, 0, _ERRNO | one.answer)
    if one.argument is None:
        return [(_LOAD, 0, 0, 0), (_EQUAL, 0, 1, one.call), answer]
    test = _ANY_BIT if one.bits else _EQUAL
    argument = (_LOAD, 0, 0, _ARGUMENTS + 8 * one.argument)
    return [(_LOAD, 0, 0, 0), (_EQUAL, 0, 3, one.call), argument, (test, 0, 1, one.value), answer]
