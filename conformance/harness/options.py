"""Overlay's mount options, as a mount shows them and as they are in effect."""

import re
from functools import cache
from pathlib import Path

from .mounts import Mount, unescape

LAYER_NAMES = frozenset({"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"})
SHOWN_ONLY = frozenset({"lowerdir_mnt_id", "upperdir_mnt_id"})
FLAGS = frozenset({"rw", "ro", "sync", "dirsync", "mand", "lazytime"})
_SECURITY = re.compile(rb',(?:seclabel|(?:(?:fs|def|root)?context|smackfs[a-z]*)=(?:"[^"]*"|[^",]*))(?=,|$)')
"""A security module's words, which are no options of overlay; in quotes a comma is a part of the value."""
ALWAYS = ("redirect_dir", "index", "nfs_export", "metacopy", "xino")
AS_IF_LEFT_OUT = {("verity", b"off"), ("fsync", b"auto"), ("uuid", b"auto")}
"""Options with the value that a kernel behaves by where they are not said."""
NOT_IN_EFFECT = "not in effect"
Options = dict[str, bytes | None]


def shown(mount: Mount) -> Options:
    """Overlay's own options in the super options field: no names of layers, no superblock flags, no security labels."""
    found: Options = {}
    for word in _SECURITY.sub(b"", b"," + mount.super_options)[1:].split(b","):
        name, equals, value = word.partition(b"=")
        text = name.decode("utf-8", "surrogateescape")
        if text not in LAYER_NAMES | SHOWN_ONLY | FLAGS:
            found[text] = unescape(value) if equals else None
    return found


def effective(mount: Mount) -> Options:
    """What is in effect: what is shown, and of what is not shown the module's default, which the kernel hides."""
    return {name: value for name in ALWAYS if (value := default(name)) is not None} | shown(mount)


@cache
def default(name: str) -> bytes | None:
    """The module's default of an option; None where this kernel has no such parameter."""
    if name == "redirect_dir":
        follow = b"follow" if _parameter("redirect_always_follow") else b"nofollow"
        return b"on" if _parameter("redirect_dir") else follow
    if name == "xino":
        return b"auto" if _parameter("xino_auto") else b"off"
    enabled = _parameter(name)
    return None if enabled is None else b"on" if enabled else b"off"


def _parameter(name: str) -> bool | None:
    parameter = Path(f"/sys/module/overlay/parameters/{name}")
    return parameter.read_text().startswith("Y") if parameter.exists() else None
