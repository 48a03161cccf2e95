"""Which overlays of a mount namespace are meant."""

from __future__ import annotations

import os

from ..errors import Refusal, text
from ..linux.files import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, mount_id_of_fd, openat2, stat_of_fd
from ..linux.syscall import closing
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..discover.vantage import Vantage
    from ..linux.mountinfo import Mount
    from ..linux.mounttable import MountTable

OVERLAY = b"overlay"


class Selector(Record):
    """What is asked for: kind "mountpoint" (`path`), "mount-id" or "unique-id" (`number`), or "all"."""

    kind: str
    path: bytes = b""
    number: int = 0


EVERY_OVERLAY = Selector("all")


def at_mountpoint(path: bytes) -> Selector:
    """The topmost mount at a path below the process's root: raw bytes, symbolic links followed below that root."""
    return Selector("mountpoint", path)


def with_mount_id(number: int) -> Selector:
    """The mount that mountinfo gives this ID."""
    return Selector("mount-id", b"", number)


def with_unique_id(number: int) -> Selector:
    """The mount of this 64-bit ID, as statmount(2) and statx(2) tell it."""
    return Selector("unique-id", b"", number)


def select(vantage: Vantage, selector: Selector, unique_ids: dict[int, int]) -> dict[str, list[Mount]]:
    """The overlays meant, device to mounts: the mount asked for first, the others by ID.

    `unique_ids`, mount ID to 64-bit ID, serves a selector of that kind.
    Raises Refusal: no-such-mount, not-an-overlay, no-overlay.
    """
    table = vantage.here.table
    if selector.kind == "all":
        return _all(table, vantage)
    if selector.kind == "mountpoint":
        subject = text(selector.path)
        mount = _at(vantage, selector.path)
    else:
        subject = f"{'unique:' if selector.kind == 'unique-id' else ''}{selector.number}"
        mount = table.by_mount_id(selector.number)
        if selector.kind == "unique-id":
            mount = next((one for one in table.entries if unique_ids.get(one.mount_id) == selector.number), None)
    if mount is None:
        lacks = "nothing mounted at" if selector.kind == "mountpoint" else "no mount"
        raise Refusal("no-such-mount", f"{vantage.subject} has {lacks} {subject}", subject)
    if mount.fs_type != OVERLAY:
        kind = text(mount.fs_type)
        raise Refusal("not-an-overlay", f"the mount {subject} is of type {kind}, not an overlay", subject)
    others = [one for one in table.by_device(mount.device) if one is not mount]
    return {mount.device: [mount, *sorted(others, key=_mount_id)]}


def _all(table: MountTable, vantage: Vantage) -> dict[str, list[Mount]]:
    found: dict[str, list[Mount]] = {}
    for mount in table.entries:
        if mount.fs_type == OVERLAY:
            found.setdefault(mount.device, []).append(mount)
    if not found:
        raise Refusal("no-overlay", f"the mount namespace of {vantage.subject} holds no overlay", vantage.subject)
    for mounts in found.values():
        if len(mounts) > 1:
            mounts.sort(key=_mount_id)
    return dict(sorted(found.items(), key=lambda one: one[1][0].mount_id))


def _mount_id(mount: Mount) -> int:
    return mount.mount_id


def _at(vantage: Vantage, path: bytes) -> Mount | None:
    """The topmost mount at a path; by the table where that tells, else by following the path."""
    if not path or b"\0" in path:
        return None
    table = vantage.here.table
    parts = path.split(b"/")
    if b".." not in parts:
        plain = b"/" + b"/".join([part for part in parts if part not in (b"", b".")])
        mount = table.topmost(plain)
        if mount is not None:
            return mount
    try:
        flags = os.O_PATH | os.O_CLOEXEC
        rules = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
        with closing(openat2(vantage.here.root, path, flags, resolve=rules)) as fd:
            if not stat_of_fd(fd).mount_root:
                return None
            return table.by_mount_id(mount_id_of_fd(fd))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as failure:
        raise vantage.refusal(failure) from None
