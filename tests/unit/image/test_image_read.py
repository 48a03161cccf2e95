"""The reader: every vector as its manifest says, and one verdict with an independent judge on mutated documents."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ovsi.errors import Refusal
from ovsi.image import model, read, usual, write

from conformance.harness.imagecheck import read as judge

from .examples import FILES, GENERATED, REPOSITORY, VECTORS, made, stack, vector

REGISTRIES = json.loads((REPOSITORY / "schemas" / "registries.json").read_text())
CATEGORY: dict[str, str] = {
    code["code"]: category["name"] for category in REGISTRIES["categories"] for code in category["codes"]
}
VALID = [entry["file"] for entry in FILES if entry["expect"] == "valid"]


def verdict(data: bytes) -> str:
    try:
        read.decode(data)
    except Refusal as caught:
        refusal = caught
    else:
        return "valid"
    assert refusal.message.isprintable()
    assert refusal.subject == "" or refusal.subject.startswith("/")
    return CATEGORY[refusal.code]


@pytest.mark.parametrize("entry", FILES, ids=lambda entry: entry["file"])
def test_vectors(entry: dict[str, Any]) -> None:
    assert verdict(vector(entry["file"])) == entry["expect"]


@pytest.mark.parametrize("entry", GENERATED, ids=lambda entry: entry["name"])
def test_generated_vectors(entry: dict[str, Any]) -> None:
    assert verdict(made(entry)) == entry["expect"]


@pytest.mark.parametrize("entry", FILES, ids=lambda entry: entry["file"])
def test_the_suites_own_reader_agrees(entry: dict[str, Any]) -> None:
    _, faults = judge(vector(entry["file"]))
    if entry["expect"] != "unsupported":
        assert (not faults) == (entry["expect"] == "valid"), faults


@pytest.mark.parametrize(
    ("name", "code", "subject"),
    [
        ("path-dot-dot", "bad-path", "/overlays/0/layers/0/path"),
        ("key-twice-in-layer", "duplicate-key", "/overlays/0/layers/0"),
        ("unknown-number-with-fraction", "bad-number", "/x-n/0"),
        ("lone-surrogate", "not-utf8", "/overlays/0/layers/0/declared"),
        ("base64-of-utf8", "bad-bytes", "/overlays/0/layers/0/declared/base64"),
        ("null-not-named", "bad-null", "/overlays/0/layers/0/identity/generation"),
        ("overlay-of-no-mount", "bad-reference", "/overlays/0/mounts/1"),
        ("two-uppers", "bad-layers", "/overlays/0/layers/1/role"),
        ("three-levels", "bad-nesting", "/overlays/0/layers"),
        ("newer-major", "unsupported-version", "/version"),
        ("requires-unknown-work", "unsupported-requires", "/overlays/0/work/requires/0"),
        ("role-unknown", "unsupported-role", "/overlays/0/layers/1/role"),
    ],
)
def test_a_refusal_says_where(name: str, code: str, subject: str) -> None:
    with pytest.raises(Refusal) as caught:
        read.decode(vector(f"invalid/{name}.json"))
    assert (caught.value.code, caught.value.subject) == (code, subject)
    assert caught.value.message.startswith(subject)


def test_unknown_words_count_as_the_least() -> None:
    sources = read.decode(vector("valid/unknown-assurance.json")).overlays[0].layers
    assert {(source.assurance, source.state, source.location) for source in sources} == {("none", "unknown", None)}
    assert all(source.reason for source in sources)
    sources = read.decode(vector("valid/unknown-state.json")).overlays[0].layers
    assert {(source.assurance, source.state, source.location) for source in sources} == {("proved", "unknown", None)}


def test_bytes_come_back_as_they_were() -> None:
    image = read.decode(vector("valid/names-not-utf8.json"))
    assert [layer.declared for layer in image.overlays[0].layers] == [b"/srv/\xff\xfe", b"/caf\xe9", b"\xed\xa0\x80"]
    assert image.mounts[0].mount_point == b"/mnt\x80"


VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**32, 2**64, "", "x", "/", "/a", "a/b", "..", "0", "00", str(2**64), "proved",
    "none", "located", "deleted", "upper", "data", "lower", "view", "disk", "overlay", "\0", "\x85", "8:2",
    [], {}, ["x"], [1], {"base64": "//8="}, {"base64": "YQ=="}, {"mount": "root", "path": "/a"}, {"generation": "why"},
    {"x": "y"}, [{}],
]  # fmt: skip
DELETE = object()


def places(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every member of an object and element of an array."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, item in members for way in [(*at, key), *places(item, (*at, key))]]


def mutated(document: Any, way: tuple[Any, ...], value: object) -> Any:
    document = copy.deepcopy(document)
    holder = document
    for step in way[:-1]:
        holder = holder[step]
    if value is DELETE:
        del holder[way[-1]]
    else:
        holder[way[-1]] = value
    return document


def assert_agreement(document: Any) -> None:
    data = json.dumps(document).encode()
    ours = verdict(data)
    try:
        _, faults = judge(data)
    except (AttributeError, KeyError, TypeError, jsonschema.SchemaError):  # pragma: no cover - told by the assertion
        faults = ["the judge did not finish"]
    if ours != "unsupported":
        assert (ours == "valid") == (not faults), (ours, faults)


@pytest.mark.parametrize(
    "name", ["writable", "every-property", "every-state", "nested", "nulls-explained", "candidates"]
)
def test_each_property_left_out_or_of_another_type(name: str) -> None:
    """Each property of the format, left out at one place and changed at another; the judge knows the schema."""
    document = json.loads(vector(f"valid/{name}.json"))
    draw = random.Random(name)
    properties: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for way in places(document):
        properties.setdefault(tuple("*" if isinstance(step, int) else step for step in way), []).append(way)
    for ways in properties.values():
        assert_agreement(mutated(document, draw.choice(ways), DELETE))
        assert_agreement(mutated(document, draw.choice(ways), draw.choice(VALUES)))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(VALID), st.randoms(use_true_random=False))
def test_random_mutations(name: str, draw: random.Random) -> None:
    document = json.loads(vector(name))
    for _ in range(draw.randint(1, 3)):
        ways = places(document)
        document = mutated(document, draw.choice(ways), draw.choice([*VALUES, DELETE]))
        if not isinstance(document, dict):
            break
    assert_agreement(document)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 4000), st.integers(0, 40))
def test_damaged_bytes_are_refused_or_read_and_never_crash(noise: bytes, at: int, cut: int) -> None:
    data = vector("valid/writable.json")
    verdict(data[:at] + noise + data[at + cut :])


WITHOUT_JSON = """
import os, sys
from ovsi.errors import Refusal
from ovsi.image.read import decode
for line in sys.stdin:
    expect, name = line.split()
    if os.fork():
        if os.wait()[1]: sys.exit(f"{name} is not {expect}")
        continue
    assert "json" not in sys.modules
    try:
        decode(open(name, "rb").read())
    except Refusal:
        os._exit(expect == "valid")
    except BaseException as error:
        print(repr(error))
        os._exit(2)
    os._exit(expect != "valid")
"""


def test_the_same_verdicts_in_a_process_that_has_not_imported_json() -> None:
    lines = "".join(f"{entry['expect']} {VECTORS / entry['file']}\n" for entry in FILES)
    environment = {"PYTHONPATH": str(REPOSITORY / "reference")}
    words = [sys.executable, "-S", "-c", WITHOUT_JSON]
    run = subprocess.run(words, input=lines, text=True, capture_output=True, env=environment, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def outcome(data: bytes) -> model.Image | tuple[str, str, str]:
    try:
        return read.decode(data)
    except Refusal as refusal:
        return refusal.code, refusal.message, str(refusal.subject)


def usual_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(write.encode(stack(1, 3)))
    for layer in document["overlays"][0]["layers"]:
        layer["identity"]["handle"]["madeBy"] = "kernel"
    return document


def variants() -> list[tuple[str, dict[str, Any]]]:
    """A document of usual layers with one thing otherwise: each property of a layer gone, or of another value."""
    found = [("as it is", usual_document())]
    values: tuple[Any, ...] = (None, True, -1, 2**64, "", "none", "a\0b", "/", "/a/../b", "upper", "covered", "x-new")
    values += ("0A", [], {"base64": "/w=="})
    for inner in ((), ("identity",), ("identity", "handle"), ("location",)):
        names = [*_at(usual_document(), inner), "x-other", "missing", "process", "subvolume"]
        for name in names:
            for value in (*values, ...):
                document = usual_document()
                part = _at(document, inner)
                if value is ...:
                    part.pop(name, None)
                else:
                    part[name] = value
                found.append((f"{'/'.join((*inner, name))}: {value!r}", document))
    return found


def _at(document: dict[str, Any], inner: tuple[str, ...]) -> dict[str, Any]:
    part: dict[str, Any] = document["overlays"][0]["layers"][1]
    for name in inner:
        part = part[name]
    return part


def test_the_quick_way_of_usual_layers_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [(entry["file"], vector(entry["file"])) for entry in FILES]
    documents += [(name, json.dumps(document).encode()) for name, document in variants()]
    quick = [outcome(data) for _name, data in documents]
    assert all(map(usual.layer, usual_document()["overlays"][0]["layers"]))
    monkeypatch.setattr(usual, "layer", lambda _value: None)
    for (name, data), found in zip(documents, quick, strict=True):
        assert found == outcome(data), name


@pytest.mark.parametrize("apart", ["", " ", "  ", "\t", "\n \r"])
@pytest.mark.parametrize(
    "words", ['"x-a": 1', '"x-a": "\\":"', '"x-a": ":"', '"x-a" : ":", "x-\\u003a": "a:b"', '":":":"']
)
def test_a_repeated_key_is_found_however_keys_and_colons_stand(apart: str, words: str) -> None:
    text = vector(VALID[0]).decode().rstrip().removesuffix("}")
    once = f'{text}, {words}, "x-twice"{apart}: 1}}'
    assert verdict(once.encode()) == "valid"
    for twice in (f'"x-twice"{apart}: 2', '"x-twice":2', f'"x-in": [{{"b"{apart}:1, "b":2}}]'):
        assert verdict(f"{once[:-1]}, {twice}}}".encode()) == "bad-image"
