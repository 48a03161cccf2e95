"""Help, made from the table of `commands`."""

from __future__ import annotations

from .commands import COMMANDS, Command, Option

TITLE = "which directories an overlayfs mount is made of, and the same mount again"
EXITS = ((0, "done"), (1, "refused or failed"), (2, "wrong usage"), (3, "written, but sources fall short"))
"""Exit codes and what they mean."""

_WIDTH = 79
_INDENT = 24


def of_program() -> str:
    """What `ovsi --help` prints."""
    rows = [_row(f"  {command.name}", command.summary) for command in COMMANDS.values()]
    return "\n".join(
        [
            f"ovsi: {TITLE}",
            "",
            "usage: ovsi COMMAND [OPTION]...",
            "",
            *rows,
            "",
            *_wrapped("`ovsi COMMAND --help` says more, with examples; `ovsi --version` which version it is.", _WIDTH),
            *_wrapped(f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in EXITS)}.", _WIDTH),
            "",
        ]
    )


def of_command(command: Command) -> str:
    """What `ovsi COMMAND --help` prints."""
    lines = [f"ovsi {command.name}: {command.summary}", "", *_usage(command)]
    if command.operand or command.options:
        lines.append("")
    if command.operand:
        lines.append(_row(f"  {command.operand.name}", command.operand.meaning))
    lines += [_row(f"  {_word(option)}", meaning(option)) for option in command.options]
    if command.notes:
        lines += ["", *_wrapped(command.notes, _WIDTH)]
    if command.examples:
        lines += ["", "examples:"]
        lines += [f"  {words}\n      {meaning}" for words, meaning in command.examples]
    return "\n".join([*lines, ""])


def synopsis(command: Command) -> list[str]:
    """The words that may follow `ovsi COMMAND`, those that may be left out in brackets."""
    words = []
    choice = [option for option in command.options if option.name in command.one_of]
    for option in command.options:
        if option in choice:
            if option is choice[0]:
                words.append(f"({' | '.join(map(_word, choice))})")
        else:
            words.append(_word(option) if option.required else f"[{_word(option)}]{'...' if option.many else ''}")
    if command.operand:
        words.append(f"[{command.operand.name}]")
    return words


def meaning(option: Option) -> str:
    """What it does, and the words that it takes."""
    return f"{option.meaning}: {', '.join(option.words())}" if option.words else option.meaning


def _usage(command: Command) -> list[str]:
    start = f"usage: ovsi {command.name} "
    lines = [start]
    for word in synopsis(command):
        if len(lines[-1]) + len(word) > _WIDTH and lines[-1].strip():
            lines.append(" " * len(start))
        lines[-1] += f"{word} "
    return [line.rstrip() for line in lines]


def _word(option: Option) -> str:
    return f"--{option.name} {option.metavar}".rstrip()


def _row(name: str, meaning: str) -> str:
    lines = _wrapped(meaning, _WIDTH - _INDENT)
    if len(name) >= _INDENT - 1:
        lines.insert(0, "")
    return "\n".join([(name.ljust(_INDENT) + lines[0]).rstrip(), *(" " * _INDENT + line for line in lines[1:])])


def _wrapped(words: str, width: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines
