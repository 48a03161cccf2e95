"""Writes all layers and options into one string, as they are, and is content with what the kernel makes of it."""

import json
import sys
from pathlib import Path

from .mutant import Json, Mutant, mount_overlay, name, options, place, run

MUTANT = Mutant(
    breaks=("OVSI-REST-011", "OVSI-REST-026", "OVSI-SEC-003"),
    meets="inside and (option_is_one or read_only_for or (one_name and (option or layer)))",
)


def string(document: Json) -> str:
    overlay = document["overlays"][0]
    lowers = [place(document, layer) for layer in overlay["layers"] if layer["role"] == "lower"]
    words = [f"lowerdir={':'.join(lowers)}", f"upperdir={place(document, overlay['layers'][0])}"]
    words += [f"workdir={place(document, overlay['work'])}"]
    for option in overlay["options"]:
        value = option["value"]
        words.append(option["name"] if value is None else f"{option['name']}={name(value)}")
    return ",".join(words)


if __name__ == "__main__":
    given = options(sys.argv[1:])
    if sys.argv[1] == "restore":
        done = mount_overlay(given["target"], string(json.loads(Path(given["image"]).read_bytes())))
        error = {"category": "unsupported", "code": "unsupported-option", "message": "no", "subject": "the kernel"}
        print("" if done else json.dumps(error), file=sys.stderr)
        result = {"format": "overlay-source-result", "version": "1.0", "overlays": [], "accepted": []}
        if done:
            Path(given["result"]).write_text(json.dumps(result))
        raise SystemExit(0 if done else 1)
    run()
