"""`ovsi` as on a kernel with another way of layer setup: `python -m benchmarks.forced WAY restore …`.

The whole process is measured, so this starts as the command does and changes one thing: what the restorer finds the
kernel able to do. The ways themselves are those of reference/ovsi/restore/setups.py.
"""

import sys
from importlib import import_module

from ovsi import start

way = sys.argv.pop(1)
make_modules = start._run_at_once


def make_modules_and_force(command: list[str]) -> None:
    """What the start does just before it looks for the command."""
    make_modules(command)
    prepare = import_module("ovsi.restore.prepare")
    prepare.__dict__["ability"] = lambda _opened: way


start._run_at_once = make_modules_and_force
start.run()
