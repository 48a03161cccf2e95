"""The stacks, a module a profile, as data."""

from ..harness.stack import Stack
from . import (
    core,
    data_only,
    deep,
    elsewhere,
    escaping,
    filesystems,
    idmapped,
    nested,
    relative,
    unmounted,
    userns,
    volatile,
)

ALL: tuple[Stack, ...] = (
    *core.STACKS,
    *relative.STACKS,
    *escaping.STACKS,
    *deep.STACKS,
    *userns.STACKS,
    *unmounted.STACKS,
    *elsewhere.STACKS,
    *idmapped.STACKS,
    *data_only.STACKS,
    *volatile.STACKS,
    *nested.STACKS,
    *filesystems.STACKS,
)
