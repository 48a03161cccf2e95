"""The model's annotations are the one list of properties in the reference; here they are held against the schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ovsi.image import kinds, model, shape

from .examples import REPOSITORY, proved_layer

SCHEMA: dict[str, Any] = json.loads((REPOSITORY / "schemas" / "image.json").read_text())
DEFS = SCHEMA["$defs"]
OVERLAY, SOURCE = (DEFS[name]["properties"] for name in ("overlay", "source"))
MOUNTER = OVERLAY["mounter"]["properties"]
OBJECTS: dict[type[model.Entry], dict[str, Any]] = {
    model.Image: SCHEMA,
    model.Producer: SCHEMA["properties"]["producer"],
    model.Host: SCHEMA["properties"]["host"],
    model.Namespace: DEFS["namespace"],
    model.Filesystem: DEFS["filesystem"],
    model.Mount: DEFS["mount"],
    model.Propagation: DEFS["mount"]["properties"]["propagation"],
    model.Handle: DEFS["handle"],
    model.Identity: DEFS["identity"],
    model.Place: DEFS["place"],
    model.Process: DEFS["place"]["properties"]["process"],
    model.Source: DEFS["source"],
    model.LayerIdmap: SOURCE["idmap"]["oneOf"][0],
    model.IdRange: DEFS["idRange"],
    model.MountOption: DEFS["option"],
    model.Overlay: DEFS["overlay"],
    model.Mounter: OVERLAY["mounter"],
    model.UserNamespace: MOUNTER["userNamespace"],
    model.Credentials: MOUNTER["credentials"],
}


def may_be_null(schema: dict[str, Any]) -> bool:
    if "null" in schema.get("type", ""):
        return True
    return any(choice.get("type") == "null" for choice in schema.get("oneOf", ()))


@pytest.mark.parametrize("record", OBJECTS, ids=lambda record: record.__name__)
def test_records_have_the_properties_of_the_schema(record: type[model.Entry]) -> None:
    schema = OBJECTS[record]
    ours = {name: (required, nullable) for name, _f, _k, _m, required, nullable, _a in shape.properties(record)}
    theirs = {
        name: (name in schema.get("required", ()), may_be_null(value))
        for name, value in schema["properties"].items()
        if name != "format"
    }
    assert ours == theirs
    assert list(ours) == list(theirs), "the order of writing is the schema's"


def test_every_record_and_kind_is_reached() -> None:
    records = {one for one in vars(model).values() if isinstance(one, type) and issubclass(one, model.Entry)}
    assert records - {model.Entry, model.Layer} == set(OBJECTS)
    used = {kind for record in records for _n, _f, kind, *_ in shape.properties(record) if isinstance(kind, str)}
    assert used == set(kinds.KINDS)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("Stability", DEFS["filesystem"]["properties"]["stability"]),
        ("MadeBy", DEFS["handle"]["properties"]["madeBy"]),
        ("Role", DEFS["layer"]["properties"]["role"]),
        ("Basis", DEFS["option"]["properties"]["basis"]),
        ("RelativeTo", MOUNTER["userNamespace"]["properties"]["relativeTo"]),
    ],
)
def test_words_of_a_choice_are_those_of_the_schema(kind: str, place: dict[str, Any]) -> None:
    for word in place["enum"]:
        assert kinds.KINDS[kind](word) == word
    with pytest.raises(Exception, match=", ".join(place["enum"])):
        kinds.KINDS[kind]("other")


def test_a_layer_is_a_source_with_its_role_first() -> None:
    assert [entry[0] for entry in shape.properties(model.Layer)][:2] == ["role", "declared"]


def test_records_refuse_wrong_fields() -> None:
    with pytest.raises(TypeError, match="inode"):
        model.Namespace()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="other"):
        model.Namespace(inode=1, other=2)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        model.Namespace(inode=1).inode = 2  # type: ignore[misc]


def test_sources_are_named_by_role_and_number() -> None:
    layers = (proved_layer(0, "upper"), proved_layer(1), proved_layer(2), proved_layer(3, "data"))
    overlay = model.Overlay(
        id="o",
        filesystem="f",
        mounts=(),
        options=(),
        superblock_flags=(),
        shown_options=b"",
        layers=layers,
        work=model.Source(declared=b"w", state="unknown", assurance="none"),
    )
    assert [name for name, _ in model.sources(overlay)] == ["upper", "lower/0", "lower/1", "data/0", "work"]
    assert model.by_id([overlay]) == {"o": overlay}
