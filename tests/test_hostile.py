"""The short form of `make hostile`: a restore killed at every call, and failed at every call, of building the stack.

All of it happens in user namespaces: an ordinary user tries the same as root.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest

from .hostile import errnos
from .hostile.__main__ import finding, parse_point, summary
from .hostile.case import Outcome, Setting
from .hostile.names import NAMES
from .hostile.runner import Tally, Worker, sweep, text_of
from .hostile.system import why_no_user_namespace
from .hostile.tracer import FAIL, KILL, Fault

BUILDING = (
    "fsopen",
    "fsconfig",
    "fsmount",
    "move_mount",
    "mount_setattr",
    "open_tree",
    "unshare",
    "clone",
    "linkat",
    "rename",
)
"""The calls that fail here with every errno of the table; `make hostile` takes all calls."""

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64") or bool(why_no_user_namespace()),
    reason=why_no_user_namespace() or f"the tracer does not know {platform.machine()}",
)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    process = Worker(initial=False)
    yield process
    process.close()


@pytest.mark.parametrize(
    ("defect", "call", "point", "left"),
    [
        ("early", "mount_setattr", "KILL", "attributes are"),
        ("temporary", "mount_setattr", "KILL", "a mount is left: overlay at"),
        ("temporary", "mount_setattr", "EINVAL", "a mount is left: overlay at"),
        ("file", "fsopen", "KILL", "a file is left"),
        ("orphan", "fsopen", "ENOMEM", "a process is left"),
        ("liar", "fsmount", "ENOMEM", "exit 0 with 0 mounts"),
        ("crash", "fsopen", "ENODEV", "a traceback"),
        ("crash", "fsopen", "ENODEV", "the last line on stderr is no JSON"),
        ("undo", "linkat", "ENOSPC", "exit 1 with 1 mounts"),
        ("result", "write", "ENOSPC", "the result file is no JSON"),
    ],
)
def test_the_judge_sees_the_defect(worker: Worker, defect: str, call: str, point: str, left: str) -> None:
    right, wrong = Setting("example", "propagation"), Setting(f"example:{defect}", "propagation")
    assert worker.ask(right, _at(worker.ask(right, None), call, point)).faults == []
    outcome = worker.ask(wrong, _at(worker.ask(wrong, None), call, point))
    assert any(left in fault for fault in outcome.faults), outcome


def test_a_restorer_without_defects_leaves_nothing_wherever_it_is_killed() -> None:
    tally = sweep(Setting("example", "simple"), (KILL,))
    _assert_clean(tally)
    assert tally.points[KILL] == tally.calls


def test_an_executed_program_is_stopped_from_its_own_first_call_on(worker: Worker) -> None:
    setting = Setting("example", "simple", warm=False)
    calls = worker.ask(setting, None).calls
    assert "execve" not in [name for _, name, _ in calls]
    outcome = worker.ask(setting, _at(worker.ask(setting, None), "fsmount", "KILL"))
    assert (outcome.struck or "").startswith("fsmount(")
    assert outcome.faults == []


def test_a_restore_leaves_no_trace_wherever_it_is_killed_or_fails() -> None:
    """`make hostile` is the whole of it."""
    tally = sweep(Setting("ovsi", "simple"), (KILL, FAIL), choose=_while_building)
    _assert_clean(tally)
    assert tally.commits == 1
    assert tally.points[FAIL]


def test_the_table_of_errnos_names_calls_that_exist() -> None:
    both = set(NAMES.values()) | {"open", "stat", "lstat", "access", "fork", "vfork", "pipe", "poll", "dup2"}
    assert set(errnos.ERRNOS) <= both
    assert not set(errnos.ERRNOS) & errnos.NEVER_FAIL


@pytest.mark.parametrize("text", ["0.close#0:KILL", "0.fsconfig#17:ENOMEM", "2.pread64#0:KILL-MAIN"])
def test_a_point_is_replayed_by_what_is_printed(text: str) -> None:
    assert text_of(parse_point(text)) == text


def _at(baseline: Outcome, call: str, point: str) -> Fault:
    """The last call of that name in a run without a fault."""
    task, name, nth = [made for made in baseline.calls if made[1] == call][-1]
    return parse_point(f"{task}.{name}#{nth}:{point}")


def _while_building(fault: Fault, baseline: Outcome) -> bool:
    """Kills from the first call of the mount API on; errnos at the calls that build, and at all from the commit on."""
    place = baseline.calls.index((fault.task, fault.name, fault.nth))
    if fault.kind == FAIL:
        return fault.name in BUILDING or place > baseline.calls.index(baseline.commits[0])
    return fault.task > 0 or place >= [name for _, name, _ in baseline.calls].index("fsopen")


def _assert_clean(tally: Tally) -> None:
    print(summary(tally))
    assert tally.points[KILL]
    assert tally.clean, "\n".join([summary(tally), *(finding(tally.setting, *left) for left in tally.left)])
