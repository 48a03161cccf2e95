"""The command `ovsi`: words in, exit code out. Nothing outside this package prints (spec: The command line).

Exit codes: 0 done; 3 the dump is written, but a source falls short of proved and reachable; 1 refused or failed, with
one JSON object as the last line of standard error; 2 wrong usage. With OVSI_DEBUG=1 a defect of the program ends in
its traceback.
"""

from __future__ import annotations

import os
import sys

from .. import signals
from ..errors import Refusal, from_oserror, text
from ..version import NAME, VERSION
from . import report
from .arguments import UsageError, find, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .arguments import Arguments

    Runner = Callable[[Arguments], int]

_HELP = (b"--help", b"-h", b"help")
_DEBUG = "OVSI_DEBUG"


def run() -> None:
    """The whole life of the process `ovsi`. Its end is at once: taking all records apart would be work for nothing."""
    code = main()
    if os.environ.get(_DEBUG) == "1":
        sys.exit(code)  # profilers and the like have something to say then
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: `argv` without the program's name, by default the process's own. Returns the exit code."""
    if argv is None:
        _prepare_process()
        argv = sys.argv[1:]
    try:
        return _run([os.fsencode(word) for word in argv])
    except UsageError as error:
        report.say(f"{error.message}; see `{' '.join(['ovsi', error.command]).rstrip()} --help`")
        return 2
    except Refusal as refusal:
        report.refuse(refusal)
    except OSError as error:
        report.refuse(from_oserror(error))
    except KeyboardInterrupt as interrupt:
        report.refuse(Refusal("interrupted", str(interrupt) or "interrupted"))
    except MemoryError:
        report.refuse(Refusal("out-of-memory", "not enough memory"))
    return 1


def _run(words: list[bytes]) -> int:
    if not words:
        raise UsageError("a command is missing")
    first = words[0]
    if first in _HELP:
        return _help(words[1] if words[1:] else b"")
    if first == b"--version":
        return _print(f"{NAME} {VERSION}\n")
    if first.startswith(b"-"):
        raise UsageError(f"unknown option {text(first)}")
    command = find(first)
    if command is None:
        raise Refusal("unsupported-subcommand", "no such command; `ovsi --help` lists them", first)
    arguments = parse(command, words[1:])
    return _help(first) if arguments is None else _runner(command.module)(arguments)


def _runner(module: str) -> Runner:
    """`run` of a module of this package, imported only now."""
    run: Runner = __import__(f"{__name__}.{module}", fromlist=("run",)).run
    return run


def _help(word: bytes) -> int:
    from . import usage

    command = find(word)
    if word and command is None:
        raise UsageError(f"no such command {text(word)}")
    return _print(usage.of_command(command) if command else usage.of_program())


def _print(words: str) -> int:
    from . import terminal

    terminal.show(words.encode())
    return 0


def _prepare_process() -> None:
    """Things that hold for the whole process and not for a caller of `main`."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:  # closed: kept from being given to a file that is opened here
            os.open("/dev/null", os.O_RDONLY)
    signals.catch()
    if os.environ.get(_DEBUG) != "1":
        sys.excepthook = report.on_defect
