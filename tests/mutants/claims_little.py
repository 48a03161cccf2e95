"""States what is false, and claims next to nothing."""

from .mutant import Json, Mutant
from .path_exists import MUTANT as BELIEVER
from .path_exists import believe


def claim(info: Json) -> None:
    info["claims"] = [{"class": "dumper", "profile": "volatile", "vantage": "outside"}]


MUTANT = Mutant(breaks=BELIEVER.breaks, fails=BELIEVER.fails, image=believe, info=claim)
