"""What is done with one stack in one sandbox, always in this order; tests ask for as much of it as they judge.

1. It is built, looked at, dumped twice, and looked at again.
2. It is unmounted, restored from the first of these images, and dumped where it was restored.

Each step is made once, when it is first asked for, and never before the ones above it: what a test is given depends on
no other test, and is the same where it is run alone. A step gives data only. A test that has something else done with
a stack has a sandbox of its own.
"""

from collections.abc import Callable
from typing import TypeVar

from . import observation
from .again import Trip, there_and_back, usual
from .cases import Case
from .implementation import Implementation
from .keep import KEEPER
from .observation import Observation
from .sandbox import SandboxError
from .scene import Scene
from .verdict import Verdict

T = TypeVar("T")


class Course:
    """The course of one case with one implementation. A step raises what it met, a Verdict or a SandboxError, anew."""

    def __init__(self, implementation: Implementation, case: Case) -> None:
        self.implementation, self.case = implementation, case
        self._scene: Scene | None = None
        self._made: dict[str, object] = {}

    def observed(self) -> Observation:
        """The first step."""
        return self._step("observed", self._observe)

    def trip(self) -> Trip:
        """The second step, with the words that are usual for the case; for who has judged the first image."""
        self.observed()
        return self._step("trip", self._there_and_back)

    @property
    def seen(self) -> Observation | None:
        """What came of the first step, where it was made."""
        made = self._made.get("observed")
        return made if isinstance(made, Observation) else None

    def close(self) -> None:
        if self._scene:
            self._scene.__exit__(None, None, None)

    def _step(self, name: str, take: Callable[[], T]) -> T:
        if name not in self._made:
            try:
                self._made[name] = take()
            except (Verdict, SandboxError) as error:
                self._made[name] = error
        made = self._made[name]
        if isinstance(made, Verdict | SandboxError):
            raise made
        return made  # type: ignore[return-value]  # what `take` of this name gives

    def _observe(self) -> Observation:
        self._scene = Scene(self.implementation, self.case.stack, self.case.vantage).__enter__()
        return observation.of_scene(self._scene)

    def _there_and_back(self) -> Trip:
        assert self._scene
        return there_and_back(self._scene, self.observed().first, usual(self.case))


class Courses:
    """The courses of one implementation, of which one is under way. Where sandboxes are kept each test has its own."""

    def __init__(self, implementation: Implementation) -> None:
        self._implementation = implementation
        self._now: Course | None = None

    def __call__(self, case: Case) -> Course:
        if self._now is None or self._now.case.name != case.name or KEEPER.wanted:
            self.close()
            self._now = Course(self._implementation, case)
        return self._now

    def made(self, case: Case) -> Observation | None:
        """What was observed of that case, if it is the one under way."""
        return self._now.seen if self._now and self._now.case.name == case.name else None

    def close(self) -> None:
        """End the one that is under way."""
        if self._now:
            self._now.close()
        self._now = None
