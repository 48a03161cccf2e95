"""`ovsi restore`."""

from __future__ import annotations

import os

from ..errors import Refusal, text
from . import report, terminal
from .arguments import UsageError
from .document import document
from .files import Replacement, load_image, open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.model import Image
    from ..plan import Request
    from ..restore import Result
    from .arguments import Arguments

_RESULT_BYTES = 4096
_RESULT_BYTES_EACH = 16384  # an overlay: paths of 4096 bytes, escaped


def run(arguments: Arguments) -> int:
    """Mount what the image describes, or with --dry-run say how."""
    request = _request(arguments)
    image = load_image(arguments.one("image"))
    if arguments.given("dry-run"):
        return _print_plan(image, request, arguments.given("json"))
    from ..restore import restore

    if arguments.given("result"):
        result = _restore_and_tell(image, request, arguments.one("result"))
    else:
        result = restore(image, request)
    for note in result.notes:
        report.say(note)
    return 0


def _restore_and_tell(image: Image, request: Request, path: bytes) -> Result:
    """Restore, with the result in a file: where that can't be written, nothing stays mounted (spec 8.2)."""
    from ..restore import restore

    with open_output(path) as output:
        if isinstance(output, Replacement):
            _refuse_hidden(output.final, path, request)
        output.reserve(_RESULT_BYTES + _RESULT_BYTES_EACH * len(image.overlays))
        result = restore(image, request)
        try:
            output.write(document(result.as_data()))
        except Refusal as refusal:
            raise _undone(result, request, refusal) from None
    return result


def _refuse_hidden(final: bytes, path: bytes, request: Request) -> None:
    """Raises Refusal target-busy where the mount would lie over the directory of its result, which goes there last."""
    if request.pid is None and request.target is not None:
        target = os.path.realpath(request.target).rstrip(b"/") + b"/"
        if final.startswith(target):
            raise Refusal("target-busy", "the mount would hide the place of its own result", path)


def _undone(result: Result, request: Request, refusal: Refusal) -> Refusal:
    from ..restore.undo import undo

    try:
        undo(result, request.pid)
        what = "and the mount was undone"
    except (OSError, Refusal) as failure:
        what = f"and the mount stays ({failure})"
    return Refusal(refusal.code, f"the result could not be written, {what}: {refusal.message}", refusal.subject)


def _request(arguments: Arguments) -> Request:
    from ..plan import Request, parse_map

    pid, target, root = arguments.one("pid"), arguments.one("target"), arguments.one("root")
    maps = []
    for word in arguments.every("map"):
        try:
            mapping = parse_map(word)
            maps.append(mapping.replace(directory=_absolute(mapping.directory, pid)))
        except ValueError as wrong:
            raise UsageError(f"--map {text(word)}: {wrong}", arguments.command) from None
    return Request(
        overlay_id=arguments.one("overlay"),
        target=target and _absolute(target, pid),
        all_root=root and _absolute(root, pid),
        pid=pid,
        maps=tuple(maps),
        accept=frozenset(arguments.every("accept")),
        mount_devices=arguments.given("mount-devices"),
    )


def _absolute(path: bytes, pid: int | None) -> bytes:
    """The path from the root of the process that it is meant below: --pid's, or this one; no link is followed."""
    whole = os.path.join(os.getcwdb() if pid is None else b"/", path)
    return b"/" + b"/".join([name for name in whole.split(b"/") if name not in (b"", b".")])


def _print_plan(image: Image, request: Request, for_programs: bool) -> int:
    from ..plan import as_data, lines
    from ..restore import plan_for

    plan = plan_for(image, request)
    terminal.show(document(as_data(plan)) if for_programs else terminal.encoded(lines(plan)))
    return 0
