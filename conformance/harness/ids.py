"""Ids of tests that stay the same wherever the suite lies: `test_dumper.py::test_sound[core-plain-inside]`."""

import re


def stable(nodeid: str) -> str:
    """A node id of pytest without the directory that the suite lies in."""
    path, colons, rest = nodeid.partition("::")
    return path.rpartition("/")[2] + colons + rest


def group(nodeid: str) -> str:
    """Tests of one group share a dump: those of the Dumper class with the same stack and vantage."""
    found = re.search(r"test_dumper\.py::[^[]+\[(.+)\]$", nodeid)
    return found[1] if found else nodeid
