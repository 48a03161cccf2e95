"""`ovsi info`."""

from __future__ import annotations

from ..version import NAME, VERSION
from .claims import SPECIFICATIONS, claims
from .document import document
from .files import open_output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .arguments import Arguments


def run(_arguments: Arguments) -> int:
    """Print the claims as JSON by schemas/info.json."""
    claimed = {
        "implementation": {"name": NAME, "version": VERSION},
        "specifications": list(SPECIFICATIONS),
        "claims": claims(),
    }
    open_output(b"-").write(document(claimed))
    return 0
