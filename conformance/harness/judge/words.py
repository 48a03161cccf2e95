"""Words: an image holds those of this version and no others, and no output tells what the kernel keeps secret."""

import re
from collections.abc import Iterator
from typing import Any

from ..imagecheck import Json, sources
from ..observation import Dumped, Observation
from ..schemas import load
from ..verdict import Finding

IDS = ("OVSI-VER-001", "OVSI-VER-002", "OVSI-REG-001", "OVSI-SEC-007")
OWN_WORD = re.compile(r"x-[a-z0-9]+-[a-z0-9.-]+")
_OWN_KEY = re.compile(r"x-[a-z0-9]+-.+", re.DOTALL)
_REGISTRIES = {"state": "states", "assurance": "assurances", "method": "methods", "role": "roles"}
_CLOSED = ("assurance", "role")
_HANDLE = re.compile(rb'"bytes"\s*:\s*"[0-9a-f]+"')
_HEXADECIMAL = re.compile(rb"(?<![0-9a-fA-F])[fF]{4}[89a-fA-F][0-9a-fA-F]{11}(?![0-9a-fA-F])")
_DECIMAL = re.compile(rb"(?<![0-9])[0-9]{20}(?![0-9])")
_KERNEL, _END = 0xFFFF_8000_0000_0000, 1 << 64


def judge(seen: Observation) -> Iterator[Finding]:
    if seen.image["version"] != "1.0":
        yield Finding("OVSI-VER-001", "version", "1.0", seen.image["version"])
    for key in unknown_keys(load("image"), seen.image):
        yield Finding("OVSI-VER-002", "keys", "those of version 1.0, and x-VENDOR-NAME", key)
    yield from _registered(seen.image)
    yield from _secrets(seen.first)


# Keys


def unknown_keys(schema: Json, value: Any, at: str = "$") -> Iterator[str]:
    """The places of keys that a schema does not define and that are no vendor's."""
    yield from _unknown(schema, schema, value, at)


def _unknown(root: Json, schema: Json, value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict | list):
        return
    branches = list(_branches(root, schema))
    if isinstance(value, list):
        items: Json = next((branch["items"] for branch in branches if "items" in branch), {})
        for number, child in enumerate(value):
            yield from _unknown(root, items, child, f"{at}[{number}]")
        return
    known = {name: sub for branch in branches for name, sub in branch.get("properties", {}).items()}
    free = any(isinstance(branch.get("additionalProperties"), dict) for branch in branches)
    for name, child in value.items():
        if name in known:
            yield from _unknown(root, known[name], child, f"{at}.{name}")
        elif not free and not _OWN_KEY.fullmatch(name):
            yield f"{at}.{name}"


def _branches(root: Json, schema: Json) -> Iterator[Json]:
    """A schema, what it refers to, and its alternatives."""
    yield schema
    if "$ref" in schema:
        yield from _branches(root, root["$defs"][schema["$ref"].rpartition("/")[2]])
    for word in ("oneOf", "anyOf", "allOf"):
        for each in schema.get(word, ()):
            yield from _branches(root, each)


# Registries


def _registered(image: Json) -> Iterator[Finding]:
    yield from _requires("the document", image)
    for overlay in image["overlays"]:
        yield from _requires(overlay["id"], overlay)
        for label, source in sources(overlay):
            subject = f"{overlay['id']}/{label}"
            yield from _requires(subject, source)
            for name, registry in _REGISTRIES.items():
                word = source.get(name)
                if word is not None and not _is_registered(registry, word, name not in _CLOSED):
                    yield Finding("OVSI-REG-001", f"{subject}: {name}", f"a word of the registry {registry}", str(word))


def _requires(subject: str, part: Json) -> Iterator[Finding]:
    for word in part.get("requires", ()):
        if not _is_registered("requires", word, True):
            yield Finding("OVSI-REG-001", f"{subject}: requires", "a word of the registry requires", str(word))


def _is_registered(registry: str, word: str, open_to_vendors: bool) -> bool:
    known = any(entry["name"] == word for entry in load("registries")[registry])
    return known or (open_to_vendors and OWN_WORD.fullmatch(word) is not None)


# Secrets


def _secrets(dumped: Dumped) -> Iterator[Finding]:
    ran = dumped.answer.ran
    for name, data in (("the image", dumped.written or b""), ("standard error", ran.stderr)):
        yield from revealed(name, data)


def revealed(subject: str, data: bytes, given: bytes = b"") -> Iterator[Finding]:
    """Numbers that are addresses of the kernel and were not in what the caller gave: nothing else is as large."""
    for number in _large(data) - _large(given):
        yield Finding("OVSI-SEC-007", subject, "no address of the kernel", hex(number))


def _large(data: bytes) -> set[int]:
    data = _HANDLE.sub(b"", data)
    found = [int(digits, 16) for digits in _HEXADECIMAL.findall(data)] + [
        int(digits) for digits in _DECIMAL.findall(data)
    ]
    return {number for number in found if _KERNEL <= number < _END}
