"""Says as little as it may: nothing is proved, nothing is a candidate. It claims no profile that there is.

It is judged sound all the same (OVSI-CONF-004), and not blamed for what it does not claim.
"""

from .mutant import Given, Json, RightVariant, every_source, run

VARIANT = RightVariant(meets="test_dumper and (core-one-lower or unmounted-twin)")
KEPT = ("role", "declared", "idmap", "missing")


def silence(document: Json, given: Given) -> None:
    for source in every_source(document):
        kept = {name: source[name] for name in KEPT if name in source}
        source.clear()
        source |= kept | {"assurance": "none", "state": "unknown", "reason": "not looked for"}
        source |= {"idmap": None, "missing": {"idmap": "not looked for"}}


def claim(info: Json) -> None:
    info["claims"] = [{"class": "dumper", "profile": "x-silence", "vantage": "inside"}]


if __name__ == "__main__":
    run(image=silence, info=claim, code=lambda command, code: 3 if (command, code) == ("dump", 0) else code)
