"""A restore in the mount namespace of another process, below its root."""

from __future__ import annotations

from .. import signals
from ..errors import Refusal
from ..linux.namespaces import namespace_inode
from ..linux.syscall import closing
from . import own
from .child import in_child
from .commit import Commit, Ready
from .elsewhere import Elsewhere
from .mounter import mounter_differs
from .prepare import Restore
from .result import Accepted, Done, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..plan.records import Plan
    from .child import Outcome
    from .result import Setup


def restore_beside(pid: int, plan: Plan, forced: Setup | None) -> Result:
    """Restore in the mount namespace of a process, below its root.

    A child goes there, and into the process's user namespace as well where the image's mounter was in that and not in
    the caller's. It brings back the finished mounts and the targets; the commit is made by this process, which alone
    answers for it. Only where this process may not go there itself, the child commits.
    """
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
        return Restore(plan, forced, home).packed()

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
    """What `Restore.packed` sent, with the descriptors under their numbers here."""
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
        restore = Restore(plan, forced, home)
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
