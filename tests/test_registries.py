"""The registries are well formed, and the tables that repeat them, in the text and in the reference, say the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from ovsi import identity

from .support.requirements import REPOSITORY, SPEC, paragraphs

REGISTRIES: dict[str, Any] = json.loads((REPOSITORY / "schemas" / "registries.json").read_text("utf-8"))
NAMED = [name for name, entries in REGISTRIES.items() if isinstance(entries, list) and name != "identity"]
STATED = {
    "always": "always",
    "where it is shown; else where the kernel is known to have it": "known",
    "where it is shown": "shown",
    "where it is in effect": "effect",
}
SINCE = {"": "before", "not established": None}
Row = dict[str, str]


def table(chapter: str, *columns: str) -> list[Row]:
    """The rows of the one table in a chapter that has these columns (a last one without a name may follow)."""
    found = []
    lines = (SPEC / chapter).read_text("utf-8").splitlines()
    for at, line in enumerate(lines):
        heads = _cells(line)
        if [head for head in heads if head] == list(columns):
            rows = []
            for row in lines[at + 2 :]:
                if not row.startswith("|"):
                    break
                rows.append(dict(zip(heads, _cells(row), strict=True)))
            found.append(rows)
    assert len(found) == 1, f"spec/{chapter} has {len(found)} tables with the columns {columns}"
    return found[0]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


def words(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]*)`", cell)


# The registries themselves.


@pytest.mark.parametrize("registry", NAMED)
def test_names_are_unique_and_explained(registry: str) -> None:
    entries = REGISTRIES[registry]
    assert not [name for name, count in Counter(entry["name"] for entry in entries).items() if count > 1]
    assert all(entry.get("meaning") or entry.get("kind") for entry in entries)


def test_a_code_has_one_category_and_a_remedy() -> None:
    codes = [code for category in REGISTRIES["categories"] for code in category["codes"]]
    assert not [name for name, count in Counter(code["code"] for code in codes).items() if count > 1]
    assert all(
        re.fullmatch(r"[a-z][a-z0-9-]{0,63}", code["code"]) and code["meaning"] and code["remedy"] for code in codes
    )


def test_every_registry_is_described_in_its_chapter() -> None:
    described = {
        name
        for row in table("12-registries.md", "registry", "used in", "open to `x-VENDOR-`")
        for name in words(row["registry"])
    }
    assert described == set(REGISTRIES) - {"description"}


@pytest.mark.parametrize(
    ("schema", "path", "registry"),
    [
        ("error", ("properties", "category"), "categories"),
        ("image", ("$defs", "layer", "properties", "role"), "roles"),
        ("info", ("properties", "claims", "items", "properties", "class"), "classes"),
        ("info", ("properties", "claims", "items", "properties", "vantage"), "vantages"),
        ("report", ("properties", "claims", "items", "properties", "class"), "classes"),
    ],
)
def test_closed_lists_of_the_schemas_are_those_of_the_registries(
    schema: str, path: tuple[str, ...], registry: str
) -> None:
    node = json.loads((REPOSITORY / "schemas" / f"{schema}.json").read_text("utf-8"))
    for step in path:
        node = node[step]
    assert node["enum"] == [entry["name"] for entry in REGISTRIES[registry]]


# Words that chapters list.


@pytest.mark.parametrize(
    ("chapter", "columns", "registry"),
    [
        ("06-dumper.md", ("state", "the directory is", "`location` leads"), "states"),
        ("10-location.md", ("state", "holds where"), "states"),
        ("10-location.md", ("assurance", "the dumper knows", "the image gives"), "assurances"),
        ("10-location.md", ("method", "what it observes", "what it proves by itself"), "methods"),
        ("13-security.md", ("accepted", "what may then happen"), "accept"),
        ("08-command-line.md", ("category", "cause"), "categories"),
    ],
)
def test_a_table_lists_the_words_of_its_registry(chapter: str, columns: tuple[str, ...], registry: str) -> None:
    listed = [word for row in table(chapter, *columns) for word in words(row[columns[0]])]
    assert sorted(listed) == sorted(entry["name"] for entry in REGISTRIES[registry])


# The identity table.


def identity_rows() -> dict[str, tuple[str, list[str], list[str]]]:
    """Type to stability and the fields compared on the same boot and on another."""
    rows = REGISTRIES["identity"]
    return {name: (row["stability"], row["sameBoot"], row["otherBoot"]) for row in rows for name in row["types"]}


def test_identity_table_of_the_specification_is_the_registry() -> None:
    columns = ("type", "stability", "compared on the boot of the image", "compared on another boot")
    rows = {}
    for row in table("04-identity.md", *columns):
        same, other = (row[column].replace("nothing suffices", "").split(", ") for column in columns[2:])
        fields = ([field for field in same if field], [field for field in other if field])
        for name in words(row["type"]) or ["*"]:
            rows[name] = (words(row["stability"])[0], *fields)
    assert rows == identity_rows()


def test_identity_compares_nothing_where_nothing_is_stable() -> None:
    for name, (stability, same, other) in identity_rows().items():
        assert bool(same) == (stability != "none"), name
        assert not other or stability == "filesystem", name
        assert not same or {"device", "inode"} <= set(same), name
        assert not other or {"uuid", "inode"} <= set(other), name


def test_identity_table_of_the_reference_is_the_registry() -> None:
    rows = identity_rows()
    default = rows.pop("*")
    named = {name: row for name, row in rows.items() if row != default}
    assert set(identity.TABLE) == set(named), "a type without a row has stability none"
    for name, (stability, same, other) in rows.items():
        row = identity.row_of(name)
        assert row.stability == stability, name
        for ours, theirs, anchor in ((row.now, same, "device"), (row.later, other, "uuid")):
            assert sorted((anchor, "inode", *ours) if ours is not None else ()) == sorted(theirs), name


# The options of an overlay.


def test_options_are_well_formed() -> None:
    for option in REGISTRIES["options"]:
        assert (option["kind"], "values" in option) in (("enum", True), ("flag", False)), option["name"]
        assert option["stated"] in {*STATED.values(), "free"}, option["name"]
        assert len(set(option.get("values", []))) == len(option.get("values", [])), option["name"]
        assert option.get("since") is None or re.fullmatch(r"\d+\.\d+", option["since"]), option["name"]


def test_options_that_a_dumper_states_are_the_registry() -> None:
    listed = {}
    for row in table("06-dumper.md", "option", "value", "stated"):
        listed[words(row["option"])[0]] = (words(row["value"]), STATED[row["stated"]])
    registered = {option["name"]: (option.get("values", []), option["stated"]) for option in REGISTRIES["options"]}
    assert listed == {name: row for name, row in registered.items() if row[1] != "free"}


def test_words_of_stated_are_explained_in_their_chapter() -> None:
    explained = {words(row["`stated`"])[0]: row["means"] for row in table("12-registries.md", "`stated`", "means")}
    assert set(explained) == {*STATED.values(), "free"}


def test_options_that_a_kernel_hides_are_the_registry() -> None:
    listed = {}
    for row in table("annex-kernel.md", "option", "shown unless it equals", "since"):
        since = SINCE.get(row["since"], row["since"])
        listed.update(dict.fromkeys(words(row["option"]), (row["shown unless it equals"], since)))
    registered = {
        option["name"]: (option["shownUnless"], option.get("since", "before")) for option in REGISTRIES["options"]
    }
    assert listed == registered


def test_options_of_the_reference_are_registered() -> None:
    from ovsi.discover import options
    from ovsi.plan.options import _SWITCHES, _WITHOUT_EFFECT

    registered = {option["name"]: option for option in REGISTRIES["options"]}
    stated = {name for name, option in registered.items() if option["stated"] != "free"}
    assert {name.decode() for name in options.ORDER} == stated
    assert set(_SWITCHES) == {name for name, option in registered.items() if option["kind"] == "flag"}
    unknown = [
        (name, value.decode()) for name, value in _WITHOUT_EFFECT if value.decode() not in registered[name]["values"]
    ]
    assert not unknown


def test_options_of_security_modules_are_those_of_the_chapter() -> None:
    from ovsi.discover import options

    listed = next(part for part in paragraphs() if "a security module's options have" in part.text)
    names = words(listed.text.partition("The latter are")[2])
    assert {name.encode() for name in names} == options._SECURITY | {options._SECURITY_PREFIX}


def test_every_vantage_has_its_list_of_what_is_provable() -> None:
    rows = table("09-conformance.md", "vantage", "abilities of the kernel", "provable")
    assert {name for row in rows for name in words(row["vantage"])} == {
        entry["name"] for entry in REGISTRIES["vantages"]
    }
