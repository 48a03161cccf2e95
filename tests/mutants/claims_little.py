"""States what is false, and claims next to nothing."""

from .mutant import Json, Mutant, run
from .path_exists import believe

MUTANT = Mutant(
    breaks=("OVSI-DUMP-002", "OVSI-DUMP-003", "OVSI-DUMP-004", "OVSI-DUMP-005"),
    meets="test_sound and (core-covered-by-twin or core-renamed) and inside",
)


def claim(info: Json) -> None:
    info["claims"] = [{"class": "dumper", "profile": "volatile", "vantage": "outside"}]


if __name__ == "__main__":
    run(image=believe, info=claim)
