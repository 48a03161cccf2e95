"""States what is false, and claims next to nothing."""

from .mutant import Json, Mutant
from .path_exists import believe


def claim(info: Json) -> None:
    info["claims"] = [{"class": "dumper", "profile": "volatile", "vantage": "outside"}]


MUTANT = Mutant(
    breaks=("OVSI-DUMP-002", "OVSI-DUMP-003", "OVSI-DUMP-004", "OVSI-DUMP-005"),
    fails=(
        "test_dumper.py::test_sound[core-covered-by-twin-inside]",
        "test_dumper.py::test_sound[core-renamed-inside]",
    ),
    image=believe,
    info=claim,
)
