"""What was built in the running test: for the report, and, with `--keep-sandbox`, for somebody to look into.

A sandbox ends with the test that asked for it. Where it may have to be kept, it is left open until the verdict is
known; the first that belongs to a failing test stays, the run ends there, and the suite waits until it is told to go.
"""

import os
import shlex
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene import Scene


class Keeper:
    """`scenes`: those of the running test, in the order in which they were entered."""

    def __init__(self) -> None:
        self.wanted = False
        self.scenes: list[Scene] = []
        self.kept: list[Scene] = []

    def entered(self, scene: "Scene") -> None:
        self.scenes.append(scene)

    def left(self, scene: "Scene") -> None:
        """A scene ends here, or when the verdict is known."""
        if not self.wanted:
            scene.close()

    def judged(self, failed: bool) -> bool:
        """The verdict is known; whether scenes are kept."""
        scenes, self.scenes = self.scenes, []
        if self.wanted and failed:
            self.kept += scenes
        elif self.wanted:
            for scene in scenes:
                scene.close()
        return bool(self.kept)

    def lines(self) -> list[str]:
        """How to enter what was kept."""
        return [line for scene in self.kept for line in how_to_enter(scene)]

    def wait(self) -> None:
        """Wait until somebody ends this process: by Ctrl-C, or by SIGTERM."""
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
        for scene in self.kept:
            scene.close()


def how_to_enter(scene: "Scene") -> list[str]:
    """Commands for a shell in the scene's namespaces, and what lies where."""
    user = "--user --preserve-credentials " if scene.sandbox.surroundings.user_namespace else ""
    pids = "--pid " if scene.sandbox.surroundings.pid_namespace else ""
    command = f"nsenter --target {scene.sandbox.pid} {user}--mount {pids}--root --wd sh"
    target = shlex.quote(os.fsdecode(scene.stack.target))
    return [
        f"kept: the sandbox of stack {scene.stack.name}; enter it by:",
        f"  {command}",
        f"  the overlay is (or was) at {target}, below the process {scene.pid.decode()} as the implementation is told",
        f"  its output is in {os.fsdecode(scene.directory)}" + (", inside" if scene.within else ", outside"),
        f"  let it go: Ctrl-C here, or kill {os.getpid()}",
    ]


KEEPER = Keeper()
