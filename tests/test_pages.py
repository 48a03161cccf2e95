"""Every command that a page shows is run, and prints what the page says."""

import os
import re
import shlex
from pathlib import Path

import pytest
from ovsi.cli.arguments import find

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


def _named() -> list[tuple[str, str]]:
    """Page and command line, of every `ovsi …` that a page names without running it: in a sentence or a plain block."""
    found = []
    for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]:
        text = re.sub(r"^```console\n.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        lines = [*re.findall(r"`(ovsi [a-z][^`\n]*)`", text), *re.findall(r"^(ovsi [a-z].*)$", text, re.MULTILINE)]
        found += [(str(page.relative_to(ROOT)), line) for line in lines]
    return found


@pytest.mark.parametrize(("page", "line"), _named())
def test_commands_that_pages_name_are_commands(page: str, line: str) -> None:
    """A sentence may leave words out, but names no option that there is not, and no value that it does not take."""
    _, subcommand, *words = shlex.split(re.sub(r"\b(MAIN)?PID\b", "4711", line), comments=True)
    command = find(subcommand.encode())
    assert command is not None, f"{page}: {line}"
    options = {f"--{option.name}": option for option in command.options}
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            assert word in options, f"{page}: {line}"
            if options[word].metavar and words:
                options[word].parse(words.pop(0).encode())
        else:
            assert command.operand, f"{page}: {line}"
