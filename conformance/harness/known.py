"""Known failures: what an implementer knows not to work yet, and says so, so that a run fails on news only.

{"format": "ovsi-known-failures", "failures": [{"id": TEST, "reason": TEXT, "link": URL}, …]}
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .schemas import parsed

FORMAT = "ovsi-known-failures"


@dataclass(frozen=True)
class Known:
    """A test that is known to fail: its stable id, why, and where that is followed."""

    id: str
    reason: str
    link: str = ""


def read(path: Path) -> dict[str, Known]:
    """Known failures by id; raises ValueError, which says what is wrong with the file."""
    try:
        document = parsed(path.read_bytes())
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']!r}, not {FORMAT!r}")
        found = [Known(**entry) for entry in document["failures"] if _has_the_keys(entry)]
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a list of known failures: {error}") from None
    for each in found:
        if not all(isinstance(word, str) for word in (each.id, each.reason, each.link)) or not each.reason.strip():
            raise ValueError(f"{path}: {each.id!r} needs a reason")
    if len(found) != len({each.id for each in found}):
        raise ValueError(f"{path}: a test is listed twice")
    return {each.id: each for each in found}


def _has_the_keys(entry: object) -> bool:
    """Raises ValueError where an entry is no object with these keys."""
    if not isinstance(entry, dict) or not {"id", "reason"} <= entry.keys() <= {"id", "reason", "link"}:
        text = json.dumps(entry)[:100]
        raise ValueError(f"not a list of known failures: an entry has id, reason and perhaps link, not {text}")
    return True


def write(path: Path, failures: Iterable[Known]) -> None:
    """Write a list, sorted by id."""
    entries = [asdict(each) for each in sorted(failures, key=lambda each: each.id)]
    kept = [{name: value for name, value in entry.items() if value} for entry in entries]
    path.write_text(json.dumps({"format": FORMAT, "failures": kept}, indent=1, ensure_ascii=False) + "\n")
