"""Which tests of the suite a run is asked for."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass

from ..reporting.summary import asked
from .ids import group

SMOKE = (
    r"test_command_line\.py::test_(info|claims_are_registered|no_such_subcommand)$",
    r"test_command_line\.py::test_(standard_output|output_is_a_directory|same_claims)\[inside\]$",
    r"test_command_line\.py::test_nothing_of_that_name\[(process|overlay)-inside\]$",
    r"test_dumper\.py::test_\w+\[(core-(one-lower|read-only)|relative-absolute-upper|escaping-colon)-inside\]$",
    r"test_image\.py::test_vector\[(valid/(minimal|every-property|names-not-utf8)|invalid/(cut-short|u64-as-number))\]$",
    r"test_image\.py::test_vector\[invalid/(requires-unknown-layer|circle-of-two)\]$",
    r"test_restorer\.py::test_exact\[(core-(one-lower|read-only)|relative-absolute-upper|escaping-colon)-inside\]$",
    r"test_restorer\.py::test_(lookalike_in_its_place|source_is_gone)\[lower/1-inside\]$",
    r"test_restorer\.py::test_target\[missing-inside\]$",
    r"test_round_trip\.py::test_there_and_back\w*\[core-(one-lower|three-lowers)-inside\]$",
    r"test_interchange\.py::test_other_end\[core-(read-only|one-lower)-inside-",
)
"""A handful of each class: no privilege, seconds, and a wrong adapter shows."""


@dataclass(frozen=True)
class Shard:
    """The `number`th (from 1) of `of` parts. Tests that share a course share a part, whatever other tests there are."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """`I/N`; raises ValueError for anything else."""
        found = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
        if not found or int(found[1]) > int(found[2]):
            raise ValueError(f"a shard is I/N with I from 1 to N, such as 1/4, not {text!r}")
        return cls(int(found[1]), int(found[2]))

    def has(self, test: str) -> bool:
        digest = hashlib.sha256(group(test).encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.of == self.number - 1


@dataclass(frozen=True)
class Selection:
    """What was asked for; empty: everything. `requirements`: ids, or beginnings of ids."""

    classes: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    vantages: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    smoke: bool = False
    shard: Shard | None = None

    def keeps(self, test: str, claim: tuple[str, str, str], requirements: Collection[str]) -> bool:
        """Whether a test is asked for: its stable id, the claim that it judges, the requirements that it names."""
        if not asked(self.chosen(), claim):
            return False
        if self.requirements and not any(each.startswith(self.requirements) for each in requirements):
            return False
        if self.smoke and not any(re.match(pattern, test) for pattern in SMOKE):
            return False
        return self.shard is None or self.shard.has(test)

    def chosen(self) -> dict[str, list[str]]:
        """The classes, profiles and vantages that were named."""
        named = {"class": self.classes, "profile": self.profiles, "vantage": self.vantages}
        return {name: list(words) for name, words in named.items() if words}

    def parts(self) -> list[str]:
        """Why a run of it is one of a part of the tests of a claim; empty: it is not."""
        found = [f"--requirement {each}" for each in self.requirements]
        found += ["--smoke"] if self.smoke else []
        return found + ([f"--shard {self.shard.number}/{self.shard.of}"] if self.shard else [])
