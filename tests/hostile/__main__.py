"""`python -m tests.hostile`: kill a restore at every system call, and fail every call with every errno of the table.

A point is a call: `--only 0.fsconfig#7:ENOMEM` is the eighth fsconfig of the first process, `--only 1.unshare#0:KILL`
kills the second process at its first unshare, `:KILL-MAIN` the first process at that moment. Each point that leaves a
trace is printed with the line that replays it, at the end a table of all. Exit: 0 none left a trace, 1 some did, 2 the
run could not be made.
"""

from __future__ import annotations

import argparse
import os
import re
import sys

from . import errnos
from .case import Outcome, Setting
from .runner import BrokenRunError, Tally, Worker, sweep, text_of
from .scenario import SCENARIOS
from .tracer import FAIL, KILL, KILL_MAIN, Fault

_POINT = re.compile(r"(?:(\d+)\.)?([a-z_0-9]+)(?:#(\d+))?(?::([A-Z0-9-]+))?")
SETUPS = ("descriptor", "append", "page")


def main() -> int:
    """The whole run that the arguments ask for."""
    arguments = _arguments()
    kinds = [kind for kind in (KILL, FAIL) if getattr(arguments, kind)] or [KILL, FAIL]
    code, tallies = 0, []
    for name, setup in _settings(arguments):
        setting = Setting(arguments.program, name, None if setup == "auto" else setup, not arguments.exec)
        try:
            if arguments.only:
                clean = _only(setting, arguments)
            else:
                tallies.append(_sweep(setting, kinds, arguments))
                clean = tallies[-1].clean
        except BrokenRunError as reason:
            print(f"hostile: {name}/{setup}: {reason}", file=sys.stderr)
            code = 2
        else:
            code = code or int(not clean)
    if tallies:
        print("\n".join(table(tallies)))
    return code


def _settings(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """Scenario and way of layer setup: of the simple one all ways, of the others the one that this kernel prefers."""
    usual = {name: SETUPS if name == "simple" else ("auto",) for name in SCENARIOS}
    return [(name, setup) for name in arguments.scenario or SCENARIOS for setup in arguments.setup or usual[name]]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kill", action="store_true", help="SIGKILL at every call (default: both)")
    parser.add_argument("--fail", action="store_true", help="every errno of the table at every call")
    parser.add_argument("--only", metavar="N.CALL#N:ERRNO", help="one point, with all that is known of it")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="default: all")
    parser.add_argument(
        "--setup",
        action="append",
        choices=(*SETUPS, "auto"),
        help="way of layer setup; default: all three for `simple`, `auto` for the others",
    )
    parser.add_argument("--program", default="ovsi", help="`ovsi`, or `example[:DEFECT]` (tests/hostile/example.py)")
    parser.add_argument("--exec", action="store_true", help="start the real command each time, interpreter and all")
    parser.add_argument("--initial", action="store_true", help="as root in the initial user namespace")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="processes to split the work over")
    return parser.parse_args()


def _sweep(setting: Setting, kinds: list[str], arguments: argparse.Namespace) -> Tally:
    def told(_tally: Tally, fault: Fault, outcome: Outcome) -> None:
        print(finding(setting, fault, outcome, arguments.initial), flush=True)

    tally = sweep(setting, kinds, workers=arguments.workers, initial=arguments.initial, told=told)
    print(summary(tally), flush=True)
    return tally


def _only(setting: Setting, arguments: argparse.Namespace) -> bool:
    fault = parse_point(arguments.only)
    worker = Worker(arguments.initial)
    try:
        outcome = worker.ask(setting, fault)
    finally:
        worker.close()
    print(finding(setting, fault, outcome, arguments.initial))
    print(f"  stderr: {outcome.stderr.strip() or '(empty)'}")
    return not outcome.faults


def parse_point(text: str) -> Fault:
    """A point of `--only`. Raises BrokenRunError for what is none."""
    found = _POINT.fullmatch(text)
    if found is None:
        raise BrokenRunError(f"--only {text}: not of the form 0.openat#3:ENOMEM")
    task, name, nth, what = found.groups()
    kinds = {None: (KILL, 0), "KILL": (KILL, 0), "KILL-MAIN": (KILL_MAIN, 0)}
    try:
        kind, number = kinds[what] if what in kinds else (FAIL, errnos.number_of(what))
    except ValueError as wrong:
        raise BrokenRunError(f"--only {text}: {wrong}") from None
    return Fault(int(task or 0), name, int(nth or 0), kind, number)


def finding(setting: Setting, fault: Fault, outcome: Outcome, initial: bool = False) -> str:
    """A point, what was left there, and how to see it again."""
    words = ["python -m tests.hostile", "--scenario", setting.scenario, "--setup", setting.setup or "auto"]
    words += [] if setting.program == "ovsi" else ["--program", setting.program]
    words += [] if setting.warm else ["--exec"]
    words += ["--initial"] if initial else []
    lines = [f"{text_of(fault)}  {outcome.struck or '(not reached)'}  -> {outcome.ended}"]
    lines += [f"  left: {fault_text}" for fault_text in outcome.faults] or ["  left: nothing"]
    return "\n".join([*lines, f"  replay: {' '.join(words)} --only {text_of(fault)}"])


def summary(tally: Tally) -> str:
    """The figures of a run, in one line; the points that were not met (calls of the allocator come and go); waits."""
    setting = tally.setting
    killed, failed = tally.points[KILL] + tally.points[KILL_MAIN], tally.points[FAIL]
    tried = sum(tally.points.values())
    ended = ", ".join(f"{name}: {count}" for name, count in sorted(tally.ended.items()))
    line = (
        f"{setting.program} {setting.scenario}/{setting.setup or 'auto'}: "
        f"{tally.calls} calls of {tally.processes} processes, {tally.commits} commits; "
        f"points tried {tried} (killed {killed}, failed {failed}; {ended}); left a trace: {len(tally.left)}; "
        f"{tally.seconds:.1f} s, {1000 * tally.seconds / max(tried, 1):.0f} ms each"
    )
    waited = [f"  the next restore waited for another process: {text_of(fault)}" for fault in tally.waited]
    return "\n".join([line, *(f"  not met: {text_of(fault)}" for fault in tally.missed), *waited])


def table(tallies: list[Tally]) -> list[str]:
    """All runs: points tried and points that left a trace, a line each, and their sum."""
    columns = [[*_figures(tally)] for tally in tallies]
    rows = [
        (f"{tally.setting.scenario}/{tally.setting.setup or 'auto'}", of)
        for tally, of in zip(tallies, columns, strict=True)
    ]
    lines = [f"{'scenario':<24} {'calls':>6} {'killed':>7} {'failed':>7} {'left a trace':>13} {'seconds':>8}"]
    for name, (calls, killed, failed, left, seconds) in (*rows, ("all", [*map(sum, zip(*columns, strict=True))])):
        lines.append(f"{name:<24} {calls:>6} {killed:>7} {failed:>7} {left:>13} {seconds:>8}")
    return lines


def _figures(tally: Tally) -> tuple[int, int, int, int, int]:
    killed = tally.points[KILL] + tally.points[KILL_MAIN]
    return tally.calls, killed, tally.points[FAIL], len(tally.left), round(tally.seconds)


if __name__ == "__main__":
    sys.exit(main())
