"""Layers that are read by their lines: the same as by the general way, whatever becomes of a document."""

from __future__ import annotations

import json
import random

import pytest
from ovsi.errors import Refusal
from ovsi.image import lines, model, read, write
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

PLAIN = USUAL.replace(declared=b"l0", path=b"/srv/0")  # without what must be escaped


def document(overlays: int = 2, layers: int = 3) -> str:
    image = stack(overlays, layers)
    usual = [PLAIN.replace(path=b"/srv/%d" % number, declared=b"l%d" % number) for number in range(layers)]
    made = tuple(overlay.replace(layers=tuple(usual), work=None) for overlay in image.overlays)
    return write.encode(image.replace(overlays=made)).decode()


def outcome(text: str) -> object:
    try:
        return read.decode(text.encode("utf-8", "surrogatepass"))
    except Refusal as refusal:
        return refusal.code, refusal.message, refusal.subject


def both(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome(text)
    with monkeypatch.context() as general:
        general.setattr(read, "tree_with_layers", lambda _text: None)
        assert outcome(text) == found, text


def test_what_the_writer_writes_is_read_by_its_lines() -> None:
    root = lines.tree_with_layers(document())
    assert isinstance(root, dict)
    assert [type(layer) for overlay in root["overlays"] for layer in overlay["layers"]] == [model.Layer] * 6


def test_a_dump_is_read_by_its_lines_as_by_the_general_way(monkeypatch: pytest.MonkeyPatch) -> None:
    text = document(3, 40)
    assert lines.tree_with_layers(text) is not None
    both(text, monkeypatch)


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
    for _ in range(1500):
        at = chance.randrange(begin, end)
        length = chance.choice((0, 0, 1, 1, 2, 30, 400))
        both(text[:at] + chance.choice(("", *PIECES)) + text[at + length :], monkeypatch)


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
