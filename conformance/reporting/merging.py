"""The reports of all shards of one run as the report of the whole."""

import re

from . import summary
from .summary import Json

_SAME = ("suite", "specification", "implementation", "peer", "kernel", "claims", "withdrawn", "chosen")


def merged(reports: list[Json]) -> Json:
    """One report of several; raises ValueError where they are not all the shards of one run, each finished."""
    for name in _SAME:
        if any(report.get(name) != reports[0].get(name) for report in reports):
            raise ValueError(f"they differ in {name}: not shards of one run")
    if unfinished := [place for place, report in enumerate(reports, 1) if not report["closing"]]:
        raise ValueError(f"unfinished: report {', '.join(map(str, unfinished))}")
    parts = [_shard(report) for report in reports]
    rest, of = parts[0][2], parts[0][1]
    if sorted(number for number, _, _ in parts) != list(range(1, of + 1)) or any(p[1:] != (of, rest) for p in parts):
        raise ValueError(f"not one report of each of {of} shards")
    tests = sorted((test for report in reports for test in report["tests"]), key=lambda test: str(test["id"]))
    whole = {name: value for name, value in reports[0].items() if name not in ("part", "selected", "closing")}
    whole |= {"part": rest} if rest else {}
    whole["stacks"] = {name: lines for report in reports for name, lines in report["stacks"].items()}
    whole["tests"] = tests
    whole["closing"] = None
    return whole | {"closing": summary.closing(whole, _empty(whole))}


def _shard(report: Json) -> tuple[int, int, list[str]]:
    """Which shard of how many, and what else narrowed the run."""
    part = report.get("part", [])
    shards = [found for text in part if (found := re.fullmatch(r"--shard (\d+)/(\d+)", text))]
    if len(shards) != 1:
        raise ValueError("a report of no shard is among them")
    return int(shards[0][1]), int(shards[0][2]), [text for text in part if text != shards[0][0]]


def _empty(report: Json) -> list[str]:
    """As in a run of the whole; Interchange counts where it was judged at all."""
    return summary.hollow(report, lambda claim: claim[0] != "interchange") if not report.get("part") else []
