r"""What an overlay's option string says, taken apart. Pure.

Two layers of escapes lie over a layer's name. The outer, octal, is mountinfo's; a separating comma is never escaped
by it, so options are split first. Below it lies overlay's own, a backslash before `:`, `,` or `\`, in `lowerdir=`,
`upperdir=` and `workdir=`; `lowerdir+=` and `datadir+=` have none (ovl_show_options, fs/overlayfs/params.c).
"""

from __future__ import annotations

from ..linux.mountinfo import split_options, unescape
from ..record import Record, unchecked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Literal

    Basis = Literal["held", "shown", "default"]

FLAGS = frozenset((b"rw", b"ro", b"sync", b"dirsync", b"mand", b"lazytime", b"async", b"nosymfollow"))
_SECURITY = frozenset((b"context", b"fscontext", b"defcontext", b"rootcontext", b"seclabel"))
_SECURITY_PREFIX = b"smackfs"
_ON_OFF = {b"Y": b"on", b"1": b"on", b"N": b"off", b"0": b"off"}
ORDER = (
    b"default_permissions",
    b"redirect_dir",
    b"index",
    b"uuid",
    b"nfs_export",
    b"xino",
    b"metacopy",
    b"volatile",
    b"fsync",
    b"userxattr",
    b"verity",
)
"""Overlay's own options in the order in which the kernel shows them."""


class ShownOptions(Record):
    """The parts of an option string; every name without escapes.

    `own` are overlay's options but for its layers, unknown ones included, as (name, value), in the order shown.
    `upper_as_shown` and `work_as_shown` have overlay's escapes still on, if they are ones: a name that was given by
    descriptor shows without any. `lower_mount_ids` and `upper_mount_id` are what a Virtuozzo kernel adds: mounts that
    the layers lie on.
    """

    flags: tuple[bytes, ...] = ()
    security: tuple[tuple[bytes, bytes | None], ...] = ()
    lowers: tuple[bytes, ...] = ()
    data: tuple[bytes, ...] = ()
    upper: bytes | None = None
    work: bytes | None = None
    upper_as_shown: bytes | None = None
    work_as_shown: bytes | None = None
    own: tuple[tuple[bytes, bytes | None], ...] = ()
    lower_mount_ids: tuple[int, ...] = ()
    upper_mount_id: int | None = None

    def value(self, name: bytes) -> bytes | None:
        """The value of one of overlay's own options, None where it is not shown or takes none."""
        return next((value for known, value in self.own if known == name), None)

    def has(self, name: bytes) -> bool:
        """Whether the option is shown."""
        return any(known == name for known, _ in self.own)


def parse_shown(super_options: bytes) -> ShownOptions:
    """The super options of a line of mountinfo, as they stand there."""
    options = split_options(super_options)
    return parse_array(options if b"\\" not in super_options else map(unescape, options))


def parse_array(options: Iterable[bytes]) -> ShownOptions:
    """Options one by one, without the octal layer: statmount's array."""
    flags: list[bytes] = []
    security: list[tuple[bytes, bytes | None]] = []
    own: list[tuple[bytes, bytes | None]] = []
    lowers: list[bytes] = []
    data: list[bytes] = []
    found: dict[str, Any] = {}
    for option in options:
        name, equals, text = option.partition(b"=")
        value = text if equals else None
        if value is None and name in FLAGS:
            flags.append(name)
        elif name in _SECURITY or name.startswith(_SECURITY_PREFIX):
            security.append((name, _unquoted(value)))
        elif value is None:
            if name:
                own.append((name, None))
        elif name == b"lowerdir":
            merged, below = split_layers(value)
            lowers += merged
            data += below
        elif name == b"lowerdir+":
            lowers.append(value)
        elif name == b"datadir+":
            data.append(value)
        elif name in (b"upperdir", b"workdir"):
            role = "upper" if name == b"upperdir" else "work"
            found[role] = without_backslashes(value)
            found[f"{role}_as_shown"] = value
        elif not _mount_ids(name, value, found):
            own.append((name, value))
    made_of = (tuple(lowers), tuple(data), *map(found.get, ("upper", "work", "upper_as_shown", "work_as_shown")))
    mounts = (found.get("lower_mount_ids", ()), found.get("upper_mount_id"))
    return unchecked(ShownOptions, (tuple(flags), tuple(security), *made_of, tuple(own), *mounts))


def _mount_ids(name: bytes, value: bytes, found: dict[str, Any]) -> bool:
    if name not in (b"lowerdir_mnt_id", b"upperdir_mnt_id"):
        return False
    parts = value.split(b":")
    if not all(part.isdigit() for part in parts):
        return False
    if name == b"lowerdir_mnt_id":
        found["lower_mount_ids"] = tuple(map(int, parts))
    else:
        found["upper_mount_id"] = int(parts[0])
    return True


def _unquoted(value: bytes | None) -> bytes | None:
    if value is not None and len(value) > 1 and value[:1] == value[-1:] == b'"':
        return value[1:-1]
    return value


def without_backslashes(name: bytes) -> bytes:
    """A name without overlay's own escapes: of a backslash and a byte, the byte. A last lone backslash stays."""
    if b"\\" not in name:
        return name
    kept = bytearray()
    at, end = 0, len(name)
    while at < end:
        if name[at] == 0x5C and at + 1 < end:
            at += 1
        kept.append(name[at])
        at += 1
    return bytes(kept)


def split_layers(value: bytes) -> tuple[list[bytes], list[bytes]]:
    """The lower and the data-only layers of `lowerdir=`: `a:b::c` is a and b, and c below them for data only."""
    parts = value.split(b":") if b"\\" not in value else _split_unescaped_colons(value)
    if b"" not in parts:
        return ([without_backslashes(part) for part in parts] if b"\\" in value else parts), []
    at = parts.index(b"")
    named = [[without_backslashes(part) for part in some if part] for some in (parts[:at], parts[at:])]
    return named[0], named[1]


def _split_unescaped_colons(value: bytes) -> list[bytes]:
    parts: list[bytes] = []
    begin = at = 0
    while at < len(value):
        if value[at] == 0x5C:
            at += 1
        elif value[at] == 0x3A:
            parts.append(value[begin:at])
            begin = at + 1
        at += 1
    parts.append(value[begin:])
    return parts


def defaults(parameters: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """What options that are not shown are equal to; from the files of /sys/module/overlay/parameters that exist.

    An option is not shown where it equals the module's default at that moment. `uuid` and `verity` have no
    parameter and are left to the caller.
    """
    found = {}
    for name in (b"index", b"nfs_export", b"metacopy"):
        if (value := _ON_OFF.get(parameters.get(name, b""))) is not None:
            found[name] = value
    auto = _ON_OFF.get(parameters.get(b"xino_auto", b""))
    if auto is not None:
        found[b"xino"] = b"auto" if auto == b"on" else b"off"
    on = _ON_OFF.get(parameters.get(b"redirect_dir", b""))
    follow = _ON_OFF.get(parameters.get(b"redirect_always_follow", b""))
    if on == b"on":
        found[b"redirect_dir"] = b"on"
    elif on is not None and follow is not None:
        found[b"redirect_dir"] = b"follow" if follow == b"on" else b"nofollow"
    return found


def effective(
    shown: ShownOptions, default: dict[bytes, bytes], held: dict[bytes, bytes | None] | None = None
) -> list[tuple[bytes, bytes | None, Basis]]:
    """Overlay's own options as they act, as (name, value, basis): held in the superblock, shown, or default.

    What is held wins over what is shown, for that is what the kernel acts on. Unknown ones follow as shown.
    """
    held = held or {}
    visible = dict(shown.own)
    found: list[tuple[bytes, bytes | None, Basis]] = []
    for name in ORDER:
        if name in held:
            found.append((name, held[name], "held"))
        elif name in visible:
            found.append((name, visible[name], "shown"))
        elif name in default:
            found.append((name, default[name], "default"))
    found += [(name, value, "shown") for name, value in shown.own if name not in ORDER]
    return found
