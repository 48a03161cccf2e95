"""What mutants and right variants are made of: the reference behind a filter.

A variant is a program with the contract's command line. It runs the reference and changes, as it declares, what goes in
or what comes out, so that nothing here depends on how the reference is built. A filter is any of:

    image(document, given)   the dumped document, to be changed in place; `given`: the options of the command
    source(document, given)  the document that is to be restored
    after(given, code)       something more that is done after the command
    code(command, code)      another exit code
    info(claims)             other claims
"""

import base64
import ctypes
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Given = dict[str, str]


@dataclass(frozen=True)
class Mutant:
    """`breaks`: the requirements that it is found to break, all of them, by the tests that it `meets` (pytest's -k).

    `peer`: the reference is the other implementation of the class interchange.
    """

    breaks: tuple[str, ...]
    meets: str
    peer: bool = False


@dataclass(frozen=True)
class RightVariant:
    """It differs in what the specification leaves free: no test that it `meets` fails."""

    meets: str


def reference(words: list[str]) -> int:
    """Run the reference in this process; its exit code."""
    from ovsi.cli import main

    return int(main(words))


def options(words: list[str]) -> Given:
    """The options of a command, the last of each name."""
    found: Given = {}
    for word, value in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--"):
            found[word[2:]] = value
    return found


def run(
    *,
    image: Callable[[Json, Given], None] | None = None,
    source: Callable[[Json, Given], None] | None = None,
    after: Callable[[Given, int], None] | None = None,
    code: Callable[[str, int], int] | None = None,
    info: Callable[[Json], None] | None = None,
    extra: tuple[str, ...] = (),
) -> None:
    """Be a variant: answer the command line that this program was called with, and exit."""
    words = sys.argv[1:]
    command, given = (words or [""])[0], options(words)
    if command == "info" and info:
        exit_code = _filtered(words, info, None)
    elif command == "dump" and (image or extra):
        exit_code = _filtered([*words, *extra], lambda document: image(document, given) if image else None, given)
    elif command == "restore" and source:
        exit_code = _restored(words, source, given)
    else:
        exit_code = reference(words)
    if after:
        after(given, exit_code)
    raise SystemExit(code(command, exit_code) if code else exit_code)


def _filtered(words: list[str], change: Callable[[Json], None], given: Given | None) -> int:
    """Run with the output caught, change the document, write it where it was meant to go."""
    caught, output = os.memfd_create("caught"), 1
    kept = os.dup(1)
    if given is None:
        os.dup2(caught, 1)
    elif "output" in given:
        words = [word if word != given["output"] else f"/proc/self/fd/{caught}" for word in words]
    exit_code = reference(words)
    os.dup2(kept, output)
    data = os.pread(caught, os.fstat(caught).st_size, 0)
    if exit_code in (0, 3) and data:
        document = json.loads(data)
        change(document)
        put(given["output"] if given else "-", (json.dumps(document) + "\n").encode("utf-8", "surrogatepass"))
    return exit_code


def put(path: str, data: bytes) -> None:
    """Write an output as the contract says."""
    if path == "-" or not (os.path.isfile(path) or not os.path.lexists(path)):
        with open(1 if path == "-" else path, "wb", closefd=path != "-") as file:
            file.write(data)
        return
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as beside:
        beside.write(data)
    os.rename(beside.name, path)


def _restored(words: list[str], change: Callable[[Json, Given], None], given: Given) -> int:
    try:
        document = json.loads(Path(given["image"]).read_bytes())
        change(document, given)
    except (OSError, ValueError, LookupError):
        return reference(words)
    with tempfile.NamedTemporaryFile() as file:
        file.write(json.dumps(document).encode())
        file.flush()
        return reference([word if word != given["image"] else file.name for word in words])


def every_source(document: Json) -> list[Json]:
    """All sources of all overlays, to be changed in place."""
    found = [source for overlay in document["overlays"] for source in overlay["layers"]]
    return found + [overlay["work"] for overlay in document["overlays"] if "work" in overlay]


def mounts(pid: str) -> list[tuple[list[str], list[str]]]:
    """Lines of mountinfo, naively: the fields before and after the dash."""
    text = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
    halves = (line.split(" - ", 1) for line in text.splitlines() if " - " in line)
    return [(before.split(" "), after.split(" ")) for before, after in halves]


def claims(*triples: str) -> Callable[[Json], None]:
    """A filter of `info` that claims these as well: "CLASS PROFILE VANTAGE"."""

    def add(document: Json) -> None:
        for triple in triples:
            claim = dict(zip(("class", "profile", "vantage"), triple.split(), strict=True))
            if claim not in document["claims"]:
                document["claims"].append(claim)

    return add


def mount_overlay(target: str, options: str) -> bool:
    """mount(2) with an option string, as it is; whether the kernel took it."""
    libc = ctypes.CDLL(None)
    words = os.fsencode(options)
    return bool(libc.mount(b"overlay", os.fsencode(target), b"overlay", ctypes.c_ulong(0), words) == 0)


def name(value: str | Json) -> str:
    """A name of an image as text, for paths."""
    return value if isinstance(value, str) else os.fsdecode(base64.b64decode(value["base64"]))


def place(document: Json, source: Json) -> str:
    """The path at which the image says that a source is."""
    where = source.get("location") or source["candidate"]
    mount = next(entry for entry in document["mounts"] if entry["id"] == where["mount"])
    return name(mount["mountPoint"]).rstrip("/") + name(where["path"])
