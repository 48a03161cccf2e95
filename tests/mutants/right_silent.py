"""Says as little as it may: nothing is proved, nothing is a candidate. It claims no profile that there is.

It is judged sound all the same (OVSI-CONF-004), and not blamed for what it does not claim.
"""

from .mutant import Given, Json, RightVariant, every_source

KEPT = ("role", "declared", "idmap", "missing")


def silence(document: Json, given: Given) -> None:
    for source in every_source(document):
        kept = {name: source[name] for name in KEPT if name in source}
        source.clear()
        source |= kept | {"assurance": "none", "state": "unknown", "reason": "not looked for"}
        source |= {"idmap": None, "missing": {"idmap": "not looked for"}}


def claim(info: Json) -> None:
    info["claims"] = [{"class": "dumper", "profile": "x-silence", "vantage": "inside"}]


VARIANT = RightVariant(
    meets=(
        "test_dumper.py::*[core-one-lower-*]",
        "test_dumper.py::*[unmounted-twin-in-its-place-*]",
    ),
    image=silence,
    info=claim,
    code=lambda words, code: 3 if words[:1] == ["dump"] and code == 0 else code,
)
