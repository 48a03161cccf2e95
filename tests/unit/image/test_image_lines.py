"""Layers that are read by their lines: the same as by the general way, whatever becomes of a document."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from ovsi.errors import Refusal
from ovsi.image import lines, model, read, write
from ovsi.image.frames import BEGIN_OF_ARRAY, END_OF_ARRAY
from ovsi.image.parse import tree

from .examples import FILES, stack, vector
from .test_image_write import USUAL

PIECES = (
    '"',
    "\\",
    ",",
    "\n",
    " ",
    "{",
    "}",
    "[",
    "]",
    ":",
    "0",
    "1",
    "-",
    "true",
    "null",
    "/",
    ".",
    "é",
    "\x01",
    "\ud800",
)

assert USUAL.identity
PLAIN = USUAL.replace(  # without what must be escaped, and in the tables of `stack`
    declared=b"l0",
    path=b"/srv/0",
    identity=USUAL.identity.replace(filesystem="disk"),
    location=model.Place(mount="root", path=b"/srv/0"),
)


def document(overlays: int = 2, layers: int = 3) -> str:
    """A valid image, as the writer writes it."""
    image = stack(overlays, layers)
    paths = [b"/srv/%d" % number for number in range(layers)]
    usual = [
        PLAIN.replace(path=path, location=model.Place(mount="root", path=path), declared=b"l" + path[5:])
        for path in paths
    ]
    devices = [one.replace(device=f"0:{number}") for number, one in enumerate(image.filesystems)]
    made = tuple(overlay.replace(layers=tuple(usual)) for overlay in image.overlays)
    return write.encode(image.replace(filesystems=tuple(devices), overlays=made)).decode()


def outcome(text: str) -> object:
    try:
        return read.decode(text.encode("utf-8", "surrogatepass"))
    except Refusal as refusal:
        return refusal.code, refusal.message, refusal.subject


def both(text: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """What becomes of a text either way."""
    found = outcome(text)
    with monkeypatch.context() as general:
        general.setattr(read, "tree_with_layers", lambda _text: None)
        assert outcome(text) == found, text
    return found


def _by_its_lines(text: str) -> bool:
    return lines.tree_with_layers(text) is not None


def test_what_the_writer_writes_is_read_by_its_lines() -> None:
    root = lines.tree_with_layers(document())
    assert isinstance(root, dict)
    assert [type(layer) for overlay in root["overlays"] for layer in overlay["layers"]] == [model.Layer] * 6


def test_a_dump_is_read_by_its_lines_as_by_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    text = document(3, 40)
    assert lines.tree_with_layers(text) is not None
    assert isinstance(both(text, monkeypatch), model.Image)


@pytest.mark.parametrize("name", [entry["file"] for entry in FILES])
def test_each_vector(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        text = vector(name).decode()
    except UnicodeDecodeError:
        return
    both(text, monkeypatch)
    try:
        both(write.encode(read.decode(text.encode())).decode(), monkeypatch)
    except Refusal:
        return


def test_whatever_is_changed_in_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    text = document()
    begin, end = text.index('"overlays"'), len(text)
    met: Counter[tuple[type, bool]] = Counter()  # what came of a document, and whether its layers were read quickly
    for _ in range(1500):
        at = chance.randrange(begin, end)
        length = chance.choice((0, 0, 1, 1, 2, 30, 400))
        changed = text[:at] + chance.choice(("", *PIECES)) + text[at + length :]
        found = both(changed, monkeypatch)
        met[type(found), _by_its_lines(changed)] += 1
    assert min(met[model.Image, True], met[model.Image, False], met[tuple, False]) > 50, met
    assert met[tuple, True] > 5, met


def test_whole_lines_and_values_in_other_places(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(2)
    rows = document().splitlines(keepends=True)
    for _ in range(300):
        moved = rows[:]
        moved.insert(chance.randrange(len(rows)), moved.pop(chance.randrange(len(rows))))
        both("".join(moved), monkeypatch)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"layers": [', '"more": {"layers": [{}]}, "layers": ['),
        ('"layers": [', '"layers": [{}], "layers": ['),
        ('"layers": [', '"la\\u0079ers": [{}], "layers": ['),
        ('"layers": [', f'"layers": [{lines._MARK}00001], "x": ['),
        ('"layers": [', f'"x": {lines._MARK}00000, "layers": ['),
        ('"overlays": [', '"more": {"layers": [\n    {}\n   ]}, "overlays": ['),
        ('"overlays": [', '"overlays": [], "overlays": ['),
        ('"generation": ', '"generation": 1, "generation": '),
        ('"l0"', '"l\\u0030"'),
        ('"l0"', '{"base64": "/w=="}'),
        ('"l0"', '"\ue000"'),
    ],
)
def test_what_could_be_taken_for_something_else(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = document()
    both(text.replace(old, new), monkeypatch)
    both(text.replace(old, new, 1), monkeypatch)
    last = text.rindex(old)
    both(text[:last] + new + text[last + len(old) :], monkeypatch)


def test_a_number_in_the_text_is_not_taken_for_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One as it stands for layers, in the last overlay, whose own array is below a key that readers ignore."""
    before, array, after = document().rpartition(BEGIN_OF_ARRAY)
    lines_of_it, end, rest = after.partition(END_OF_ARRAY)
    text = f'{before}{BEGIN_OF_ARRAY}{lines._MARK}00001], "x": {{{array}{lines_of_it}{end}}}{rest}'
    assert isinstance(both(text, monkeypatch), tuple)
    ignored = f'{before}"x": {{{array}{lines_of_it}{end}}}, {array}{lines_of_it}{end}{rest}'
    assert isinstance(both(ignored, monkeypatch), model.Image)


@pytest.mark.parametrize(
    ("name", "digits", "valid"),
    [
        ("generation", str(2**32 - 1), True),
        ("generation", str(2**32), False),
        ("generation", "-1", False),
        ("generation", "01", False),
        ("inode", f'"{2**64 - 1}"', True),
        ("inode", f'"{2**64}"', False),
        ("inode", '"-1"', False),
        ("inode", '"01"', False),
        ("type", str(2**31), False),
    ],
)
def test_numbers_at_their_limits(name: str, digits: str, valid: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last layer: it is read by the frame of those before."""
    before, last, after = document().rpartition(f'"{name}": ')
    text = before + last + digits + after[after.index(",") :]
    assert isinstance(both(text, monkeypatch), model.Image) == valid


def test_many_frames_are_left_to_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [PLAIN.replace(method=f"x-{number}") for number in range(2 * lines._MOST_FRAMES)]
    image = stack(1, 1)
    text = write.encode(image.replace(overlays=(image.overlays[0].replace(layers=tuple(layers), work=None),))).decode()
    assert lines.tree_with_layers(text) is None
    both(text, monkeypatch)


def test_a_line_is_read_as_json_reads_it() -> None:
    line = write._layer(PLAIN).removeprefix(",").strip()
    known: list[lines._Frame] = []
    for _ in range(2):
        assert (
            lines._layer(line, known)
            == read._READERS[model.Layer](json.loads(line))
            == read._READERS[model.Layer](tree(line))
        )
    assert len(known) == 1
