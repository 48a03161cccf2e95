"""Says more than is asked for, under names that begin with `x-`, in every document but the image."""

import json
import os
import sys

from .mutant import Json, RightVariant, options, put, reference, run

VARIANT = RightVariant(
    meets="test_info or test_claims or no_image_file or test_target or (test_exact and core-one-lower)"
)
MORE = {"x-note": {"x": None}, "x-other-1": ["anything"]}


def restore(words: list[str]) -> int:
    """With more in the result, and in the error."""
    said, kept = os.memfd_create("said"), os.dup(2)
    os.dup2(said, 2)
    code, result = reference(words), options(words)["result"]
    os.dup2(kept, 2)
    lines = os.pread(said, 1 << 20, 0).splitlines()
    if code == 1:
        lines[-1] = json.dumps(json.loads(lines[-1]) | MORE).encode()
    os.write(2, b"".join(line + b"\n" for line in lines))
    if code == 0:
        with open(result, "rb") as file:
            document = json.load(file)
        put(result, json.dumps(document | MORE).encode())
    return code


def add(info: Json) -> None:
    info |= MORE


if __name__ == "__main__":
    if sys.argv[1] == "restore":
        raise SystemExit(restore(sys.argv[1:]))
    run(info=add)
