"""Every command that a page shows is run, and prints what the page says."""

import os
from pathlib import Path

import pytest

from .support.console import missing, preparation, run, session, settled

ROOT = Path(__file__).parents[1]
PAGES = sorted(page for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"] if "```console" in page.read_text())


@pytest.mark.skipif(os.geteuid() != 0, reason="the pages' commands mount as real root, which this run is not")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_print_what_the_page_says(page: Path) -> None:
    if lacking := missing(page):
        pytest.skip(f"not installed here: {', '.join(lacking)}")
    commands = session(page)
    printed = run(commands, preparation(page))
    assert len(printed) == len(commands), f"the session ended after {len(printed)} commands"
    for command, output in zip(commands, printed, strict=True):
        assert settled(output) == settled(command.output), f"{page.name}: {command.text}"
