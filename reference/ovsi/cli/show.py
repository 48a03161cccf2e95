"""`ovsi show`: a stack as a table, from a live mount or from an image file."""

from __future__ import annotations

import os

from ..image.write import encode
from .arguments import UsageError
from .dump import by_mount_id, take
from .files import load_image, open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.model import Image
    from .arguments import Arguments


def run(arguments: Arguments) -> int:
    """Print the stack; exit code 0 where it could be shown, whatever is not proved in it."""
    image = _image(arguments)
    output = open_output(b"-")
    if arguments.given("json"):
        output.write(encode(image))
    else:
        from .stack import lines

        output.write(("\n".join(lines(image, _terminal_width())) + "\n").encode("utf-8", "backslashreplace"))
    return 0


def _image(arguments: Arguments) -> Image:
    operand, mount_id = arguments.operand, arguments.one("mount-id")
    if (operand is None) == (mount_id is None):
        raise UsageError("give MOUNTPOINT, FILE or --mount-id ID, one of them", arguments.command)
    if operand is None:
        return take(arguments, by_mount_id(*mount_id)).image
    if _is_file(operand) and not arguments.given("pid"):
        return load_image(operand)
    from ..dump import at_mountpoint

    here = operand if arguments.given("pid") else os.path.realpath(operand)
    return take(arguments, at_mountpoint(here)).image


def _is_file(operand: bytes) -> bool:
    """Whether it is an image file: `-`, a regular file, a pipe; a mount point is a directory."""
    if operand == b"-":
        return True
    return os.path.exists(operand) and not os.path.isdir(operand)


def _terminal_width() -> int | None:
    """Columns of the terminal that reads; None where none does, and nothing is cut."""
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isdecimal() and int(columns) else None
