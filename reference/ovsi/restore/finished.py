"""The finished stack compared with the plan while no one can see it: what the kernel itself says of the new superblock.

Number and roles of the layers, every option's value in effect, whether it can be written, and which directory is its
root. That each layer is the checked directory follows from how it was given: by its descriptor, or by a name that no
one else can reach; of stacks that are not deep the kernel's own structures are compared too (`held_by_kernel`).
Nothing below the root is looked up, for that could write.
"""

from __future__ import annotations

import errno
import os

from ..errors import Refusal
from ..linux.files import fstatfs
from ..linux.handles import AT_HANDLE_FID, handle_of_fd
from .context import in_initial_user_namespace, is_known, module_default

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..plan.records import Option, OverlayPlan
    from .result import Setup
    from .search import Opened

MOST_SOURCES = 100
"""Up to as many sources the kernel's own structures are read: it takes some 15 ms, and of 500 layers 30."""

_OVERLAY_MAGIC = 0x794C7630
_ST_RDONLY = 1
_KERNEL_IDENTIFIER = 248  # OVL_FILEID_V1, fs/overlayfs/overlayfs.h
_HEADER = 20 + 4  # three bytes of padding, struct ovl_fb up to its uuid, the uuid: then the real handle
_LAYER_OPTIONS = ("lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir")


def check(
    overlay: OverlayPlan, opened: Sequence[Opened], shown: Sequence[bytes], mount: int, setup: Setup, *, at_home: bool
) -> None:
    """Raises Refusal stack-differs where the kernel's word differs from the plan.

    at_home: this process is where the caller was, and may load code and read /sys.
    """
    names = [option.partition(b"=")[0] for option in shown]
    values = {name: option[len(name) + 1 :] for name, option in zip(names, shown, strict=True)}
    _check_layers(overlay, opened, names, values.get(b"lowerdir", b""), setup)
    alike = len(_devices(opened)) == 1
    for option in overlay.options:
        if option.name != "xino" or not alike:  # it is neither shown nor matters where all layers are on one
            _check_option(overlay, option, values)
    status = fstatfs(mount)
    if status.type != _OVERLAY_MAGIC:
        raise _differs(overlay, "it is no overlay")
    writable = any(source.plan.role == "upper" for source in opened) and "ro" not in overlay.superblock_flags
    if writable and status.flags & _ST_RDONLY:
        raise _differs(overlay, "the kernel made it read-only; its log says why")
    _check_root(overlay, opened, mount)
    if at_home and len(opened) <= MOST_SOURCES and in_initial_user_namespace():
        from .held_by_kernel import compare

        difference = compare(opened, mount)
        if difference:
            raise _differs(overlay, difference)


def _differs(overlay: OverlayPlan, what: str) -> Refusal:
    return Refusal("stack-differs", f"overlay {overlay.id}: {what}", overlay.id)


def _check_layers(
    overlay: OverlayPlan, opened: Sequence[Opened], names: Sequence[bytes], page: bytes, setup: Setup
) -> None:
    """`names` of the options that are shown; `page`: the value of lowerdir."""
    roles = [source.plan.role for source in opened]
    lowers, data = roles.count("lower"), roles.count("data")
    if setup == "page":
        head, *rest = page.split(b"::")
        found = (len(head.split(b":")), len(rest))
    else:
        found = (names.count(b"lowerdir+"), names.count(b"datadir+"))
    if found != (lowers, data):
        raise _differs(overlay, f"it has {found[0]} lower and {found[1]} data-only layers, not {lowers} and {data}")
    for role in ("upper", "work"):
        there = names.count(role.encode() + b"dir")
        if there != roles.count(role):
            raise _differs(overlay, f"{role}dir is there {there} times, not {roles.count(role)}")


def _devices(opened: Sequence[Opened]) -> set[str]:
    """Those of the layers."""
    anchors = {source.anchor: source.fd for source in opened if source.plan.role != "work"}
    return {anchor.superblock.device or str(os.fstat(fd).st_dev) for anchor, fd in anchors.items()}


def _check_option(overlay: OverlayPlan, option: Option, values: Mapping[bytes, bytes]) -> None:
    shown = values.get(option.name.encode())
    if option.value is None:
        if shown is None and option.name in ("default_permissions", "userxattr"):
            raise _differs(overlay, f"{option.name} has no effect")
        return
    if (option.name, option.value) in (("uuid", b"auto"), ("fsync", b"volatile")):
        # `auto` is met by whatever becomes of it; `volatile` has two names, and the kernel shows the one that it has.
        return
    effective = shown if shown is not None else module_default(option.name)
    if effective in (None, option.value) or (option.name == "redirect_dir" and _is_off(option.value, effective)):
        return
    if shown is None and not option.needed and not is_known(option):
        return  # it was left out, and means what this kernel does anyway
    value, found = (word.decode(errors="replace") for word in (option.value, effective or b""))
    raise Refusal("stack-differs", f"overlay {overlay.id}: {option.name}={value} became {found} here", option.name)


def _is_off(wanted: bytes, effective: bytes | None) -> bool:
    """`off` means one of the two others, as the module is told (annex A.3)."""
    return wanted == b"off" and effective in (b"follow", b"nofollow")


def _check_root(overlay: OverlayPlan, opened: Sequence[Opened], mount: int) -> None:
    """The file identifier of the root names the upper's root, the top lower's where there is none (annex A.4)."""
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
