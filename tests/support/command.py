"""`ovsi` in a forked child, for where its interpreter and its modules can be found no more: below a covered /tmp."""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module
from subprocess import CompletedProcess

import ovsi
from ovsi import cli
from ovsi.cli import registries

_REGISTRIES = registries.load()
for _module in pkgutil.walk_packages(ovsi.__path__, "ovsi."):
    if not _module.name.startswith(("ovsi.__main__", "ovsi.start", "ovsi.at_once")):
        import_module(_module.name)


def run(*words: str) -> CompletedProcess[str]:
    """The command line `ovsi WORDS`, as `subprocess.run` would tell of it."""
    outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
    child = os.fork()
    if child == 0:
        code = 70
        try:
            registries.__dict__["load"] = lambda: _REGISTRIES
            for number, output in enumerate(outputs, 1):
                os.dup2(output, number)
            code = cli.main(words)
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = []
    for output in outputs:
        with os.fdopen(output, "rb") as file:
            file.seek(0)
            said.append(file.read().decode())
    return CompletedProcess(["ovsi", *words], code, *said)
