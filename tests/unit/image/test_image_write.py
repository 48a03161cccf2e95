"""The writer: right JSON, the same bytes each time, readable, and fast."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovsi.image import model, read, strings, write

from .examples import FILES, REPOSITORY, stack, vector

VALID = [entry["file"] for entry in FILES if entry["expect"] == "valid"]
SCHEMA = json.loads((REPOSITORY / "schemas" / "image.json").read_text())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_strings_are_json(words: str) -> None:
    assert json.loads(strings.string(words)) == words


@given(st.binary())
def test_bytes_are_strings_where_they_are_utf8_and_base64_where_not(raw: bytes) -> None:
    written = json.loads(write.bytes_(raw))
    try:
        assert written == raw.decode()
    except UnicodeDecodeError:
        import base64

        assert base64.b64decode(written["base64"], validate=True) == raw


def test_a_lone_surrogate_never_reaches_the_document() -> None:
    assert strings.string("a\udcffb") == '"a?b"'


@pytest.mark.parametrize("name", VALID)
def test_what_was_read_is_written_and_read_the_same(name: str) -> None:
    image = read.decode(vector(name))
    data = write.encode(image)
    assert read.decode(data) == image
    assert write.encode(read.decode(data)) == data
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(json.loads(data))


def test_every_property_survives_in_the_order_of_the_schema() -> None:
    document = json.loads(vector("valid/every-property.json"))
    written = json.loads(write.encode(read.decode(vector("valid/every-property.json"))))
    for empty in ("requires",):
        document.pop(empty)
        document["overlays"][0].pop(empty)
        document["overlays"][0]["layers"][0].pop(empty)
        document["overlays"][0]["work"].pop(empty)
    document["filesystems"][1].pop("missing")
    document["overlays"][0]["layers"][0].pop("missing")
    document["overlays"][0]["layers"][0]["identity"].pop("missing")
    assert written == document, "but for empty arrays and objects that say nothing"
    assert list(written["overlays"][0]) == [
        key for key in SCHEMA["$defs"]["overlay"]["properties"] if key in document["overlays"][0]
    ]


def test_a_layer_has_a_line() -> None:
    lines = write.encode(stack(2, 3)).decode().splitlines()
    assert sum('"role": ' in line for line in lines) == 6
    assert sum('"mountId": ' in line for line in lines) == 1
    assert lines[0] == "{"
    assert lines[-1] == "}"


def test_empty_tables_are_written() -> None:
    image = stack(1, 1).replace(mounts=())
    assert b'"mounts": []' in write.encode(image)


def test_nulls_are_written_where_missing_names_them() -> None:
    known = model.Identity(filesystem="f", inode=0, generation=0)
    unknown = model.Identity(filesystem="f", inode=0, generation=None, missing=(("generation", "not read"),))
    layer = stack(1, 1).overlays[0].layers[0]
    overlay = stack(1, 1).overlays[0].replace(layers=(layer.replace(identity=known), layer.replace(identity=unknown)))
    first, second = json.loads(write.encode(stack(1, 1).replace(overlays=(overlay,))))["overlays"][0]["layers"]
    assert first["identity"] == {"filesystem": "f", "inode": "0", "generation": 0}
    assert second["identity"]["generation"] is None
    assert "handle" not in second["identity"]


def test_writing_takes_no_more_than_a_few_times_what_the_c_encoder_takes() -> None:
    """A ratio in one process: 500 layers against `json.dumps` of the same document, which has a head start in C."""
    image = stack(1, 500)
    document = json.loads(write.encode(image))
    ours, theirs = [], []
    for _ in range(7):
        begun = time.process_time()
        write.encode(image)
        ours.append(time.process_time() - begun)
        begun = time.process_time()
        json.dumps(document).encode()
        theirs.append(time.process_time() - begun)
    assert min(ours) < 8 * min(theirs)


def test_the_writer_imports_nothing_slow() -> None:
    program = (
        "import sys; before = set(sys.modules); import ovsi.image.write; print(*sorted(set(sys.modules) - before))"
    )
    environment = {"PYTHONPATH": str(REPOSITORY / "reference")}
    run = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    allowed = {"__future__", "_collections", "binascii"}
    assert {name for name in run.stdout.split() if not name.startswith("ovsi")} <= allowed


USUAL = model.Layer(
    role="lower",
    declared=b'l/"A"\n',
    identity=model.Identity(
        filesystem="fs1",
        inode=2**64 - 1,
        generation=0,
        handle=model.Handle(type=-1, bytes=b"\0\1", made_by="kernel"),
    ),
    path=b"/srv/\xff",
    state="located",
    assurance="proved",
    method="introspection",
    location=model.Place(mount="m1", path=b"/srv/a"),
)


def test_the_quick_way_of_usual_layers_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert USUAL.identity is not None
    identity = USUAL.identity
    layers = [
        USUAL,
        USUAL.replace(reason="a reason"),
        USUAL.replace(requires=("x-a",)),
        USUAL.replace(declared=None, missing=(("declared", "not shown"),)),
        USUAL.replace(location=None, state="deleted", reason="removed"),
        USUAL.replace(location=model.Place(process=model.Process(pid=1, start_time=2, through="cwd"), path=b"/")),
        USUAL.replace(path=None),
        USUAL.replace(method=None),
        USUAL.replace(identity=identity.replace(generation=None)),
        USUAL.replace(identity=identity.replace(generation=None, missing=(("generation", "none"),))),
        USUAL.replace(identity=identity.replace(subvolume=0)),
        USUAL.replace(identity=identity.replace(handle=None)),
        USUAL.replace(identity=identity.replace(handle=model.Handle(type=1, bytes=b"x"))),
    ]
    assert write._usual(USUAL, USUAL.role)
    assert not any(write._usual(layer, layer.role) for layer in layers[1:])
    quick = [write._layer(layer) for layer in layers]
    fields = {name: value for name, value in USUAL.fields().items() if name != "role"}
    quick_work = write._inline(model.Source)(model.Source(**fields))
    monkeypatch.setattr(write, "_usual", lambda _source, _role: None)
    assert [write._layer(layer) for layer in layers] == quick
    work = write._inline(model.Source)(model.Source(**fields))
    assert work == quick_work
    assert write._layer(USUAL) == ",\n    " + work.replace("{", '{"role": "lower", ', 1)


def test_a_layer_that_overlays_share_is_written_for_each() -> None:
    document = json.loads(write.encode(stack(3, 2)))
    first, *others = (overlay["layers"] for overlay in document["overlays"])
    assert others == [first, first]
