"""`ovsi validate`."""

from __future__ import annotations

from ..errors import text
from ..image.model import sources
from .files import load_image, open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .arguments import Arguments


def run(arguments: Arguments) -> int:
    """Read the image as a restore would, and say so where it is good."""
    path = arguments.one("image")
    image = load_image(path)
    count = sum(len(list(sources(overlay))) for overlay in image.overlays)
    name = "standard input" if path == b"-" else text(path)
    line = f"{name}: a valid image {image.version}: overlays: {len(image.overlays)}, sources: {count}\n"
    open_output(b"-").write(line.encode())
    return 0
