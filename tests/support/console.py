"""The commands that pages show, run for real, and what they print beside what the page says they print.

A `console` block holds a session: a line that begins with `# ` (as root) or `$ ` (as anybody) is a command, the lines
after it are its output. All blocks of a page are one session, in one shell, in one mount namespace of its own.

Two comments are for the test alone: `<!-- needs: PROGRAM... -->` names programs without which the page is skipped, and
`<!-- run: COMMAND -->` is run before the session, so that it leaves nothing outside of its namespace.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"^<!-- needs: (.*) -->$", re.MULTILINE)
_RUN = re.compile(r"^<!-- run: (.*) -->$", re.MULTILINE)
_MARK = "=-=-= next command =-=-="
_VOLATILE = (
    (re.compile(r"\bmount \d+"), "mount N"),
    (re.compile(r"\b\d+:[0-9a-f]{16,}\b"), "HANDLE"),
    (re.compile(r"\b\d+:\d+\b"), "N:N"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\bmnt:\[\d+\]"), "mnt:[N]"),
    (re.compile(r"\bLinux \d+\.\d+"), "Linux N.N"),
    (re.compile(r"nspawn-volatile-\w{6}"), "nspawn-volatile-X"),
    (re.compile(r"\n[ \t]+"), " "),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
)
"""Numbers that a kernel gives out differ from run to run, and random names; columns and ends of lines move with
their width."""


@dataclass(frozen=True)
class Command:
    """One command of a page and the output that the page shows."""

    text: str
    output: str


def session(page: Path) -> list[Command]:
    """The commands of a page, in order, but for the one that opens the shell itself."""
    commands: list[Command] = []
    for block in _BLOCK.findall(page.read_text()):
        for line in block.splitlines():
            if line.startswith(("# ", "$ ")):
                commands.append(Command(line[2:], ""))
            else:
                commands[-1] = Command(commands[-1].text, f"{commands[-1].output}{line}\n")
    return [command for command in commands if not command.text.startswith("sudo unshare")]


def missing(page: Path) -> list[str]:
    """The programs that the page needs and this machine lacks."""
    needed = " ".join(_NEEDS.findall(page.read_text())).split()
    return [program for program in needed if shutil.which(program) is None]


def preparation(page: Path) -> list[str]:
    """The commands that a reader is not shown."""
    return _RUN.findall(page.read_text())


def settled(output: str) -> str:
    """Output without what differs from run to run."""
    for pattern, word in _VOLATILE:
        output = pattern.sub(word, output)
    return output.strip()


AS_ROOT = ("unshare", "--mount", "--propagation", "private", "bash")
AS_MAPPED_ROOT = ("unshare", "--user", "--map-root-user", "--mount", "bash")


def run(commands: list[Command], before: list[str] | None = None, shell: Sequence[str] = AS_ROOT) -> list[str]:
    """What each command prints in that shell, standard error included."""
    first = "".join(f"{{ {line}; }} >/dev/null 2>&1\n" for line in before or [])
    script = "".join(f"{command.text}\nstatus=$?; echo '{_MARK}'; (exit $status)\n" for command in commands)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shown = subprocess.run(
        shell,
        input=first + script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
        env={"PATH": path, "LC_ALL": "C.UTF-8", "HOME": "/", "TERM": "dumb"},
    )
    return shown.stdout.split(f"{_MARK}\n")[: len(commands)]
