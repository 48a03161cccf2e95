"""Signals that end a run: an orderly end before the commit, none after it.

The `signal` module is left out for the time that its import takes; `_signal` is what it wraps. So is `__future__`,
which a dump or a restore would import for this module and the start alone.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from types import FrameType
else:
    import _signal

_ENDING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
_held: list[int] = []


class Interrupted(KeyboardInterrupt):
    """The run is to end; its words name the signal. Raised wherever the program is when the signal comes."""


def catch() -> None:
    """Let SIGINT, SIGTERM and SIGHUP raise Interrupted, once; one that was ignored from the start stays so."""
    for number in _ENDING:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, _interrupt)


def hold() -> None:
    """Ignore them from now on: to be called just before a commit, after which nothing is left to be interrupted.

    Changes nothing in a process that has not called `catch`.
    """
    for number in _ENDING:
        if _signal.getsignal(number) is _interrupt:
            _signal.signal(number, _signal.SIG_IGN)
            _held.append(number)


def release() -> None:
    """Catch again what `hold` ignores: for a child that does the work of a parent which waits for it."""
    while _held:
        _signal.signal(_held.pop(), _interrupt)


def end_with_reader() -> None:
    """End as other programs do when who reads the output has left: by SIGPIPE, silently."""
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)


def _interrupt(number: int, _frame: "FrameType | None") -> None:
    hold()  # a second one must not disturb the cleaning up
    name = next(name for name in ("SIGINT", "SIGTERM", "SIGHUP") if getattr(_signal, name) == number)
    raise Interrupted(f"interrupted by {name}")
