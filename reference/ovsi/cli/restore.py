"""`ovsi restore`."""

from __future__ import annotations

from ..errors import text
from . import report
from .arguments import UsageError
from .files import load_image, open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..image.model import Image
    from ..plan import Request
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
        with open_output(arguments.one("result")) as output:
            output.reserve(_RESULT_BYTES + _RESULT_BYTES_EACH * len(image.overlays))
            result = restore(image, request)
            output.write(_json(result.as_data()))
    else:
        result = restore(image, request)
    for note in result.notes:
        report.say(note)
    return 0


def _request(arguments: Arguments) -> Request:
    from ..plan import Request, parse_map

    maps = []
    for word in arguments.every("map"):
        try:
            maps.append(parse_map(word))
        except ValueError as wrong:
            raise UsageError(f"--map {text(word)}: {wrong}", arguments.command) from None
    return Request(
        overlay_id=arguments.one("overlay"),
        target=arguments.one("target"),
        all_root=arguments.one("root"),
        pid=arguments.one("pid"),
        maps=tuple(maps),
        accept=frozenset(arguments.every("accept")),
    )


def _print_plan(image: Image, request: Request, for_programs: bool) -> int:
    from ..plan import as_data, lines
    from ..restore import plan_for

    plan = plan_for(image, request)
    words = (
        _json(as_data(plan)) if for_programs else ("\n".join(lines(plan)) + "\n").encode("utf-8", "backslashreplace")
    )
    open_output(b"-").write(words)
    return 0


def _json(data: object) -> bytes:
    import json

    return json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"
