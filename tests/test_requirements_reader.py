"""How requirements and examples are read from the specification's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .support.requirements import examples, load, paragraphs

if TYPE_CHECKING:
    from pathlib import Path

CHAPTER = """\
# A chapter

**OVSI-IMG-001** A reader MUST NOT
stop half-way. Not tested: nobody
can wait that long.
Text that goes on.

An explanation that must not count.

**OVSI-IMG-002** A reader SHOULD read. Withdrawn: it
goes without saying.
```json example=fragment:bytes
"**OVSI-IMG-003** A reader MUST not be found here"
```
**OVSI-IMG-004** A reader MAY read.
```json
{}
```
```text
{
```
"""


def written(tmp_path: Path) -> Path:
    (tmp_path / "01-chapter.md").write_text(CHAPTER)
    return tmp_path


def test_a_requirement_is_the_paragraph_that_begins_with_its_id(tmp_path: Path) -> None:
    first, second, third = load(written(tmp_path))
    assert (first.id, first.keyword, first.line) == ("OVSI-IMG-001", "MUST NOT", 3)
    assert first.text == "A reader MUST NOT stop half-way."
    assert first.untestable == "nobody can wait that long. Text that goes on."
    assert (second.keyword, second.withdrawn) == ("SHOULD", "it goes without saying.")
    assert (third.id, third.keyword, third.line) == ("OVSI-IMG-004", "MAY", 15)


def test_only_what_can_be_tested_binds(tmp_path: Path) -> None:
    assert [requirement.binding for requirement in load(written(tmp_path))] == [False, False, False]
    (tmp_path / "02-more.md").write_text("**OVSI-ID-001** A dumper MUST dump.\n")
    assert [requirement.id for requirement in load(tmp_path) if requirement.binding] == ["OVSI-ID-001"]


def test_fenced_blocks_hold_no_paragraphs(tmp_path: Path) -> None:
    assert not [paragraph for paragraph in paragraphs(written(tmp_path)) if "found here" in paragraph.text]


def test_examples_are_the_blocks_of_json(tmp_path: Path) -> None:
    found = [(example.kind, example.text) for example in examples(written(tmp_path))]
    assert found == [("fragment:bytes", '"**OVSI-IMG-003** A reader MUST not be found here"'), ("", "{}")]
