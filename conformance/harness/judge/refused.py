"""A refusal: exit 1 with the right category, and nothing changed."""

from collections.abc import Iterator

from ..implementation import Answer, Outcome
from ..restoration import Restoration
from ..snapshot import differences, mount_differences
from ..verdict import Finding

IDS = ("OVSI-CLI-004", "OVSI-CLI-005", "OVSI-CLI-009", "OVSI-REST-021", "OVSI-REST-022")


def answer(given: Answer, requirement: str, *categories: str) -> Iterator[Finding]:
    """`requirement` is broken where there is no refusal; the rest of the contract where it is no proper one."""
    expected = f"refused as {' or '.join(categories)}"
    if given.outcome is Outcome.CRASHED:
        yield Finding("OVSI-CLI-004", "the answer", expected, str(given))
    elif given.outcome is not Outcome.REFUSED:
        yield Finding(requirement, "the answer", expected, str(given))
    elif given.category not in categories:
        yield Finding("OVSI-CLI-005", "category", expected, str(given))


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
