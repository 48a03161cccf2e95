"""The table that `ovsi show` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovsi.cli import stack, table
from ovsi.errors import text
from ovsi.image import read

from .harness import VECTORS, ovsi, refused


def shown(name: str, width: int | None = None) -> str:
    return "\n".join(stack.lines(read.decode((VECTORS / "valid" / f"{name}.json").read_bytes()), width))


def test_sources_whose_id_mapping_is_unknown_are_named_however_well_proved_they_are() -> None:
    """A restore refuses them without --accept unproved (section 7.2): who looks is told before."""
    document = json.loads((VECTORS / "valid" / "writable.json").read_text())
    for layer in document["overlays"][0]["layers"][1:]:
        layer |= {"idmap": None, "missing": {"idmap": "nobody told"}}
    foot = stack.lines(read.decode(json.dumps(document).encode()), None)[-2:]
    assert foot == [
        "All 4 sources are proved and reachable.",
        "ID mapping unknown: lower 0 to 1: nobody told; to restore it, --accept unproved",
    ]


def test_a_proved_stack() -> None:
    assert shown("writable") == "\n".join(
        [
            "overlay o1 at /mnt (mount 211), device 0:48",
            "options: rw",
            "",
            "         state    assurance  device   inode  where      declared as",
            "upper    located  proved     8:2     131074  /srv/up    up",
            "lower 0  located  proved     8:2     131090  /srv/a     l/A",
            "lower 1  located  proved     8:2     131101  /srv/b     l/B",
            "work     located  proved     8:2     131075  /srv/work  work",
            "",
            "All 4 sources are proved and reachable.",
        ]
    )


def test_what_falls_short_is_said_once_for_all_that_it_holds_for() -> None:
    words = shown("minimal")
    assert "Not proved: lower 0 to 1: a name, and nothing proves which directory it named" in words
    assert words.count("a name, and nothing proves") == 1
    words = shown("every-state", 200)
    assert "Detached: lower 2 to 4: reachable through a process only" in words
    assert "Deleted: lower 6: the directory was removed" in words
    assert "mnt:[4026532999]:/data/b" in words
    assert "/proc/4711/fd/17:/" in words
    assert "ext4 08876a9e-6e36-4c51-a92a-8408fa714c56:/x" in words
    assert "? /srv/l" in shown("candidates")


@pytest.mark.parametrize("name", ["names-of-any-character", "names-not-utf8", "every-property", "many-data", "nested"])
@pytest.mark.parametrize("width", [60, 80, 111, None])
def test_no_control_character_is_printed_and_no_line_is_too_wide(name: str, width: int | None) -> None:
    if name == "many-data":
        name = "one-lower-many-data"
    lines = shown(name, width).splitlines()
    assert all(line.isprintable() for line in lines)
    rows = [line for line in lines if line.startswith(("lower", "upper", "work", "data"))]
    assert rows
    if width and width >= 80:
        assert max(table.columns(line) for line in rows) <= width


@given(st.text(), st.integers(1, 60))
def test_cutting_keeps_both_ends(cell: str, size: int) -> None:
    short = table.cut(cell, size)
    assert table.columns(short) <= size
    if short != cell:
        head, tail = short.split("…", 1) if "…" not in cell else (short, "")
        assert cell.startswith(head) or "…" in cell
        assert cell.endswith(tail) or "…" in cell


@given(st.binary())
def test_bytes_are_shown_printable(raw: bytes) -> None:
    assert text(raw).isprintable()


def test_wide_characters_take_two_columns() -> None:
    assert table.columns("\u5c42a\u0301") == 3
    assert table.columns(table.cut("\u5c42" * 20, 11)) <= 11


def test_show_reads_an_image_file_and_prints_it_back() -> None:
    path = VECTORS / "valid" / "writable.json"
    run = ovsi("show", path, env={"COLUMNS": "100"})
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout.startswith(b"overlay o1 at /mnt")
    run = ovsi("show", "--json", "-", input=path.read_bytes())
    assert read.decode(run.stdout) == read.decode(path.read_bytes())
    assert ovsi("show", VECTORS / "valid" / "minimal.json").returncode == 0, "shown, though nothing is proved"


def test_an_image_file_is_shown_with_the_names_that_map_takes() -> None:
    """Of its layers' file systems; the overlay's own is none of them."""
    run = ovsi("show", VECTORS / "valid" / "writable.json")
    lines = run.stdout.decode().splitlines()
    assert lines[-2:] == [
        "file systems of the layers, as --map names them:",
        "  disk  ext4  8:2  08876a9e-6e36-4c51-a92a-8408fa714c56",
    ]


def test_options_are_folded_where_a_terminal_is_narrow() -> None:
    lines = shown("every-property", 80).splitlines()
    assert max(map(len, lines[1:4])) <= 80
    assert shown("every-property").splitlines()[1].replace(",", ", ") == " ".join(" ".join(lines[1:3]).split())


def test_what_is_neither_a_mount_point_nor_a_file(tmp_path: Path) -> None:
    error = refused(ovsi("show", tmp_path / "nothing.json"))
    assert (error["code"], error["subject"]) == ("no-such-mount", str(tmp_path / "nothing.json"))
    assert "no image file" in error["message"]
