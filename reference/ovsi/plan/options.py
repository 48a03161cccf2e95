"""Which options a restore gives to the kernel. Pure; from fs/overlayfs/params.c and the spec's annex A.

Every effective option is given explicitly, so that neither module parameters nor what one option implies about
another decides. The list of names is the image's own: an option unknown here is given as it stands.
"""

from __future__ import annotations

from ..errors import Refusal
from .records import Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..image.model import MountOption

SHOW_ONLY = ("lowerdir_mnt_id", "upperdir_mnt_id")
"""What some kernels show and none takes (Virtuozzo)."""

SUPERBLOCK_FLAGS = {"rw": 0, "ro": 1, "sync": 16, "mand": 64, "dirsync": 128, "lazytime": 1 << 25}
"""The words that fsconfig takes for flags of any superblock (fs/fs_context.c), with the bits of mount(2)."""

_LAYERS = ("lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir")

_WITHOUT_EFFECT = {
    ("verity", b"off"),
    ("metacopy", b"off"),
    ("nfs_export", b"off"),
    ("index", b"off"),
    ("xino", b"off"),
    ("xino", b"auto"),
    ("uuid", b"auto"),
    ("uuid", b"null"),
    ("fsync", b"auto"),
    ("redirect_dir", b"follow"),
}
"""Values that say what a kernel without the option does anyway."""

_SWITCHES = ("default_permissions", "volatile", "userxattr", "override_creds", "nooverride_creds")
_OFF = (b"off", b"no", b"false", b"0")
_ON = (b"on", b"yes", b"true", b"1", b"")


def planned(options: Iterable[MountOption]) -> tuple[Option, ...]:
    """The options of an image as they are given to the kernel, in the image's order; show-only ones left out."""
    given = []
    for option in options:
        if option.name in SHOW_ONLY or option.name in _LAYERS:
            continue
        if option.name in _SWITCHES:
            # A dump may say them as on and off; the kernel takes the bare name or nothing.
            if option.value is None or option.value in _ON:
                given.append(Option(option.name, None, True))
            elif option.value not in _OFF:
                given.append(Option(option.name, option.value, True))
            continue
        given.append(Option(option.name, option.value, (option.name, option.value) not in _WITHOUT_EFFECT))
    return tuple(given)


def planned_flags(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Superblock flags as they are; any other word would be taken for an option. Raises Refusal: unsupported-option."""
    for flag in flags:
        if flag not in SUPERBLOCK_FLAGS:
            raise Refusal("unsupported-option", f"{flag} is no superblock flag that this program knows", flag)
    if {"rw", "ro"} <= {*flags}:
        raise Refusal("unsupported-option", "no superblock has both flags, rw and ro", "ro")
    return flags


def planned_security(options: Iterable[MountOption]) -> tuple[Option, ...]:
    """The same of the options of a security module; `seclabel` only shows, and sets nothing."""
    return tuple(Option(option.name, option.value, True) for option in options if option.name != "seclabel")


def is_volatile(options: Iterable[Option]) -> bool:
    """Whether the overlay leaves out syncing, by either name of that option."""
    return any(option.name == "volatile" or (option.name, option.value) == ("fsync", b"volatile") for option in options)


def value_of(options: Iterable[Option], name: str) -> bytes | None:
    """The value given for an option; None where it is not given or takes none."""
    for option in options:
        if option.name == name:
            return option.value
    return None
