"""Requirements and tests hold each other: every MUST has a test that names it, every id that a test names exists."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from .mutants.registry import mutants
from .mutants.suites import SUITES
from .support.requirements import ID, KEYWORD, Requirement, load, paragraphs
from .support.traces import declarations, declared_by, named_by_tests

REQUIREMENTS = load()
SERIES = {
    "OVSI-IMG": "03-image.md",
    "OVSI-ID": "04-identity.md",
    "OVSI-EQV": "05-equivalence.md",
    "OVSI-DUMP": "06-dumper.md",
    "OVSI-REST": "07-restorer.md",
    "OVSI-CLI": "08-command-line.md",
    "OVSI-CONF": "09-conformance.md",
    "OVSI-LOC": "10-location.md",
    "OVSI-VER": "11-versioning.md",
    "OVSI-REG": "12-registries.md",
    "OVSI-SEC": "13-security.md",
}
# The one paragraph that quotes the keywords in order to say what they mean.
BOILERPLATE = "The key words "


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.id)
def test_requirement_is_well_formed(requirement: Requirement) -> None:
    where = f"spec/{requirement.chapter}:{requirement.line}"
    assert ID.fullmatch(requirement.id), f"{where}: {requirement.id} is not OVSI-SERIES-nnn"
    series = requirement.id.rpartition("-")[0]
    assert SERIES.get(series) == requirement.chapter, f"{where}: {requirement.id} belongs to {SERIES.get(series)}"
    assert requirement.withdrawn or len(requirement.keywords) == 1, f"{where}: {requirement.keywords}: one keyword each"
    assert requirement.text.endswith((".", ":")), f"{where}: {requirement.id} is not a whole sentence"


def test_ids_are_unique_and_without_gaps() -> None:
    ids = [requirement.id for requirement in REQUIREMENTS]
    assert not [name for name, count in Counter(ids).items() if count > 1]
    for series in SERIES:
        numbers = sorted(int(name[-3:]) for name in ids if name.rpartition("-")[0] == series)
        assert numbers == list(range(1, len(numbers) + 1)), f"{series}: a withdrawn requirement stays in the text"


def test_keywords_stand_in_requirements_only() -> None:
    strays = [
        f"spec/{paragraph.chapter}:{paragraph.line}: {KEYWORD.findall(paragraph.text)}"
        for paragraph in paragraphs()
        if KEYWORD.search(paragraph.text) and not paragraph.text.startswith(("**OVSI-", BOILERPLATE))
    ]
    assert not strays


def test_ids_in_the_text_exist() -> None:
    known = {requirement.id for requirement in REQUIREMENTS}
    assert not [
        f"spec/{paragraph.chapter}:{paragraph.line}: {name}"
        for paragraph in paragraphs()
        for name in ID.findall(paragraph.text)
        if name not in known
    ]


def test_links_between_chapters_lead_somewhere() -> None:
    present = {paragraph.chapter for paragraph in paragraphs()}
    assert not [
        f"spec/{paragraph.chapter}:{paragraph.line}: {target}"
        for paragraph in paragraphs()
        for target in re.findall(r"\]\(([\w.-]+\.md)", paragraph.text)
        if target not in present
    ]


def test_at_most_one_in_twenty_is_untestable() -> None:
    standing = [requirement for requirement in REQUIREMENTS if requirement.withdrawn is None]
    untestable = [requirement.id for requirement in standing if requirement.untestable is not None]
    assert len(untestable) <= 0.05 * len(standing), untestable


def test_every_binding_requirement_is_tested() -> None:
    named = named_by_tests()
    untested = [requirement.id for requirement in REQUIREMENTS if requirement.binding and requirement.id not in named]
    assert not untested, f"{len(untested)} requirements that no test names: " + " ".join(untested)


def test_every_binding_requirement_is_broken_by_a_mutant() -> None:
    """A requirement that no wrong implementation breaks is one of which nobody has seen that the suite judges it."""
    breaches = [*(each.breaks for each in mutants().values()), *(each.breaks for each in SUITES.values())]
    broken = {name for breaks in breaches for name in breaks}
    unbroken = [requirement.id for requirement in REQUIREMENTS if requirement.binding and requirement.id not in broken]
    assert not unbroken, f"{len(unbroken)} requirements that no mutant breaks: " + " ".join(unbroken)


def test_tests_name_no_unknown_requirement() -> None:
    known = {requirement.id for requirement in REQUIREMENTS if requirement.withdrawn is None}
    unknown = {name: sorted(files) for name, files in declared_by().items() if name not in known}
    assert not unknown


def test_what_merely_mentions_a_requirement_is_no_test_of_it(tmp_path: Path) -> None:
    suite = tmp_path / "test_suite.py"
    suite.write_text(
        '"""OVSI-IMG-001 in passing."""\n# OVSI-IMG-002\n\n'
        '@mark.requirement("OVSI-IMG-003")\ndef test_it():\n    assert "see OVSI-IMG-004"\n'
        '    Finding("OVSI-IMG-005", "a")\n\nIDS = ("OVSI-IMG-006 OVSI-IMG-007",)\n'
    )
    found = [("OVSI-IMG-003", 5, "test_it"), ("OVSI-IMG-005", 5, "test_it")]
    assert sorted(declarations(suite)) == [*found, ("OVSI-IMG-006", 9, "IDS"), ("OVSI-IMG-007", 9, "IDS")]


def test_the_projects_own_tests_name_requirements_in_docstrings() -> None:
    """A search for an id, or an example with one, is no test of it."""
    site = Path(__file__).parent / "test_site.py"
    assert "OVSI-DUMP-012" in site.read_text()
    assert list(declarations(site)) == []
    verdicts = Path(__file__).parent / "test_suite_verdicts.py"
    assert "OVSI-CONF-004" in {name for name, _, _ in declarations(verdicts)}
