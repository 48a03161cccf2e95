"""Everything that is published of a report, beside its JSON."""

import json
from pathlib import Path

from ..reporting import junit


def everything(directory: Path | None) -> list[Path]:
    """Make the other forms of DIRECTORY/report.json; the paths of all."""
    if directory is None:
        return []
    report = json.loads((directory / "report.json").read_text())
    written = [directory / "report.json"]
    for name, content in {"junit.xml": junit.xml(report)}.items():
        (directory / name).write_text(content)
        written.append(directory / name)
    return written
