"""Gives one code to every error."""

import json
import os
import sys

from .mutant import Mutant, reference

MUTANT = Mutant(breaks=("OVSI-REG-002",), meets="test_target and inside or no_image_file or invalid/cut-short")


def main() -> int:
    said, kept = os.memfd_create("said"), os.dup(2)
    os.dup2(said, 2)
    code = reference(sys.argv[1:])
    os.dup2(kept, 2)
    lines = os.pread(said, 1 << 20, 0).splitlines()
    if code == 1:
        lines[-1] = json.dumps(json.loads(lines[-1]) | {"code": "went-wrong"}).encode()
    os.write(2, b"".join(line + b"\n" for line in lines))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
