"""What tests of the suite share: the same is done with a stack whichever of them are run, and whatever else is run."""

import os
import sys
from pathlib import Path

import pytest

from conformance.harness import abilities
from conformance.harness.ids import group
from conformance.harness.stack import Vantage

from .support.run_suite import suite

CASE = "core-one-lower-inside"
ROUND_TRIP = f"test_round_trip.py::test_there_and_back_by_candidates[{CASE}]"
COURSE = ["dump", "dump", "restore", "dump"]
"""Twice of the stack, once of what was restored of it."""


def _noting(directory: Path, name: str) -> tuple[str, Path]:
    """A command that is the reference and notes each subcommand that it is called with; the notes."""
    command, notes = directory / name, directory / f"{name}.notes"
    command.write_text(f'#!/bin/sh\necho "$1" >> {notes}\nexec {sys.executable} -m ovsi "$@"\n')
    command.chmod(0o755)
    return str(command), notes


def _called(directory: Path, *words: str) -> tuple[str, list[str]]:
    """What a run of the suite ended with, and the calls of the implementation that it made, `info` aside."""
    command, notes = _noting(directory, "noting")
    ran = suite(f"--impl={command}", *words)
    calls = notes.read_text().split()
    notes.unlink()
    return ran.stdout.rstrip().splitlines()[-1], [call for call in calls if call != "info"]


@pytest.fixture
def within(tmp_path: Path) -> Path:
    if reason := abilities.why_not(Vantage.INSIDE):
        pytest.skip(reason)
    os.chmod(tmp_path, 0o777)
    return tmp_path


def test_a_test_alone_has_the_same_done_as_among_others(within: Path) -> None:
    alone, calls = _called(within, "-k", f"{CASE} and test_round_trip")
    assert alone.startswith("1 passed")
    assert calls == COURSE
    others, calls = _called(within, "-k", f"{CASE} and (test_dumper or test_round_trip)")
    assert others.startswith("7 passed")
    assert calls == COURSE


def test_an_implementation_with_itself_makes_the_round_trip(within: Path) -> None:
    """It is one command: what it dumps it restores, in either role. Another one is asked for all of it."""
    words = ("-k", f"{CASE} and (test_round_trip or test_interchange)")
    itself, calls = _called(within, *words, f"--peer={within}/noting")
    assert itself.startswith("3 passed")
    assert calls == COURSE
    peer, notes = _noting(within, "peer")
    another, calls = _called(within, *words, f"--peer={peer}")
    assert another.startswith("3 passed")
    assert sorted(calls) == sorted([*COURSE, "dump", "restore", "dump"])
    assert [note for note in notes.read_text().split() if note != "info"] == ["restore", "dump", "dump"]


def test_tests_of_one_course_are_one_group() -> None:
    """So one worker runs them, and one shard has them."""
    names = [
        f"conformance/test_dumper.py::test_sound[{CASE}]",
        ROUND_TRIP,
        f"test_interchange.py::test_other_end[{CASE}-dumped]",
        f"test_interchange.py::test_other_end[{CASE}-restored]",
        f"test_interchange.py::test_same_stack[{CASE}]",
    ]
    assert {group(name) for name in names} == {CASE}
    apart = f"test_restorer.py::test_exact[{CASE}]"
    assert group(apart) == apart
