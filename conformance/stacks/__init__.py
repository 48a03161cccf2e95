"""The stacks, a module a profile, as data."""

from ..harness.stack import Stack
from . import core, deep, escaping, relative, unmounted, userns

ALL: tuple[Stack, ...] = (
    *core.STACKS,
    *relative.STACKS,
    *escaping.STACKS,
    *deep.STACKS,
    *userns.STACKS,
    *unmounted.STACKS,
)
