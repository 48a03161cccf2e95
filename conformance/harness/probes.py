"""Tries of abilities, made inside a sandbox: each raises where the ability is missing."""

import os

from . import kernel
from .agent import World


def user_xattrs(world: World) -> None:
    os.makedirs(b"/probe")
    os.setxattr(b"/probe", b"user.probe", b"y")


def append(world: World) -> None:
    kernel.fsconfig_string(kernel.fsopen(b"overlay"), b"lowerdir+", b"/")


def descriptor(world: World) -> None:
    kernel.fsconfig_descriptor(kernel.fsopen(b"overlay"), b"lowerdir+", os.open(b"/", os.O_PATH))
