"""A refusal: exit 1 with the right category, and nothing changed."""

from collections.abc import Iterator

from ..implementation import Answer, Outcome
from ..restoration import Restoration
from ..schemas import load
from ..snapshot import differences, mount_differences
from ..verdict import Finding
from .words import OWN_WORD, revealed

ANSWER = ("OVSI-CLI-004", "OVSI-CLI-005", "OVSI-CLI-016", "OVSI-REG-002", "OVSI-SEC-007")
IDS = (*ANSWER, "OVSI-CLI-009", "OVSI-CLI-015", "OVSI-REST-021", "OVSI-REST-022")


def answer(given: Answer, requirement: str, *categories: str) -> Iterator[Finding]:
    """`requirement` is broken where there is no refusal; the rest of the contract where it is no proper one."""
    expected = f"refused as {' or '.join(categories)}"
    if given.outcome is Outcome.CRASHED:
        yield Finding("OVSI-CLI-004", "the answer", expected, str(given))
    elif given.outcome is not Outcome.REFUSED:
        yield Finding(requirement, "the answer", expected, str(given))
    elif given.category not in categories:
        yield Finding("OVSI-CLI-005", "category", expected, str(given))
    if given.ran.lingering:
        yield Finding("OVSI-CLI-016", "processes", "none left", "a process is still running")
    yield from error(given)


def error(given: Answer) -> Iterator[Finding]:
    """The code stands under its category in the registry, and nothing that is said is a secret."""
    yield from revealed("standard error", given.ran.stderr, b" ".join(given.ran.argv))
    if given.error is None:
        return
    code, registered = given.error["code"], load("registries")["categories"]
    fitting = [each["code"] for entry in registered if entry["name"] == given.category for each in entry["codes"]]
    if code not in fitting and not OWN_WORD.fullmatch(code):
        yield Finding("OVSI-REG-002", "code", f"one of {', '.join(fitting)}, or x-VENDOR-NAME", code)


def judge(seen: Restoration, requirement: str, *categories: str) -> Iterator[Finding]:
    """A restore that had to be refused."""
    yield from answer(seen.answer, requirement, *categories)
    if seen.mount is not None:
        yield Finding(requirement, "the target", "nothing is mounted", "an overlay is mounted there")
    elif seen.answer.outcome is not Outcome.DONE:
        yield from unchanged(seen)


def unchanged(seen: Restoration) -> Iterator[Finding]:
    """Sources, mount tables and output files are as they were."""
    for label, before in seen.before.sources.items():
        for line in differences(before, seen.after.sources[label]):
            yield Finding("OVSI-REST-022", label, "unchanged", line)
    for line in mount_differences(seen.before.mounts, seen.after.mounts):
        yield Finding("OVSI-REST-021", "mount table", "unchanged", line)
    if seen.result is not None:
        yield Finding("OVSI-CLI-009", "the result file", "not written", f"{len(seen.result)} bytes")
    yield from beside(seen)


def beside(seen: Restoration) -> Iterator[Finding]:
    if seen.beside:
        yield Finding("OVSI-CLI-015", "beside the result", "no other file", str(seen.beside))
