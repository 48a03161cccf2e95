"""The three ways to give layers to the kernel: descriptors, one name a call, one page of names.

`descriptor` (FSCONFIG_SET_FD, about Linux 6.13) needs nothing else. The others take names, and the one name that no one
can put another directory under is a descriptor's number in /proc/self/fd. mount(2) makes the overlay visible where it
is called, so `page` is done in a private mount namespace; the kernel wants the layers in the same one, so they are
copied there. `append` needs that only for trees that are detached.
"""

from __future__ import annotations

import errno
import os

from ..errors import Refusal
from ..linux.mountapi import create, fsmount, mount, set_fd, set_string
from ..linux.syscall import closing
from . import own
from .child import in_child
from .context import KEYS, given_options, open_context, open_overlay_context, source_of
from .names import may_return, set_true_names
from .pair import replace
from .reach import open_below
from .workshop import attach, bring_out, enter_private_namespace, new_tmpfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plan.records import Option, OverlayPlan
    from .child import Outcome
    from .find import Opened
    from .result import Setup

_MS_FLAGS = {"rw": 0, "ro": 1, "sync": 16, "mand": 64, "dirsync": 128, "lazytime": 1 << 25}


def ability(opened: Sequence[Opened]) -> Setup:
    """The best way that this kernel has, tried on a layer of the stack; nothing is created."""
    layer = next(source for source in opened if source.plan.role == "lower")
    with closing(open_overlay_context()) as fs:
        try:
            set_fd(fs, b"lowerdir+", layer.fd)
        except OSError as failure:
            if failure.errno not in (errno.EINVAL, errno.EBADF):
                raise
        else:
            return "descriptor"
    with closing(open_overlay_context()) as fs:
        try:
            set_string(fs, b"lowerdir+", b"/")
        except OSError as failure:
            if failure.errno != errno.EINVAL:
                raise
            return "page"
    return "append"


def build(overlay: OverlayPlan, opened: Sequence[Opened], setup: Setup) -> tuple[list[bytes], list[int]]:
    """The finished overlay: its options as the kernel shows them, a detached mount a plan's mount, and one of its root.

    This creates the superblock, which writes to upper and work. Raises OSError of the call that failed, Refusal.
    """

    def work() -> Outcome:
        made = _Workshop(overlay, opened)
        if setup == "page":
            return bring_out(overlay, made.by_page())
        return bring_out(overlay, made.by_descriptor() if setup == "descriptor" else made.by_append())

    options, mounts = in_child(work)
    assert isinstance(options, list)
    return options, mounts


class _Workshop:
    """What the child does: each way ends with the new overlay attached in its private mount namespace."""

    def __init__(self, overlay: OverlayPlan, opened: Sequence[Opened]) -> None:
        self.overlay = overlay
        self.opened = opened

    def by_descriptor(self) -> int:
        fs = open_context(self.overlay)
        for source in self.opened:
            set_fd(fs, KEYS[source.plan.role], source.fd)
        return self._finish(fs)

    def by_append(self) -> int:
        detached = any(source.tree is not None for source in self.opened)
        if detached:
            self._attach_trees()
        fs = open_context(self.overlay)
        if detached or not may_return():
            own.stand_among_descriptors()
            for source in self.opened:
                set_string(fs, KEYS[source.plan.role], b"%d" % source.fd)
        else:
            set_true_names(fs, self.opened)
        return self._finish(fs, private=detached)

    def _finish(self, fs: int, private: bool = False) -> int:
        create(fs)
        made = fsmount(fs)
        if not private:
            enter_private_namespace()
        attach(made)
        return made

    def by_page(self) -> int:
        top = self._attach_trees()
        own.stand_among_descriptors()
        os.mkdir(b"overlay", dir_fd=top)
        with closing(os.open(b"overlay", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)) as target:
            mount(source_of(self.overlay), b"%d" % target, b"overlay", _flags(self.overlay), self._page())
        return os.open(b"overlay", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)

    def _page(self) -> bytes:
        layers = b":".join(self._names("lower")) + b"".join(b"::" + name for name in self._names("data"))
        words = [b"lowerdir=" + layers]
        for role, key in (("upper", b"upperdir="), ("work", b"workdir=")):
            words += [key + name for name in self._names(role)]
        return b",".join(words + [_word(option) for option in given_options(self.overlay)])

    def _names(self, role: str) -> list[bytes]:
        """What the sources of a role are called, as long as the working directory is /proc/self/fd."""
        return [b"%d" % source.fd for source in self.opened if source.plan.role == role]

    def _attach_trees(self) -> int:
        """Have every source in a tree that is attached in the private namespace, on a tmpfs; return that."""
        for source in self.opened:
            if source.tree is None:
                tree = source.anchor.clone
                replace(source, open_below(tree, source.path), tree)
        trees = dict.fromkeys(source.tree for source in self.opened if source.tree is not None)
        enter_private_namespace()
        top = new_tmpfs()
        attach(top)
        for tree in trees:
            name = b"%d" % tree
            os.mkdir(name, dir_fd=top)
            attach(tree, top, name)
        return top


def _word(option: Option) -> bytes:
    if option.value is None:
        return option.name.encode()
    value = b'"%s"' % option.value if b"," in option.value else option.value
    return option.name.encode() + b"=" + value


def _flags(overlay: OverlayPlan) -> int:
    flags = 0
    for flag in overlay.superblock_flags:
        if flag not in _MS_FLAGS:
            raise Refusal("unsupported-option", f"overlay {overlay.id}: mount(2) has no flag for {flag}", flag)
        flags |= _MS_FLAGS[flag]
    return flags
