"""The suite's own options on pytest's command line, and what was asked for by them."""

import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..reporting.summary import ALWAYS
from . import known
from .known import Known
from .schemas import load
from .selection import Selection, Shard

GIVEN_BY_PYTEST = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
"""Options of pytest that narrow a run to a part of the tests."""
_LISTS = {
    "class": "this class",
    "profile": "this profile",
    "vantage": "this vantage, inside or outside",
    "requirement": "tests of this requirement, or of all whose ids begin so",
}


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "OVSI conformance")
    add = group.addoption
    add("--impl", metavar="CMD", help="the implementation: a command, split as a shell would, run without one")
    add("--peer", metavar="CMD", help="another implementation, for the class interchange")
    add("--impl-timeout", type=float, default=30.0, metavar="SECONDS", help="limit of one call (30)")
    add("--impl-setup", metavar="CMD", help="run once before everything, without a shell; a failure ends the run")
    add("--impl-teardown", metavar="CMD", help="run once when everything is over")
    for name, what in _LISTS.items():
        given = {"dest": f"ovsi_{name}", "action": "append", "metavar": name.upper()}
        add(f"--{name}", help=f"only {what}; repeatable", **given)
    add("--smoke", action="store_true", help="a handful of each class, in seconds, without privileges")
    add("--shard", metavar="I/N", help="the I-th of N parts, the same ones in every run")
    add("--known-failures", type=Path, metavar="FILE", help="tests that may fail; one that passes fails the run")
    add("--write-known-failures", type=Path, metavar="FILE", help="write what fails now as such a list")
    add("--keep-sandbox", action="store_true", help="stop at the first failure, keep its sandbox, say how to enter it")
    add("--report", type=Path, metavar="DIR", help="write the report: JSON, JUnit XML, a page, a badge")


_REGISTRIES = {"class": "classes", "profile": "profiles", "vantage": "vantages"}


@dataclass(frozen=True)
class Asked:
    """What a run was asked for; `part`: what narrows it to some of the tests of a claim."""

    impl: str
    peer: str
    timeout: float
    setup: str
    teardown: str
    selection: Selection
    part: tuple[str, ...]
    known: dict[str, Known]
    write_known: Path | None
    keep: bool
    report: Path | None


def asked(config: pytest.Config) -> Asked:
    """Read the options; raises pytest.UsageError where they make no sense."""
    option = config.option
    try:
        words = [shlex.split(getattr(option, name) or "") for name in ("impl", "peer", "impl_setup", "impl_teardown")]
        shard = Shard.parse(option.shard) if option.shard else None
        listed = known.read(option.known_failures) if option.known_failures else {}
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if not words[0] and not config.option.collectonly:
        raise pytest.UsageError("which implementation? --impl='<cmd>' is missing")
    if fault := _fault(option):
        raise pytest.UsageError(fault)
    if option.keep_sandbox and getattr(option, "numprocesses", None):
        raise pytest.UsageError("--keep-sandbox keeps this process too: leave -n out")
    selection = Selection(
        classes=tuple(option.ovsi_class or ()),
        profiles=tuple(option.ovsi_profile or ()),
        vantages=tuple(option.ovsi_vantage or ()),
        requirements=tuple(option.ovsi_requirement or ()),
        smoke=option.smoke,
        shard=shard,
    )
    return Asked(
        impl=option.impl or "",
        peer=option.peer or "",
        timeout=option.impl_timeout,
        setup=option.impl_setup or "",
        teardown=option.impl_teardown or "",
        selection=selection,
        part=(*selection.parts(), *_part_for_pytest(config)),
        known=listed,
        write_known=option.write_known_failures,
        keep=option.keep_sandbox,
        report=option.report,
    )


def _fault(option: Any) -> str:
    """What of the values can't be meant; nothing: all may be."""
    if not (math.isfinite(option.impl_timeout) and option.impl_timeout > 0):
        return f"--impl-timeout: {option.impl_timeout} is no number of seconds to wait"
    for name, table in _REGISTRIES.items():
        known = [entry["name"] for entry in load("registries")[table]] + [ALWAYS] * (name == "class")
        for word in getattr(option, f"ovsi_{name}") or ():
            if word not in known:
                return f"--{name} {word}: there is none of that name, but {', '.join(known)}"
    if option.write_known_failures and not option.write_known_failures.absolute().parent.is_dir():
        return f"--write-known-failures {option.write_known_failures}: there is no such directory"
    return ""


def _part_for_pytest(config: pytest.Config) -> list[str]:
    shown = {"keyword": "-k", "markexpr": "-m"}
    given = [(name, getattr(config.option, name, None)) for name in GIVEN_BY_PYTEST]
    found = [shown.get(name, f"--{name.replace('_', '-')}") for name, value in given if value]
    return found + ["named tests"] * any("::" in word or word.endswith(".py") for word in config.args)
