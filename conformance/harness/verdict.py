"""What may come of a test besides passing, and the findings that a verdict rests on."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A breach of one requirement: about what, what was expected, what came."""

    requirement: str
    subject: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.requirement} {self.subject}\n    expected  {self.expected}\n    got       {self.got}"


class Verdict(Exception):  # noqa: N818 - verdicts, not errors
    """Ends a test with `word`; `broken` are the requirements found broken."""

    word = "failed"

    def __init__(self, text: str, findings: Iterable[Finding] = ()) -> None:
        self.findings = tuple(findings)
        self.broken = tuple(dict.fromkeys(finding.requirement for finding in self.findings))
        super().__init__(text)


class Failed(Verdict):
    """The implementation answered, and the answer breaks requirements."""

    def __init__(self, findings: Iterable[Finding], built: str = "") -> None:
        findings = tuple(findings)
        shown = [str(finding) for finding in findings[:12]]
        if len(findings) > 12:
            shown.append(f"and {len(findings) - 12} more findings")
        super().__init__("\n".join([*([built] if built else []), *shown]), findings)


class Errored(Verdict):
    """A crash, a time-out, a broken contract: nothing that could be judged."""

    word = "errored"


class NotClaimed(Verdict):
    """The implementation does not claim what the test judges."""

    word = "not-claimed"


class Lacking(Verdict):
    """An ability of this machine is missing."""

    word = "skipped"


def require(findings: Iterable[Finding], built: str = "") -> None:
    """Raise `Failed` if there are any findings."""
    if found := list(findings):
        raise Failed(found, built)
