"""The words of a command line against the table of `commands`."""

from __future__ import annotations

from ..errors import text
from .commands import COMMANDS, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_HELP = (b"--help", b"-h")


class UsageError(Exception):
    """Called wrongly: exit 2. `command` is the subcommand whose help serves, if one is known."""

    def __init__(self, message: str, command: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.command = command


class Arguments:
    """What was given: options by name, parsed, and the operand."""

    def __init__(self, command: str = "") -> None:
        self.command = command
        self.operand: bytes | None = None
        self._values: dict[str, list[Any]] = {}

    def given(self, name: str) -> bool:
        """Whether the option is there."""
        return name in self._values

    def one(self, name: str) -> Any:
        """The value of the option, None where it is not there."""
        return self._values.get(name, [None])[-1]

    def every(self, name: str) -> tuple[Any, ...]:
        """The values of an option that may come again."""
        return tuple(self._values.get(name, ()))

    def add(self, name: str, value: object) -> None:
        """One more value."""
        self._values.setdefault(name, []).append(value)


def parse(command: Command, words: Sequence[bytes]) -> Arguments | None:
    """The arguments of this subcommand; None where help is asked for. Raises UsageError."""
    arguments = Arguments(command.name)
    options = {option.name: option for option in command.options}
    rest = list(reversed(words))
    only_operands = False
    while rest:
        word = rest.pop()
        if only_operands or not word.startswith(b"-") or word == b"-":
            _add_operand(arguments, command, word)
        elif word == b"--":
            only_operands = True
        elif word in _HELP:
            return None
        else:
            name, equals, value = word.removeprefix(b"--").partition(b"=")
            option = options.get(text(name)) if word.startswith(b"--") else None
            if option is None:
                raise UsageError(f"unknown option {text(word.partition(b'=')[0])}", command.name)
            if option.metavar and not equals:
                if not rest:
                    raise UsageError(f"--{option.name} wants {option.metavar}", command.name)
                value = rest.pop()
            elif equals and not option.metavar:
                raise UsageError(f"--{option.name} takes no value", command.name)
            _add_option(arguments, command, option, value)
    _check(arguments, command)
    return arguments


def _add_option(arguments: Arguments, command: Command, option: Option, word: bytes) -> None:
    if arguments.given(option.name) and not option.many:
        raise UsageError(f"--{option.name} is given twice", command.name)
    try:
        arguments.add(option.name, option.parse(word) if option.metavar else True)
    except ValueError as wanted:
        raise UsageError(f"--{option.name} {text(word)}: not {wanted}", command.name) from None


def _add_operand(arguments: Arguments, command: Command, word: bytes) -> None:
    if command.operand is None or arguments.operand is not None:
        raise UsageError(f"unexpected word {text(word)!r}", command.name)
    if not word:
        raise UsageError(f"{command.operand.name} is empty", command.name)
    arguments.operand = word


def _check(arguments: Arguments, command: Command) -> None:
    for option in command.options:
        if option.required and not arguments.given(option.name):
            raise UsageError(f"--{option.name} {option.metavar} is missing", command.name)
    choice = [f"--{name}" for name in command.one_of if arguments.given(name)]
    if command.one_of and len(choice) != 1:
        names = f"--{', --'.join(command.one_of[:-1])} or --{command.one_of[-1]}"
        raise UsageError(f"give one of {names}" + (f", not {' and '.join(choice)}" if choice else ""), command.name)
    for name, other in command.needs:
        if arguments.given(name) and not arguments.given(other):
            raise UsageError(f"--{name} goes with --{other} only", command.name)


def find(word: bytes) -> Command | None:
    """The subcommand of this name."""
    return COMMANDS.get(word.decode("ascii", "replace"))
