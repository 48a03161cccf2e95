"""A process that tries points: a line of JSON in, a line of JSON out. Started by `runner`, a few at a time."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import sys
from dataclasses import asdict

from . import case, system
from .launch import REPOSITORY, Program
from .scenario import SCENARIOS
from .tracer import Fault
from .world import World


def main() -> None:
    """Read requests {"setting": …, "fault": …} until the end of input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if importlib.util.find_spec("ovsi") is None:
        sys.path.insert(0, str(REPOSITORY / "reference"))
    if "--initial" not in sys.argv:
        system.become_root_of_a_user_namespace()
    warmed: set[tuple[str, str]] = set()
    for line in sys.stdin:
        request = json.loads(line)
        setting = case.Setting(**request["setting"])
        if (setting.program, setting.scenario) not in warmed:
            _warm(setting)
            warmed.add((setting.program, setting.scenario))
        outcome = case.run(setting, Fault(**request["fault"]) if request["fault"] else None)
        answers.write(json.dumps(asdict(outcome)) + "\n")
        answers.flush()


def _warm(setting: case.Setting) -> None:
    """Import what a restore and refusals import, their children included: learnt by doing some in a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _learn(setting, writing)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as learnt:
        names = dict.fromkeys(learnt.read().split())
    os.waitpid(child, 0)
    Program(setting.program).main()
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _learn(setting: case.Setting, writing: int) -> None:
    sys.addaudithook(lambda event, words: os.write(writing, f"{words[0]}\n".encode()) if event == "import" else None)
    program = Program(setting.program)
    words = World(SCENARIOS[setting.scenario]).words
    main = program.main()
    errors = os.open("/dev/null", os.O_WRONLY)
    os.dup2(errors, 2)
    for arguments in (words, [*words[:1], *words[3:]], [*words, "--map", "x=/"], [*words, "--pid", "1"], words):
        sys.argv = [program.package, *arguments]
        try:
            main()
        except BaseException as end:  # noqa: BLE001 - what it says is of no interest here
            del end


if __name__ == "__main__":
    main()
