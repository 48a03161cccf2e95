"""Reports as files: read, checked, written in every form."""

import json
from pathlib import Path

from ..reporting import compare_page
from ..reporting.forms import forms
from ..reporting.merging import merged
from ..reporting.summary import Json
from .schemas import errors_by, parsed


def read(path: Path) -> Json:
    """A report; raises ValueError, which says what is wrong with the file."""
    try:
        report = parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    if faults := errors_by("report", report):
        raise ValueError(f"{path}: no conformance report of this version: {faults[0]}")
    return dict(report)


def everything(report: Json, directory: Path) -> list[Path]:
    """Write all forms of a report into a directory; their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in forms(report).items():
        (directory / name).write_text(content, errors="backslashreplace")
    return [directory / name for name in forms(report)]


def whole(reports: list[Json], path: Path) -> Path:
    """Write the report that the shards' make together; raises ValueError where they make none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(merged(reports), indent=1) + "\n")
    return path


def comparison(reports: list[Json], path: Path) -> Path:
    """Write the page on which reports stand side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(compare_page.html(reports), errors="backslashreplace")
    return path
