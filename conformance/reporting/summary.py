"""What a report comes to: counts, claims that are met, statements, the verdict of the whole."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

Json = dict[str, Any]
Triple = tuple[str, str, str]
BAD = ("failed", "errored")
WORDS = ("passed", "failed", "errored", "skipped", "not-claimed")
ALWAYS = "info"
"""The class of the tests that judge what holds whatever is claimed."""


def peer(named: Json) -> str:
    """The other implementation, in words."""
    return "the implementation itself" if named["itself"] else f"{named['name']} {named['version']}"


def counts(tests: list[Json]) -> dict[str, int]:
    """Verdict -> how many, in the order of the specification."""
    found = Counter(test["verdict"] for test in tests)
    return {word: found[word] for word in WORDS if found[word]}


def bad(tests: list[Json]) -> list[Json]:
    return [test for test in tests if test["verdict"] in BAD]


def triple(entry: Json) -> Triple:
    """Class, profile and vantage of a test or of a claim; both empty where it has none."""
    return entry["class"], entry.get("profile", ""), entry.get("vantage", "")


def claimed(report: Json) -> list[Triple]:
    return sorted({triple(claim) for claim in report["claims"]})


def by_claim(report: Json) -> dict[Triple, list[Json]]:
    """The tests of each class, profile and vantage, sorted; not those that no claim is needed for.

    Documents are the same from everywhere: what was judged of Image counts for each vantage that is claimed.
    """
    found: dict[Triple, list[Json]] = {}
    for test in report["tests"]:
        for claim in _judged(report, test) if test["class"] != ALWAYS else ():
            found.setdefault(claim, []).append(test)
    return dict(sorted(found.items()))


def _judged(report: Json, test: Json) -> set[Triple]:
    mine = triple(test)
    if mine[0] != "image":
        return {mine}
    return {mine} | {claim for claim in claimed(report) if claim[:2] == mine[:2]}


def asked(chosen: Json, claim: Triple) -> bool:
    """Whether a claim was asked for: `chosen` has the classes, profiles and vantages, where any were named."""
    named = zip(("class", "profile", "vantage"), claim, strict=True)
    return all(word in chosen.get(name, (word,)) for name, word in named)


def hollow(report: Json, judged: Callable[[Triple], bool] = lambda _: True) -> list[str]:
    """The classes with a claim that was asked for, and that is `judged`, of which nothing was executed."""
    executed = {test["class"] for test in report["tests"] if test["verdict"] in ("passed", *BAD)}
    wanted = (claim for claim in claimed(report) if asked(report.get("chosen", {}), claim))
    return sorted({claim[0] for claim in wanted if judged(claim)} - executed)


def verdict(tests: list[Json], empty: Collection[str] = ()) -> str:
    """Of a run that came to its end. `empty`: the claimed classes that executed nothing."""
    found = counts(tests)
    if not any(found.get(word) for word in ("passed", *BAD)):
        return "empty"
    if empty or any(found.get(word) for word in BAD):
        return "failed"
    return "partial" if found.get("skipped") else "passed"


def met(report: Json) -> dict[tuple[str, str], list[str]]:
    """By class and vantage, the claimed profiles in which every test passed: what may be stated."""
    found: dict[tuple[str, str], list[str]] = {}
    tests = by_claim(report)
    for claim in claimed(report) if not report.get("part") else ():
        mine = counts(tests.get(claim, []))
        if set(mine) == {"passed"}:
            found.setdefault((claim[0], claim[2]), []).append(claim[1])
    return found


def statements(report: Json) -> list[str]:
    """A line for each class and vantage (OVSI-CONF-003)."""
    kernel = ".".join(report["kernel"].split(".")[:2])
    edition = report["specification"]
    return [
        f"OVSI {edition} {kind.capitalize()}: {', '.join(profiles)} ({vantage}, Linux {kernel})"
        for (kind, vantage), profiles in met(report).items()
    ]


def closing(report: Json, empty: list[str]) -> Json:
    """The closing record. `empty`: the claimed classes that executed nothing."""
    return {
        "verdict": verdict(report["tests"], empty),
        "counts": counts(report["tests"]),
        "statements": statements(report),
        "stacks": stacks(report),
        **({"hollow": empty} if empty else {}),
    }


def standing(report: Json) -> str:
    """One word for the whole run: its verdict, or `unfinished`."""
    return str(report["closing"]["verdict"]) if report["closing"] else "unfinished"


def many(number: int, noun: str) -> str:
    """`1 stack`, `2 stacks`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def reservations(report: Json) -> list[str]:
    """What a reader has to know before any number: that the run was cut short, a part, empty or partial."""
    word, found = standing(report), []
    if word == "unfinished":
        of = f" of {report['selected']}" if "selected" in report else ""
        found.append(f"Unfinished: the run ended after {len(report['tests'])}{of} tests. Nothing may be stated of it.")
    if word == "empty":
        found.append("Empty: no test was executed.")
    if report.get("part"):
        found.append(f"A part of the tests only ({', '.join(report['part'])}). Nothing may be stated of it.")
    if chosen := report.get("chosen"):
        found.append("Asked for: " + "; ".join(f"{name} {', '.join(words)}" for name, words in chosen.items()) + ".")
    if skipped := counts(report["tests"]).get("skipped"):
        found.append(f"Partial: {many(skipped, 'test')} skipped; each says what was missing.")
    if empty := (report["closing"] or {}).get("hollow"):
        found.append(f"Claimed, and nothing of it was executed: {', '.join(empty)}.")
    if known := [test for test in bad(report["tests"]) if "known" in test]:
        found.append(f"{len(known)} of the failures are known to the implementers.")
    return found


def share(tests: list[Json]) -> tuple[int, int]:
    """How many sources were proved, of how many: completeness, of the tests that count them."""
    pairs = [test["proved"] for test in tests if "proved" in test]
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)


def soundness(tests: list[Json]) -> tuple[int, int]:
    """In how many stacks nothing false was said, of how many were judged: where there is no image, nothing was said."""
    judged = [test for test in tests if "::test_sound[" in test["id"] and test["verdict"] in ("passed", "failed")]
    return sum(test["verdict"] == "passed" for test in judged), len(judged)


def stacks(report: Json) -> int:
    """How many distinct real stacks were built."""
    executed = (test for test in report["tests"] if test["verdict"] in ("passed", *BAD))
    return len({name for test in executed for name in test.get("stacks", ())})
