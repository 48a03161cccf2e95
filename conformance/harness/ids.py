"""Ids of tests that stay the same wherever the suite lies: `test_dumper.py::test_sound[core-plain-inside]`."""

import re


def stable(nodeid: str) -> str:
    """A node id of pytest without the directory that the suite lies in."""
    path, colons, rest = nodeid.partition("::")
    return path.rpartition("/")[2] + colons + rest


_ONE_COURSE = re.compile(r"test_(?:dumper|interchange|round_trip)\.py::[^[]+\[(.+?)(?:-dumped|-restored)?\]$")


def group(nodeid: str) -> str:
    """Tests of one group share a course: those of one stack from one vantage that look at an implementation's dumps."""
    found = _ONE_COURSE.search(nodeid)
    return found[1] if found else nodeid
