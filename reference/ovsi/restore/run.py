"""The order of a restore (DESIGN, How a stack is built again): nothing is seen until all that can fail has passed."""

from __future__ import annotations

import errno
import os
import resource

from .. import signals
from ..errors import Refusal, from_oserror
from ..linux.files import read_file
from ..linux.namespaces import namespace_inode
from ..linux.syscall import closing
from ..plan.make import make_plan
from ..plan.records import Host
from . import own
from .attributes import attribute_bits, set_before
from .child import in_child
from .commit import Commit, Ready, plain
from .find import Finder, close_all
from .finished import check
from .look import Superblock
from .mounter import check_mounter, mounter_differs
from .probe import (
    put_volatile_mark_back,
    refuse_if_in_use,
    refuse_if_locked,
    refuse_if_stale,
    remove_volatile_mark,
    volatile_leftovers,
)
from .reach import Anchor, Namespace
from .result import Accepted, Done, Result
from .setups import ability, build
from .target import open_target, parent_is_shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..image.model import Image
    from ..plan.records import MountPlan, OverlayPlan, Plan, Request
    from .child import Outcome
    from .elsewhere import Elsewhere
    from .result import Setup
    from .search import Opened

FORCED = "OVSI_SETUP"
"""An environment variable for tests and benchmarks: the way of layer setup to use, whatever this kernel prefers."""


def plan_for(image: Image, request: Request) -> Plan:
    """The plan of a restore on this machine, nothing done yet. Raises Refusal as `make_plan`."""
    return make_plan(image, request, Host(boot_id=read_file(b"/proc/sys/kernel/random/boot_id").strip().decode()))


def restore(image: Image, request: Request, *, setup: Setup | None = None) -> Result:
    """Build the mounts that the image describes (spec: The restorer).

    `setup` forces a way of layer setup, as the environment variable OVSI_SETUP does. Raises Refusal; then nothing is
    mounted, and nothing written but what the kernel writes to upper and work when it creates a superblock.
    """
    plan = plan_for(image, request)
    forced = setup or _forced()
    try:
        with own.Held():
            return _here(plan, forced) if plan.pid is None else _beside(plan.pid, plan, forced)
    except OSError as failure:
        raise from_oserror(failure) from failure


def _here(plan: Plan, forced: Setup | None) -> Result:
    """Restore in the caller's own mount namespace."""
    work = _Restore(plan, forced)
    try:
        work.prepare()
        commit = Commit(plan, work.ready(), work.targets)
        signals.hold()
        return Result(tuple(commit.run()), tuple(work.finder.accepted), work.notes())
    finally:
        work.close()


def _beside(pid: int, plan: Plan, forced: Setup | None) -> Result:
    """Restore in the mount namespace of a process, below its root.

    A child goes there, and into the process's user namespace as well where the image's mounter was in that and not in
    the caller's. It brings back the finished mounts and the targets; the commit is made by this process, which alone
    answers for it. Only where this process may not go there itself, the child commits.
    """
    from .elsewhere import Elsewhere

    home: Elsewhere | None = None
    there: Elsewhere | None = None
    try:
        with closing(own.process()) as me, closing(_process(pid)) as process:
            others = namespace_inode(process, "user") != own.user_namespace()
            with_user = others and any(mounter_differs(overlay, plan.same_boot) for overlay in plan.overlays)
            home, there = Elsewhere(me, with_directory=True), Elsewhere(process, with_user=with_user)
        if there.may_visit(home):
            return _prepared_by_child(plan, forced, home, there)
        return _done_by_child(plan, forced, home, there)
    except ProcessLookupError:
        raise Refusal("no-such-process", "the process of --pid ended", str(pid)) from None
    finally:
        for elsewhere in (home, there):
            if elsewhere is not None:
                elsewhere.close()


def _prepared_by_child(plan: Plan, forced: Setup | None, home: Elsewhere, there: Elsewhere) -> Result:
    def work() -> Outcome:
        own.keep_copy()
        there.enter()
        return _Restore(plan, forced, home).packed()

    answer, descriptors = in_child(work)
    targets: dict[bytes, int] = {}
    try:
        ready, targets, accepted, notes = _unpacked(answer, descriptors)
        commit = Commit(plan, ready, targets)
        signals.hold()
        return Result(_commit_there(commit, home, there), accepted, notes)
    finally:
        own.put_away({*descriptors, *targets.values()})


def _commit_there(commit: Commit, home: Elsewhere, there: Elsewhere) -> tuple[Done, ...]:
    """Commit in the other mount namespace, and come back; who can't come back leaves no mount either."""
    there.visit()
    try:
        done = tuple(commit.run())
    except BaseException:
        home.visit()
        raise
    try:
        home.visit()
    except OSError:
        there.visit()
        commit.take_back()
        home.visit()
        raise
    return done


def _unpacked(
    answer: Any, descriptors: list[int]
) -> tuple[list[Ready], dict[bytes, int], tuple[Accepted, ...], tuple[str, ...]]:
    """What `_Restore.packed` sent, with the descriptors under their numbers here."""
    ready, targets, accepted, notes = answer
    mounts = iter(descriptors)
    return (
        [Ready(overlay, number, setup, shared, next(mounts)) for overlay, number, setup, shared in ready],
        {target: next(mounts) for target in targets},
        tuple(Accepted(*entry) for entry in accepted),
        tuple(notes),
    )


def _done_by_child(plan: Plan, forced: Setup | None, home: Elsewhere, there: Elsewhere) -> Result:
    def work() -> Outcome:
        signals.release()
        own.keep_copy()
        there.enter()
        restore = _Restore(plan, forced, home)
        restore.prepare()
        done = Commit(plan, restore.ready(), restore.targets).run()
        return Result(tuple(done), tuple(restore.finder.accepted), restore.notes()).packed(), ()

    signals.hold()  # the child alone knows whether it has committed
    return Result.unpacked(in_child(work)[0])


def _process(pid: int) -> int:
    try:
        return own.process_of(pid)
    except FileNotFoundError:
        raise Refusal("no-such-process", "no process has the number of --pid", str(pid)) from None


def _forced() -> Setup | None:
    word = os.environ.get(FORCED)
    if word not in (None, "descriptor", "append", "page"):
        raise Refusal("unsupported-kernel", f"{FORCED}={word}: not descriptor, append or page", FORCED)
    return word  # type: ignore[return-value]  # one of the words


class _Built:
    """A finished overlay, still detached: a mount for each of its plan, and one of its root.

    workshop: the private mount namespace in which alone that root can be a layer; None where it can anywhere.
    """

    def __init__(self, plan: OverlayPlan, setup: Setup, descriptors: list[int]) -> None:
        count = len(plan.mounts)
        self.plan = plan
        self.setup: Setup = setup
        self.mounts = descriptors[:count]
        self.root = descriptors[count]
        self.workshop = descriptors[count + 1] if len(descriptors) > count + 1 else None
        self.descriptors = descriptors


class _Restore:
    """One restore under way, up to the commit, with every descriptor that must be closed at its end."""

    def __init__(self, plan: Plan, forced: Setup | None, home: Elsewhere | None = None) -> None:
        """`home` is where the caller was, if this process went elsewhere for the target."""
        self.plan = plan
        self.home = home
        self.forced = forced
        self.built: dict[str, _Built] = {}
        self.targets: dict[bytes, int] = {}
        self.shared: dict[bytes, bool] = {}

    def prepare(self) -> None:
        """Everything that can fail: then each overlay is finished, and detached."""
        _allow_many_descriptors()
        on_overlay = any(
            source.filesystem is not None and source.filesystem.type == "overlay"
            for overlay in self.plan.overlays
            for source in overlay.sources
        )
        self._open_targets()
        with Namespace(unique_ids=on_overlay) as namespace:
            self.shared = {path: parent_is_shared(fd, namespace.table) for path, fd in self.targets.items()}
            self.finder = Finder(self.plan, namespace, self._inner, self.home)
            for overlay in self.plan.overlays:
                if overlay.mounts:
                    self._build(overlay)

    def ready(self) -> list[Ready]:
        """The finished mounts, in the order of their commits."""
        return [
            Ready(built.plan.id, number, built.setup, self._is_shared(planned), fd)
            for built in self.built.values()
            for number, (fd, planned) in enumerate(zip(built.mounts, built.plan.mounts, strict=True))
        ]

    def _is_shared(self, planned: MountPlan) -> bool | None:
        """Whether the mount will be attached below a shared one; None: to be seen when that is there."""
        return self.shared.get(plain(planned.target))

    def notes(self) -> tuple[str, ...]:
        """What could not be as in the image, and what was done besides, for a person."""
        return (*(note for overlay in self.plan.overlays for note in overlay.notes), *self.finder.notes)

    def packed(self) -> Outcome:
        """`prepare`, and all that a commit needs, as plain data and descriptors."""
        self.prepare()
        ready = self.ready()
        accepted = [(one.what, one.subject, one.detail) for one in self.finder.accepted]
        data = [(one.overlay, one.number, one.setup, one.shared) for one in ready]
        descriptors = [one.mount for one in ready] + list(self.targets.values())
        return (data, list(self.targets), accepted, list(self.notes())), descriptors

    def _open_targets(self) -> None:
        """Those that exist before the restore; one below another's target is opened when that is there."""
        mounts = [mount for overlay in self.plan.overlays for mount in overlay.mounts]
        for mount in mounts:
            attribute_bits(mount.attributes)
        targets = [plain(mount.target) for mount in mounts]
        for target, mount in zip(targets, mounts, strict=True):
            if not any(target.startswith(other + b"/") for other in targets):
                if target in self.targets:
                    raise Refusal("target-busy", "two mounts of the image have one mount point", target)
                self.targets[target] = open_target(target, mount.within)

    def _inner(self, overlay_id: str) -> Anchor:
        """An overlay that another one has as a layer."""
        overlay = next(overlay for overlay in self.plan.overlays if overlay.id == overlay_id)
        built = self.built.get(overlay_id) or self._build(overlay)
        fd = own.clone_tree(built.root) if built.workshop is None else os.dup(built.root)
        return Anchor(fd, Superblock("overlay", "", None), None, built.workshop)

    def _build(self, overlay: OverlayPlan) -> _Built:
        if overlay.id in self.built:
            return self.built[overlay.id]
        finder = self.finder
        met = [check_mounter(overlay, self.plan.same_boot, self.plan.accept)]
        opened = finder.open_all(overlay)
        trees: list[int] = []
        try:
            if any(source.plan.idmap is not None for source in opened):
                from .idmapped import map_ids

                trees = map_ids(overlay, opened)
            refuse_if_stale(overlay, opened)
            refuse_if_locked(overlay, opened, finder.namespace)
            refuse_if_in_use(overlay, opened)
            leftovers = volatile_leftovers(overlay, opened, self.plan.accept)
            setup, shown, mounts = self._create(overlay, opened, leftovers is not None)
            built = self.built[overlay.id] = _Built(overlay, setup, mounts)
            for mount, planned in zip(built.mounts, overlay.mounts, strict=True):
                set_before(mount, planned, self._is_shared(planned))
            check(overlay, opened, shown, built.root, setup, at_home=self.home is None)
        finally:
            close_all(opened)
            for tree in trees:
                os.close(tree)
            finder.namespace.drop_clones()
        finder.accepted += [entry for entry in (*met, leftovers) if entry is not None]
        return built

    def _create(self, overlay: OverlayPlan, opened: list[Opened], marked: bool) -> tuple[Setup, list[bytes], list[int]]:
        setup = self.forced or ability(opened)
        if marked:
            remove_volatile_mark(opened)
        try:
            try:
                return setup, *build(overlay, opened, setup)
            except OSError as failure:
                detached = any(source.tree is not None for source in opened)
                if self.forced or setup != "descriptor" or failure.errno != errno.EINVAL or not detached:
                    raise
                return "append", *build(overlay, opened, "append")  # a kernel that takes no detached tree as a layer
        except OSError as failure:
            if marked:
                put_volatile_mark_back(opened)
            from .explain import explain

            raise explain(failure, overlay, opened) from failure

    def close(self) -> None:
        """Put away what a commit does not."""
        for built in self.built.values():
            own.put_away(built.descriptors)
        own.put_away(self.targets.values())


def _allow_many_descriptors() -> None:
    """A descriptor a source: as many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
