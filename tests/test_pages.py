"""Every command that a page shows is run, and prints what the page says."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from ovsi.cli.arguments import find

from .support.console import AS_MAPPED_ROOT, Command, missing, preparation, run, session, settled

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_root_shell_of_a_page_finds_ovsi(page: Path) -> None:
    """Whoever types what a page says comes there by sudo, which forgets the path."""
    words = [command.text for command in session(page)]
    if "$ sudo unshare" in page.read_text() and any("ovsi " in each for each in words):
        assert "PATH=$PWD/.venv/bin:$PATH" in words[:3], page.name


def _printed(page: Path, *more: str) -> dict[str, str]:
    """What the last of each command of a page prints in a user namespace, and the commands after them."""
    commands = [*session(page), *(Command(each, "") for each in more)]
    if subprocess.run([*AS_MAPPED_ROOT, "-c", "mount -t tmpfs none /mnt"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel gives no user namespace with mounts")
    return dict(zip((command.text for command in commands), run(commands, shell=AS_MAPPED_ROOT), strict=True))


def test_what_the_readme_says_of_an_ordinary_user() -> None:
    restore = "ovsi restore --image /mnt/stack.json --target /mnt/again"
    read = "cat /mnt/again/greeting | tr a-z A-Z"
    printed = _printed(ROOT / "README.md", f"{restore} --accept unproved", read)
    assert "does not prove the ID mapping" in printed[restore]
    assert printed[read] == "HELLO\n"


def test_what_the_tour_says_of_an_ordinary_user() -> None:
    tour = ROOT / "docs" / "use.md"
    show = "ovsi show /mnt/web"
    dump = "ovsi dump --mountpoint /mnt/web --output /mnt/web.json"
    printed = _printed(tour)
    unproved = [line.split()[0] for line in printed[show].splitlines() if line.split()[2:3] == ["none"]]
    assert unproved == ["work"]
    assert "1 of 4 sources not proved: work" in printed[dump]
    assert '"category": "unproved"' in printed["ovsi restore --image /mnt/web.json --target /mnt/again"]


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
