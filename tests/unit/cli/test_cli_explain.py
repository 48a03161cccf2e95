"""What `ovsi show --explain` prints: every rung's word and the judge's, neighbours drawn together."""

from __future__ import annotations

import json

from ovsi.cli import explain, show
from ovsi.dump import DumpResult, Explanation
from ovsi.image import read

from .harness import VECTORS, ovsi

IMAGE = read.decode((VECTORS / "valid" / "writable.json").read_bytes())
SAID = (("introspection", "switched off"), ("option-string", "its name leads to 1 directory"))
EXPLANATIONS = (
    Explanation("o1", "upper", (("location", "opened and compared below mount 7"),), "the kernel holds inode 5"),
    Explanation("o1", "lower/0", SAID, "nothing proves it"),
    Explanation("o1", "lower/1", SAID, "nothing proves it"),
    Explanation("o2", "lower/0", SAID, "hostile \x1b[31m words"),
)
RESULT = DumpResult(
    image=IMAGE,
    complete=False,
    abilities=(("introspection", "used"), ("witness", "word " * 30)),
    explain=lambda: EXPLANATIONS,
)


def test_for_people() -> None:
    lines = explain.lines(RESULT, 60)
    assert lines[0] == "ways of finding sources"
    assert "  introspection  used" in lines
    at = lines.index("lower 0 to 1")
    assert lines[at + 1 : at + 4] == [
        "  introspection  switched off",
        "  option-string  its name leads to 1 directory",
        "  judge          nothing proves it",
    ]
    assert lines.index("overlay o1") < at < lines.index("overlay o2")
    assert "  judge          hostile \\x1b[31m words" in lines
    assert all(line.isprintable() and len(line) <= 60 for line in lines)
    assert all(line.isprintable() for line in explain.lines(RESULT, 1))


def test_for_programs_it_stays_an_image() -> None:
    document = show._document(IMAGE, RESULT)
    assert read.decode(document) == IMAGE
    explanations = json.loads(document)[explain.KEY]
    assert [entry["rung"] for entry in explanations["abilities"]] == ["introspection", "witness"]
    assert explanations["sources"][1] == {
        "overlay": "o1",
        "source": "lower/0",
        "findings": [{"rung": rung, "said": said} for rung, said in SAID],
        "verdict": "nothing proves it",
    }
    assert show._document(IMAGE, None) + b"" == document.split(b',\n "x-ovsi-')[0] + b"\n}\n"


def test_a_file_has_nothing_to_explain() -> None:
    run = ovsi("show", "--explain", VECTORS / "valid" / "writable.json")
    assert (run.returncode, run.stdout) == (2, b"")
