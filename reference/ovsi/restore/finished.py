"""The finished stack compared with the plan while no one can see it: what the kernel itself says of the new superblock.

Without reading kernel memory that is: number and roles of the layers and their names, every option's effective value,
whether it can be written, and which directory is its root. That each layer is the checked directory follows from how it
was given: by its descriptor, or by a name that no one else can reach. Nothing below the root is looked up, for that
could write.
"""

from __future__ import annotations

import errno

from ..errors import Refusal
from ..linux.files import fstatfs
from ..linux.handles import AT_HANDLE_FID, handle_of_fd
from .context import given_options, module_default

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plan.records import Option, OverlayPlan
    from .result import Setup
    from .search import Opened

_OVERLAY_MAGIC = 0x794C7630
_ST_RDONLY = 1
_KERNEL_IDENTIFIER = 248  # OVL_FILEID_V1, fs/overlayfs/overlayfs.h
_HEADER = 20 + 4  # three bytes of padding, struct ovl_fb up to its uuid, the uuid: then the real handle
_LAYER_OPTIONS = ("lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir")


def check(overlay: OverlayPlan, opened: Sequence[Opened], shown: Sequence[bytes], mount: int, setup: Setup) -> None:
    """Raises Refusal stack-differs, unsupported-option where the kernel's word differs from the plan."""
    pairs = [(name.decode(errors="replace"), value) for name, _equals, value in (o.partition(b"=") for o in shown)]
    _check_layers(overlay, opened, pairs, setup)
    for option in given_options(overlay):
        _check_option(overlay, option, pairs)
    status = fstatfs(mount)
    if status.type != _OVERLAY_MAGIC:
        raise _differs(overlay, "it is no overlay")
    writable = any(source.plan.role == "upper" for source in opened) and "ro" not in overlay.superblock_flags
    if writable and status.flags & _ST_RDONLY:
        raise _differs(overlay, "the kernel made it read-only; its log says why")
    _check_root(overlay, opened, mount)


def _differs(overlay: OverlayPlan, what: str) -> Refusal:
    return Refusal("stack-differs", f"overlay {overlay.id}: {what}", overlay.id)


def _check_layers(
    overlay: OverlayPlan, opened: Sequence[Opened], pairs: Sequence[tuple[str, bytes]], setup: Setup
) -> None:
    def count(role: str) -> int:
        return sum(source.plan.role == role for source in opened)

    lowers, data = count("lower"), count("data")
    names = [name for name, _value in pairs]
    if setup == "page":
        head, *rest = next((value for name, value in pairs if name == "lowerdir"), b"").split(b"::")
        found = (len(head.split(b":")), len(rest))
    else:
        found = (names.count("lowerdir+"), names.count("datadir+"))
    if found != (lowers, data):
        raise _differs(overlay, f"it has {found[0]} lower and {found[1]} data-only layers, not {lowers} and {data}")
    for name, role in (("upperdir", "upper"), ("workdir", "work")):
        if names.count(name) != count(role):
            raise _differs(overlay, f"{name} is there {names.count(name)} times, not {count(role)}")


def _check_option(overlay: OverlayPlan, option: Option, pairs: Sequence[tuple[str, bytes]]) -> None:
    shown = next((value for name, value in pairs if name == option.name), None)
    if option.value is None:
        if shown is None and option.name in ("default_permissions", "userxattr"):
            raise _differs(overlay, f"{option.name} has no effect")
        return
    effective = shown if shown is not None else module_default(option.name)
    if option.name in ("uuid", "xino") or effective is None:
        return  # `xino` is not shown where it does not matter, `uuid` says auto, null or on for one and the same
    if effective != option.value:
        value = option.value.decode(errors="replace")
        message = f"overlay {overlay.id}: {option.name}={value} became {effective.decode(errors='replace')} here"
        raise Refusal("stack-differs", message, option.name)


def _check_root(overlay: OverlayPlan, opened: Sequence[Opened], mount: int) -> None:
    """The file identifier of the root names the upper's root, the top lower's where there is none (FACTS)."""
    top = opened[0]
    try:
        outer, inner = handle_of_fd(mount, AT_HANDLE_FID), handle_of_fd(top.fd, AT_HANDLE_FID)
    except OSError as failure:
        if failure.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EOVERFLOW):
            return
        raise
    if outer.type != _KERNEL_IDENTIFIER or (overlay.mounts and overlay.mounts[0].root != b"/"):
        return
    if not outer.data[_HEADER:].startswith(inner.data):
        raise _differs(overlay, f"its root is not {top.plan.name}")
