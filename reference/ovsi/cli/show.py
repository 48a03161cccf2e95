"""`ovsi show`: a stack as a table, from a live mount or from an image file."""

from __future__ import annotations

import os

from ..errors import Refusal
from ..image.write import encode
from . import terminal
from .arguments import UsageError
from .dump import by_mount_id, by_operand, take
from .files import load_image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..dump import DumpResult
    from ..image.model import Image
    from .arguments import Arguments


def run(arguments: Arguments) -> int:
    """Print the stack; exit code 0 where it could be shown, whatever is not proved in it."""
    image, result = _image(arguments)
    if arguments.given("json"):
        terminal.show(_document(image, result if arguments.given("explain") else None))
    else:
        from .stack import file_systems, lines

        width = terminal.width()
        words = lines(image, width)
        if result is None:
            words += ["", *file_systems(image)]
        elif arguments.given("explain"):
            from .explain import lines as explained

            words += ["", *explained(result, width)]
        terminal.show(terminal.encoded(words))
    return 0


def _document(image: Image, result: DumpResult | None) -> bytes:
    """The image; with explanations as a property of our own, so that it stays an image."""
    written = encode(image)
    if result is None:
        return written
    from .document import document
    from .explain import KEY, as_data

    explanations = document({KEY: as_data(result)})
    return written.removesuffix(b"\n}\n") + b"," + explanations.removeprefix(b"{")


def _image(arguments: Arguments) -> tuple[Image, DumpResult | None]:
    """The image, and of a live mount all that the dump told."""
    operand, mount_id = arguments.operand, arguments.one("mount-id")
    if (operand is None) == (mount_id is None):
        raise UsageError("give MOUNTPOINT, FILE or --mount-id ID, one of them", arguments.command)
    if operand is not None and _is_file(operand) and not arguments.given("pid"):
        for option in ("explain", "without"):
            if arguments.given(option):
                raise UsageError(f"--{option} is for a mount; an image file is shown as it is", arguments.command)
        return load_image(operand), None
    try:
        result = take(arguments, by_mount_id(*mount_id) if operand is None else by_operand(arguments, operand))
    except Refusal as refusal:
        if operand is None or refusal.code != "no-such-mount" or arguments.given("pid") or os.path.lexists(operand):
            raise
        raise Refusal("no-such-mount", "there is no mount point of that name, and no image file", operand) from None
    return result.image, result


def _is_file(operand: bytes) -> bool:
    """Whether it is an image file: `-`, a regular file, a pipe; a mount point is a directory."""
    if operand == b"-":
        return True
    return os.path.exists(operand) and not os.path.isdir(operand)
