r"""The parser of /proc/PID/mountinfo (proc_pid_mountinfo(5); show_mountinfo in fs/proc_namespace.c).

Two layers of escapes lie over each other there. The outer is the kernel's own: space, tab, newline, backslash,
`#` in a source, and comma and `=` in a superblock option's value show as octal (`\040`). It is removed here from
every field. Below it a file system may have its own (an overlay's `\:`, `\,`), which are left as they are.

So a comma that separates superblock options is a plain one, and a comma inside a value shows as `\054`: options
are split first and unescaped after that. An LSM's value alone holds plain commas, and then it is in quotes.
"""

from __future__ import annotations

from ..record import Record, unchecked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_DELETED = b"//deleted"  # no name holds a slash, so this is never the end of a path
_QUOTED = (b'context="', b'fscontext="', b'defcontext="', b'rootcontext="')


class MountInfoError(ValueError):
    """A line that is not of mountinfo's form; says which one, counted from 1."""


class Mount(Record):
    """One mount, all fields without the octal layer but `super_options`.

    `device` is "major:minor" of the superblock. `root` is a path inside the file system, `mount_point` one below
    the root of the process whose table it is. `attributes` are the mount's own (`rw`, `nosuid`, …). `shared` and
    `master` are peer groups, `propagate_from` the nearest dominant one seen from that root. `super_options` is what
    the file shows, byte for byte. `unique_id` is the 64-bit ID where it is known; mountinfo does not show it.
    """

    mount_id: int
    parent_id: int
    device: str
    root: bytes
    root_deleted: bool
    mount_point: bytes
    attributes: tuple[bytes, ...]
    shared: int | None
    master: int | None
    propagate_from: int | None
    unbindable: bool
    unknown_fields: tuple[bytes, ...]
    fs_type: bytes
    source: bytes
    super_options: bytes
    unique_id: int | None = None

    @property
    def options(self) -> tuple[bytes, ...]:
        """The superblock's options, `rw` or `ro` first, each without octal escapes."""
        return tuple(map(unescape, split_options(self.super_options)))

    @property
    def raw_options(self) -> bytes:
        """The options without octal escapes in one string, where commas no longer tell options apart."""
        return unescape(self.super_options)


def parse(data: bytes, unique_ids: Mapping[int, int] | None = None) -> list[Mount]:
    """All mounts in the order of the file; `unique_ids` gives the 64-bit ID of a mount ID, where known.

    Raises MountInfoError for a line of another form.
    """
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    attributes: dict[bytes, tuple[bytes, ...]] = {}
    mounts: list[Mount] = []
    for line in lines:
        try:
            mounts.append(_parse_line(line, attributes, unique_ids or {}))
        except ValueError as reason:
            raise MountInfoError(f"mountinfo line {len(mounts) + 1}: {reason}: {line[:200]!r}") from None
    return mounts


def _parse_line(line: bytes, known: dict[bytes, tuple[bytes, ...]], unique_ids: Mapping[int, int]) -> Mount:
    head, _separator, tail = line.partition(b" - ")
    # The unpacking checks the number of fields. A file system may print a space in its options.
    number, parent, device, root, mount_point, attributes, *optional = head.split(b" ")
    fs_type, source, super_options = tail.split(b" ", 2)
    if b"\\" in line:
        root, mount_point, fs_type, source = map(unescape, (root, mount_point, fs_type, source))
    major, minor = device.split(b":")
    if not (major.isdigit() and minor.isdigit()):
        raise ValueError("the device is not major:minor")
    if attributes not in known:
        known[attributes] = tuple(attributes.split(b","))
    deleted = root.endswith(_DELETED)
    mount_id = int(number)
    unique_id = unique_ids.get(mount_id)
    if deleted:
        root = root[: -len(_DELETED)] or b"/"
    place = (mount_id, int(parent), device.decode(), root, deleted)
    kind = (fs_type, source, super_options, unique_id)
    events = _optional_fields(optional) if optional else _PRIVATE
    return unchecked(Mount, (*place, mount_point, known[attributes], *events, *kind))


_PRIVATE = (None, None, None, False, ())


def _optional_fields(fields: list[bytes]) -> tuple[object, ...]:
    """`shared` to `unknown_fields`."""
    found: dict[bytes, int] = {}
    unbindable, unknown = False, []
    for field in fields:
        tag, _colon, value = field.partition(b":")
        if tag in (b"shared", b"master", b"propagate_from"):
            found[tag] = int(value)
        elif field == b"unbindable":
            unbindable = True
        else:
            unknown.append(field)
    return *map(found.get, (b"shared", b"master", b"propagate_from")), unbindable, tuple(unknown)


def unescape(value: bytes) -> bytes:
    """Remove one layer of octal escapes: a backslash and three digits; any other backslash stays."""
    if b"\\" not in value:
        return value
    first, *rest = value.split(b"\\")
    return first + b"".join([_byte_and_rest(part) for part in rest])


def _byte_and_rest(part: bytes) -> bytes:
    digits = part[:3]
    if len(digits) == 3 and digits[0] in b"0123" and digits[1] in b"01234567" and digits[2] in b"01234567":
        return bytes((int(digits, 8),)) + part[3:]
    return b"\\" + part


def split_options(shown: bytes) -> list[bytes]:
    """The options in a string as mountinfo shows it, octal layer still on; quotes of an LSM's value kept."""
    parts = shown.split(b",")
    if b'"' not in shown:
        return parts
    options: list[bytes] = []
    for part in parts:
        if options and options[-1].startswith(_QUOTED) and options[-1].count(b'"') < 2:
            options[-1] += b"," + part
        else:
            options.append(part)
    return options
