"""`ovsi info`."""

from __future__ import annotations

from ..version import NAME, VERSION
from .claims import SPECIFICATIONS, claims
from .files import open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .arguments import Arguments


def run(_arguments: Arguments) -> int:
    """Print the claims as JSON by schemas/info.json."""
    import json

    document = {
        "implementation": {"name": NAME, "version": VERSION},
        "specifications": list(SPECIFICATIONS),
        "claims": claims(),
    }
    open_output(b"-").write(json.dumps(document, indent=1).encode() + b"\n")
    return 0
