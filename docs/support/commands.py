"""The page of the command line: what `ovsi --help` says, from the same table."""

from __future__ import annotations

from ovsi.cli import usage
from ovsi.cli.commands import COMMANDS


def page() -> str:
    """The page, a section a subcommand."""
    parts = [
        "# Commands",
        "What `ovsi --help` and `ovsi COMMAND --help` print. The same is in the manual page, `man ovsi`, and in the "
        "completion of bash, zsh and fish; all come with the package.",
        _block(usage.of_program()),
    ]
    parts += [f"## ovsi {command.name}\n\n{_block(usage.of_command(command))}" for command in COMMANDS.values()]
    return "\n\n".join(parts) + "\n"


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"
