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
from ..linux.mountapi import MNT_DETACH, create, fsmount, mount, set_fd, set_fds, set_string, umount2
from ..linux.syscall import closing
from ..plan.options import SUPERBLOCK_FLAGS
from . import own
from .child import in_child
from .context import (
    KEYS,
    in_initial_user_namespace,
    only_collects,
    open_context,
    open_overlay_context,
    source_of,
    told_options,
)
from .names import may_return, set_numbers, set_true_names, true_names
from .pair import reopen
from .probe import NO_DESCRIPTOR
from .workshop import attach, bring_out, detached_copy, enter_private_namespace, new_tmpfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..plan.records import Option, OverlayPlan
    from .child import Outcome
    from .names import Name
    from .result import Setup
    from .search import Opened
    from .volatile import Leftovers


_MODULE = b"/sys/module/overlay"


def ability(opened: Sequence[Opened]) -> Setup:
    """The best way that this kernel has, tried on a layer of the stack; nothing is created."""
    layer = next(source for source in opened if source.plan.role == "lower")
    with closing(open_overlay_context()) as fs:
        try:
            set_fd(fs, b"lowerdir+", layer.fd)
        except OSError as failure:
            if failure.errno not in NO_DESCRIPTOR:
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
    return "page" if only_collects() else "append"


def uses_copies(forced: Setup | None) -> bool:
    """Whether it is known before a layer is opened that it will be used in a copy of its mount's tree.

    Not below another user namespace, where a mount may be locked in the tree (`refuse_if_locked`).
    """
    if not in_initial_user_namespace():
        return False
    if forced is not None:
        return forced == "page"
    try:
        os.stat(_MODULE)  # none is to be loaded for a restore that may be refused
        return only_collects()
    except (OSError, Refusal):
        return False


def build(
    overlay: OverlayPlan, opened: Sequence[Opened], setup: Setup, mark: Leftovers | None, *, remounted: bool
) -> tuple[list[bytes], list[int]]:
    """The finished overlay: its options as the kernel shows them, and the descriptors that `bring_out` gives.

    This creates the superblock, which writes to upper and work; just before that the mark is removed. Raises OSError of
    the call that failed, Refusal.
    """
    context = None
    if setup == "descriptor" and not _only_in_a_workshop(opened):
        context = _with_layers(overlay, opened)  # here, for a child would first copy all the memory that it looks at
    names = None
    if setup == "append" and all(source.tree is None for source in opened):
        names = true_names(opened)  # here for the same reason

    workshop = _Workshop(overlay, opened, mark, context, names)

    def work() -> Outcome:
        try:
            workshop.by[setup]()
            return bring_out(overlay, workshop.made, workshop.spare, remounted=remounted)
        except BaseException:
            workshop.take_down()
            raise

    try:
        options, mounts = in_child(work, workshop.leave)
    finally:
        if context is not None:
            os.close(context)
    assert isinstance(options, list)
    return options, mounts


def _with_layers(overlay: OverlayPlan, opened: Sequence[Opened]) -> int:
    """A context with everything set."""
    fs = open_context(overlay)
    try:
        set_fds(fs, [(KEYS[source.plan.role], source.fd) for source in opened])
    except BaseException:
        os.close(fs)
        raise
    return fs


def _only_in_a_workshop(opened: Sequence[Opened]) -> bool:
    return any(source.anchor.workshop is not None for source in opened)


class _Workshop:
    """What the child does. Each way ends with the new overlay attached in its private mount namespace: `made`.

    `spare` is a detached copy of its root, None where the kernel makes none.
    """

    def __init__(
        self,
        overlay: OverlayPlan,
        opened: Sequence[Opened],
        mark: Leftovers | None,
        context: int | None,
        names: list[Name] | None,
    ) -> None:
        self.overlay = overlay
        self.opened = opened
        self.mark = mark
        self.context = context
        self.names = names
        self.made = -1
        self.spare: int | None = None
        self.private = False
        self.by = {"descriptor": self._by_descriptor, "append": self._by_append, "page": self._by_page}

    def _by_descriptor(self) -> None:
        if self.context is not None:
            self._finish(self.context)
            return
        self._attach_trees()
        self._finish(_with_layers(self.overlay, self.opened))

    def _by_append(self) -> None:
        if self.names is None:
            self._attach_trees()
        fs = open_context(self.overlay)
        if self.names is None or not may_return():
            set_numbers(fs, [(KEYS[source.plan.role], source.fd) for source in self.opened])
            self._finish(fs)
        else:
            self._finish(fs, set_true_names(fs, self.names))

    def _finish(self, fs: int, enter: Callable[[], None] = enter_private_namespace) -> None:
        self._remove_mark()
        create(fs)
        self.made = fsmount(fs)
        os.close(fs)
        if self.overlay.serves:
            self.spare = detached_copy(self.made)
        if not self.private:
            enter()
        attach(self.made)

    def _by_page(self) -> None:
        top = self._attach_trees()
        own.stand_among_descriptors()
        os.mkdir(b"overlay", dir_fd=top)
        page = self._page()
        with closing(os.open(b"overlay", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)) as target:
            self._remove_mark()
            mount(source_of(self.overlay), b"%d" % target, b"overlay", _flags(self.overlay), page)
        self.made = os.open(b"overlay", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=top)

    def take_down(self) -> None:
        """What goes with a namespace that ends goes some time later, and would be in use until then."""
        if self.made >= 0:
            try:
                own.stand_among_descriptors()
                umount2(b"%d" % self.made, MNT_DETACH)
            except OSError:
                pass  # it was not attached yet, or is no longer
            own.put_away((self.made,))
            self.made = -1

    def leave(self) -> None:
        """`take_down` what was brought out, unless it serves as a layer here alone."""
        if not self.overlay.serves or self.spare is not None:
            self.take_down()

    def _remove_mark(self) -> None:
        if self.mark is not None:
            self.mark.remove()

    def _page(self) -> bytes:
        layers = b":".join(self._names("lower")) + b"".join(b"::" + name for name in self._names("data"))
        words = [b"lowerdir=" + layers]
        for role, key in (("upper", b"upperdir="), ("work", b"workdir=")):
            words += [key + name for name in self._names(role)]
        return b",".join(words + [_word(option) for option in told_options(self.overlay)])

    def _names(self, role: str) -> list[bytes]:
        """What the sources of a role are called, as long as the working directory is /proc/self/fd."""
        return [b"%d" % source.fd for source in self.opened if source.plan.role == role]

    def _attach_trees(self) -> int:
        """Have every source in a tree that is attached in the private namespace, on a tmpfs; return that."""
        own.allow_descriptors(2 * len(self.opened))  # a tree of its own for each, at the worst
        for source in self.opened:
            if source.tree is None:
                _into_a_tree(source)
        trees = dict.fromkeys(
            source.tree for source in self.opened if source.tree is not None and source.anchor.workshop is None
        )
        shops = [source.anchor.workshop for source in self.opened if source.anchor.workshop is not None]
        enter_private_namespace(shops[0] if shops else None)
        self.private = True
        top = new_tmpfs()
        attach(top)
        for tree in trees:
            name = b"%d" % tree
            os.mkdir(name, dir_fd=top)
            attach(tree, top, name)
        return top


def _into_a_tree(source: Opened) -> None:
    """Open it in a copy of its mount's tree; a layer that was moved since it was checked, in a copy of its own."""
    try:
        reopen(source, source.anchor.clone, source.path)
    except Refusal:
        if source.plan.role in ("upper", "work"):
            raise  # these two must be in one tree
        source.fd = source.tree = own.clone_tree(source.fd)


def _word(option: Option) -> bytes:
    """An option as mount(2) takes it, sure to stay one. Raises Refusal for one that it can't take."""
    name, value = option.name.encode(), option.value or b""
    if set(name) & set(b',="\\') or b'"' in value:
        raise Refusal("unsupported-option", f"mount(2) takes no option like {option.name}", option.name)
    if option.value is None:
        return name
    if b"," in value and name.endswith(b"context"):
        return name + b'="' + value + b'"'  # an LSM's, which come in quotes
    return name + b"=" + value.replace(b"\\", b"\\\\").replace(b",", b"\\,")


def _flags(overlay: OverlayPlan) -> int:
    return sum(SUPERBLOCK_FLAGS[flag] for flag in set(overlay.superblock_flags))
