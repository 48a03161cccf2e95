"""A file system context of an overlay: every option and flag set one by one, nothing left to the host's defaults."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal, text
from ..linux.files import read_file
from ..linux.mountapi import create, fsopen, read_log, set_flag, set_string
from ..linux.syscall import closing
from ..plan.records import Option
from . import own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..plan.records import OverlayPlan

KEYS = {"upper": b"upperdir", "lower": b"lowerdir+", "data": b"datadir+", "work": b"workdir"}

_SAME_MEANING = {("volatile", None): ("fsync", b"volatile"), ("fsync", b"volatile"): ("volatile", None)}
_INITIAL_USER_NAMESPACE = 0xEFFF_FFFD  # PROC_USER_INIT_INO, include/linux/proc_ns.h


def in_initial_user_namespace() -> bool:
    """Whether the caller is in the kernel's first user namespace."""
    return own.user_namespace() == _INITIAL_USER_NAMESPACE


def open_context(overlay: OverlayPlan) -> int:
    """A context with everything set but the layers. Raises Refusal: unsupported-kernel, unsupported-option."""
    fs = open_overlay_context()
    try:
        set_string(fs, b"source", source_of(overlay))
        for flag in overlay.superblock_flags:
            _set(fs, flag, None, overlay)
        for option in given_options(overlay):
            _set_known(fs, option, overlay)
    except BaseException:
        os.close(fs)
        raise
    return fs


def source_of(overlay: OverlayPlan) -> bytes:
    """The mount source to show: the image's, `overlay` where it has none that the kernel takes."""
    sources = [mount.source for mount in overlay.mounts if mount.source and len(mount.source) < 256]
    return sources[0] if sources else b"overlay"


def open_overlay_context() -> int:
    """A bare context. Raises Refusal: unsupported-kernel where there is no overlayfs."""
    try:
        return fsopen(b"overlay")
    except OSError as failure:
        if failure.errno == errno.ENODEV:
            raise Refusal("unsupported-kernel", "this kernel has no overlayfs", "overlay") from None
        raise


def given_options(overlay: OverlayPlan) -> Iterator[Option]:
    """The options to give here: all, but for one that a user namespace may not give though it has its effect."""
    lower_only = all(source.role != "upper" for source in overlay.sources)
    restricted = lower_only and not in_initial_user_namespace()
    for option in overlay.options + overlay.security_options:
        if restricted and option.name == "redirect_dir" and option.value != b"nofollow":
            continue  # EPERM if given; without an upper nothing but lookups depends on it, and the default follows
        yield option


def _set_known(fs: int, option: Option, overlay: OverlayPlan) -> None:
    try:
        _set(fs, option.name, option.value, overlay)
    except Refusal:
        other = _SAME_MEANING.get((option.name, option.value))
        if other is not None:
            _set(fs, *other, overlay)
        elif option.needed:
            raise


def _set(fs: int, name: str, value: bytes | None, overlay: OverlayPlan) -> None:
    try:
        if value is None:
            set_flag(fs, name.encode())
        else:
            set_string(fs, name.encode(), value)
    except OSError as failure:
        said = "; ".join(line.decode(errors="replace") for line in read_log(fs)) or str(failure)
        shown = name if value is None else f"{name}={value.decode(errors='replace')}"
        raise Refusal(
            "unsupported-option", f"overlay {overlay.id}: this kernel refuses {shown}: {said}", name
        ) from None


def only_collects() -> bool:
    """Whether a context of this kernel takes any key and looks later (before Linux 6.5): that it does says nothing."""
    with closing(open_overlay_context()) as fs:
        try:
            set_string(fs, b"no option is called this", b"")
        except OSError as failure:
            if failure.errno != errno.EINVAL:
                raise
            return False
    return True


def check_options(overlay: OverlayPlan) -> None:
    """Raises Refusal as `open_context`, also where a context does not tell; nothing is created."""
    if only_collects():
        tuple(told_options(overlay))
    else:
        os.close(open_context(overlay))


def told_options(overlay: OverlayPlan) -> Iterator[Option]:
    """The options to give where all are given at once: each was tried alone.

    Raises Refusal: unsupported-option, and unsupported-kernel where the kernel has no data-only layers (Linux 6.5).
    """
    if any(source.role == "data" for source in overlay.sources) and only_collects():  # the two came together
        message = f"overlay {overlay.id} has data-only layers, which this kernel lacks"
        raise Refusal("unsupported-kernel", message, overlay.id)
    given = tuple(given_options(overlay))
    if is_known(*given):  # mostly; each failed creation of a superblock takes a millisecond
        yield from given
        return
    for option in given:
        other = _SAME_MEANING.get((option.name, option.value))
        if is_known(option):
            yield option
        elif other is not None and is_known(alternative := Option(*other, needed=True)):
            yield alternative
        elif option.needed:
            shown = option.name if option.value is None else f"{option.name}={text(option.value)}"
            raise Refusal("unsupported-option", f"overlay {overlay.id}: this kernel refuses {shown}", option.name)


def is_known(*options: Option) -> bool:
    """Whether this kernel takes options together: by the keys, or where it only collects them by a creation that fails.

    There lowers lack: EINVAL is for an option, ENOENT for a lower (of which these kernels want two before they look). A
    label with a comma is more than such a kernel can be asked for: then True.
    """
    with closing(open_overlay_context()) as fs:
        try:
            for option in options:
                if option.value is None:
                    set_flag(fs, option.name.encode())
                else:
                    set_string(fs, option.name.encode(), option.value)
            if not only_collects():
                return True
            set_string(fs, b"lowerdir", b"/proc/self/no such layer:/proc/self/no such layer")
            create(fs)
        except OSError as failure:
            label = any(one.name.endswith("context") and b"," in (one.value or b"") for one in options)
            return failure.errno != errno.EINVAL or (len(options) == 1 and label and only_collects())
    return True


def module_default(name: str) -> bytes | None:
    """What an option has that is not shown; None where this kernel does not say."""
    if name == "redirect_dir":
        if _parameter("redirect_dir") == b"on":
            return b"on"
        return b"follow" if _parameter("redirect_always_follow") != b"off" else b"nofollow"
    if name == "xino":
        return b"auto" if _parameter("xino_auto") == b"on" else b"off"
    fixed = {"uuid": b"auto", "verity": b"off", "fsync": b"auto"}
    return fixed.get(name) or _parameter(name)


_parameters: dict[str, bytes | None] = {}


def load_module_defaults() -> None:
    """Read what `module_default` may be asked for, before this process goes where another /sys may be."""
    for name in ("redirect_dir", "redirect_always_follow", "xino_auto", "index", "nfs_export", "metacopy"):
        _parameter(name)


def _parameter(name: str) -> bytes | None:
    if name not in _parameters:
        try:
            raw = read_file(b"/sys/module/overlay/parameters/" + name.encode()).strip()
        except OSError:
            raw = b""
        _parameters[name] = {b"Y": b"on", b"N": b"off"}.get(raw, raw or None)
    return _parameters[name]
