"""The manual page ovsi(1) in man(7) macros, from the table of subcommands."""

from __future__ import annotations

from collections.abc import Iterator

from ovsi.cli import usage
from ovsi.cli.commands import COMMANDS, Command
from ovsi.version import VERSION

_DESCRIPTION = (
    "An overlay mount tells user space its sources only as option strings, which may be relative to a directory that "
    "nobody remembers, or name another directory by now. ovsi finds the directories that the kernel holds, writes them "
    "into a file, an Overlay Source Image, and builds the same mount again from it: of those very directories, or not "
    "at all."
)


def page() -> str:
    """The page as roff."""
    lines = [f'.TH OVSI 1 "" "ovsi {VERSION}" "User Commands"', ".SH NAME", f"ovsi \\- {_plain(usage.TITLE)}"]
    lines += [".SH SYNOPSIS", ".nf"]
    lines += [f"\\fBovsi {command.name}\\fR {_plain(_short(command))}".rstrip() for command in COMMANDS.values()]
    lines += [".fi", ".SH DESCRIPTION", _plain(_DESCRIPTION), ".SH COMMANDS"]
    lines += [line for command in COMMANDS.values() for line in _command(command)]
    lines += [".SH EXIT STATUS"]
    lines += [line for code, meaning in usage.EXITS for line in (".TP", f"\\fB{code}\\fR", f"{_plain(meaning)}.")]
    lines += [
        ".PP",
        "With status 1 the last line of standard error is one JSON object with category, code and message.",
        ".SH SEE ALSO",
        "\\fBmount\\fR(8), \\fBfindmnt\\fR(8), \\fBopen_by_handle_at\\fR(2), \\fBmount_namespaces\\fR(7)",
    ]
    return "\n".join(lines) + "\n"


def _short(command: Command) -> str:
    return " ".join(
        ["[OPTION]..."] * bool(command.options) + ([f"[{command.operand.name}]"] if command.operand else [])
    )


def _command(command: Command) -> Iterator[str]:
    yield f".SS ovsi {command.name}"
    yield f"{_plain(command.summary.capitalize())}."
    words = usage.synopsis(command)
    if words:
        yield from (".PP", f"\\fBovsi {command.name}\\fR {_plain(' '.join(words))}")
    if command.operand:
        yield from (".TP", f"\\fI{_plain(command.operand.name)}\\fR", f"{_plain(command.operand.meaning)}.")
    for option in command.options:
        yield ".TP"
        yield f"\\fB\\-\\-{_plain(option.name)}\\fR \\fI{_plain(option.metavar)}\\fR".removesuffix(" \\fI\\fR")
        yield f"{_plain(usage.meaning(option))}."
    if command.notes:
        yield from (".PP", _plain(command.notes))
    for example, meaning in command.examples:
        yield from (".PP", f"{_plain(meaning.capitalize())}:", ".PP", ".RS", f"\\fB{_plain(example)}\\fR", ".RE")


def _plain(text: str) -> str:
    """Text that roff takes for nothing but text."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return f"\\&{text}" if text.startswith((".", "'")) else text
