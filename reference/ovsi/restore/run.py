"""The order of a restore: a plan, its preparation, in which all that can fail does, and the commit."""

from __future__ import annotations

import os

from .. import signals
from ..errors import Refusal, from_oserror
from ..linux.files import read_file
from ..plan.make import make_plan
from ..plan.records import Host
from . import own
from .child import reap
from .commit import Commit
from .prepare import Restore
from .result import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.model import Image
    from ..plan.records import Plan, Request
    from .result import Setup

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
            if plan.pid is None:
                return _here(plan, forced)
            from .beside import restore_beside

            return restore_beside(plan.pid, plan, forced)
    except OSError as failure:
        raise from_oserror(failure) from failure
    finally:
        reap()


def _here(plan: Plan, forced: Setup | None) -> Result:
    """Restore in the caller's own mount namespace."""
    work = Restore(plan, forced)
    try:
        work.prepare()
        commit = Commit(plan, work.ready(), work.targets)
        signals.hold()
        return Result(tuple(commit.run()), tuple(work.finder.accepted), work.notes())
    finally:
        work.close()


def _forced() -> Setup | None:
    word = os.environ.get(FORCED)
    if word not in (None, "descriptor", "append", "page"):
        raise Refusal("unsupported-kernel", f"{FORCED}={word}: not descriptor, append or page", FORCED)
    return word  # type: ignore[return-value]  # one of the words
