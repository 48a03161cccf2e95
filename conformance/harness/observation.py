"""Have an implementation dump a stack, and keep all that the judges want to know. Data only: the sandbox is gone."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

from . import errands, files, imagecheck, mounts
from .imagecheck import Json
from .implementation import Answer, Implementation, Outcome
from .mounts import Mount
from .scene import Scene
from .snapshot import Snapshot
from .stack import Stack, Vantage
from .truth import InnerTruth, Truth
from .verdict import Errored, Finding


@dataclass(frozen=True)
class Dumped:
    """One dump: the answer, the bytes written (None: no file), what lay beside the file, processes left."""

    answer: Answer
    written: bytes | None
    beside: tuple[bytes, ...]
    processes: int

    @cached_property
    def read(self) -> tuple[Json | None, list[str]]:
        """The document that was written, if it is one, and its faults."""
        return imagecheck.read(self.written or b"")

    @property
    def faults(self) -> list[str]:
        return self.read[1]

    @property
    def image(self) -> Json:
        """The image; raises Errored where there is none that could be judged."""
        if self.answer.outcome not in (Outcome.DONE, Outcome.INCOMPLETE):
            requirement = "OVSI-DUMP-012" if self.answer.outcome is Outcome.REFUSED else "OVSI-CLI-004"
            raise Errored(f"no image: {self.answer}", [Finding(requirement, "dump", "an image", str(self.answer))])
        document, faults = self.read
        if document is None or any(fault.startswith("OVSI-IMG-016") for fault in faults):
            raise Errored(f"no image: {faults[0]}", [Finding("OVSI-DUMP-001", "dump", "a valid image", faults[0])])
        return document


class Stated(ABC):
    """A stack, the truth of it, and what an image states of it."""

    stack: Stack
    vantage: Vantage
    truth: Truth
    astray: frozenset[str] = frozenset()
    """Labels of the sources whose candidate is the path of no directory, where that was looked at."""

    @property
    @abstractmethod
    def image(self) -> Json:
        """The image; raises Errored where there is none that could be judged."""

    @property
    def overlay(self) -> Json:
        """The overlay asked for."""
        overlay: Json = self.image["overlays"][0]
        return overlay

    def below(self, inner: InnerTruth) -> Json | None:
        """The entry of an overlay that bears sources of the one asked for."""
        for overlay in self.image["overlays"]:
            filesystem = imagecheck.entry(self.image["filesystems"], overlay["filesystem"])
            if filesystem and filesystem["device"] == inner.device:
                return dict(overlay)
        return None

    @property
    def stated(self) -> dict[str, Json]:
        """What the image says of each source by label, of the overlays below too: `NAME:upper`…"""
        found = dict(imagecheck.sources(self.overlay))
        for inner in self.truth.inner:
            overlay = self.below(inner)
            if overlay:
                found |= {f"{inner.name}:{label}": source for label, source in imagecheck.sources(overlay)}
        return found


@dataclass(frozen=True)
class Statement(Stated):
    """An image that was read already."""

    stack: Stack
    vantage: Vantage
    truth: Truth
    document: Json

    @property
    def image(self) -> Json:
        return self.document


@dataclass(frozen=True)
class Observation(Stated):
    """Two dumps of a stack, and what was seen of the sandbox before and after them; `own`: of the caller's mounts."""

    stack: Stack
    vantage: Vantage
    truth: Truth
    first: Dumped
    second: Dumped
    before: Snapshot
    after: Snapshot
    own_before: tuple[Mount, ...]
    own_after: tuple[Mount, ...]
    astray: frozenset[str]

    @property
    def image(self) -> Json:
        return self.first.image


def observe(implementation: Implementation, stack: Stack, vantage: Vantage) -> Observation:
    """Build, look, dump twice, look again."""
    with Scene(implementation, stack, vantage) as scene:
        return of_scene(scene)


def of_scene(scene: Scene) -> Observation:
    """Look, dump twice, look again."""
    before, own_before = scene.snapshot(), tuple(mounts.table())
    first, second = dump(scene, b"first"), dump(scene, b"second")
    after, own_after = scene.snapshot(), tuple(mounts.table())
    return Observation(
        stack=scene.stack,
        vantage=scene.vantage,
        truth=scene.truth,
        first=first,
        second=second,
        before=before,
        after=after,
        own_before=own_before,
        own_after=own_after,
        astray=frozenset(_astray(scene, first)),
    )


def _astray(scene: Scene, dumped: Dumped) -> list[str]:
    """Labels of the sources of the overlay asked for whose candidate is the path of no directory."""
    document, faults = dumped.read
    if not document or faults:
        return []
    here = {mount["id"]: mount["mountId"] for mount in document["mounts"] if "namespace" not in mount}
    candidates = {
        label: source["candidate"]
        for label, source in imagecheck.sources(document["overlays"][0])
        if source.get("candidate", {}).get("mount") in here
    }
    places = {label: (here[each["mount"]], imagecheck.raw(each["path"])) for label, each in candidates.items()}
    return scene.sandbox.do(errands.astray, places) if places else []


def dump(scene: Scene, name: bytes, *selector: bytes) -> Dumped:
    """One dump to the file `name`, of the stack's mount or by another selector, and what it left."""
    sandbox = scene.sandbox
    processes = sandbox.do(files.count_processes)
    known = {*scene.names(), name}
    answer = scene.dump(scene.path(name), *selector)
    beside = tuple(sorted(set(scene.names()) - known))
    left = sandbox.do(files.count_processes) - processes if sandbox.surroundings.pid_namespace else 0
    return Dumped(answer, scene.read(name), beside, left)
