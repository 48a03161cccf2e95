"""The ways in which looking into the kernel ends without an answer."""

from __future__ import annotations


class IntrospectionUnavailable(Exception):  # noqa: N818 - a state of the kernel, not a mistake
    """This kernel, or this process's privilege, does not allow it: another way to find sources must serve.

    `ability` is one of "btf", "bpf", "layout" (a structure here is not what this package knows), "calibration"
    (a known object did not read as what it is); `reason` is for people.
    """

    def __init__(self, ability: str, reason: str) -> None:
        super().__init__(f"introspection is not available ({ability}): {reason}")
        self.ability = ability
        self.reason = reason


class KernelReadError(Exception):
    """The kernel refused to read an address: it is not mapped, so the pointer was stale or no pointer."""

    def __init__(self, address: int, length: int, what: str) -> None:
        super().__init__(f"{what}: {length} bytes of the kernel cannot be read")
        self.address = address
        self.length = length


class Inconsistent(Exception):  # noqa: N818 - a state of what was read
    """What was read makes no sense, or changed each time it was read: nothing of it may be believed."""
