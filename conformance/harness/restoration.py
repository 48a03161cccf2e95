"""Have an implementation restore a stack from an image, and read what came of it. Data only."""

import secrets
from dataclasses import dataclass

from . import mount_reader, mounts
from .imagecheck import Json, sources
from .implementation import Answer, Implementation
from .mount_reader import Landing, Shown
from .mounts import Mount
from .scene import RESTORED, Scene
from .snapshot import Snapshot
from .stack import Stack, Vantage
from .truth import Truth

WRITTEN = b"written-by-the-suite"


@dataclass(frozen=True)
class Restoration:
    """`mount`: what stands at the target, None: nothing of overlay's. `result`: the bytes of the result file; `beside`:
    names that are new where it lies.

    `work_used`: whether the overlay that the image is of made use of its work directory.
    """

    stack: Stack
    vantage: Vantage
    truth: Truth
    work_used: bool
    image: Json
    answer: Answer
    result: bytes | None
    beside: tuple[bytes, ...]
    before: Snapshot
    after: Snapshot
    own_before: tuple[Mount, ...]
    own_after: tuple[Mount, ...]
    mount: Mount | None
    shown: Shown
    landing: Landing | None


def restore(implementation: Implementation, stack: Stack, vantage: Vantage) -> Restoration:
    """Build the stack, write its image, unmount it, have it restored elsewhere, read and write there."""
    with Scene(implementation, stack, vantage) as scene:
        image = scene.image()
        scene.unmount()
        return attempt(scene, image)


def attempt(scene: Scene, image: Json, *more: bytes, maps: tuple[bytes, ...] = ()) -> Restoration:
    """One call of `restore` and everything that it changed."""
    before, own_before = scene.snapshot(), tuple(mounts.table())
    known = {*scene.names(), b"image.json", b"result.json"}
    answer = scene.restore(image, *more, maps=maps)
    after, own_after = scene.snapshot(), tuple(mounts.table())
    mount, shown, landing = scene.restored(), {}, None
    if mount:
        shown = scene.sandbox.do(mount_reader.read, RESTORED)
        landing = scene.sandbox.do(mount_reader.write, RESTORED, WRITTEN, secrets.token_bytes(8))
    return Restoration(
        stack=scene.stack,
        vantage=scene.vantage,
        truth=scene.truth,
        work_used=scene.work_used,
        image=image,
        answer=answer,
        result=scene.read(b"result.json"),
        beside=tuple(name for name in scene.names() if name not in known),
        before=before,
        after=after,
        own_before=own_before,
        own_after=own_after,
        mount=mount,
        shown=shown,
        landing=landing,
    )


class Ready(Scene):
    """A scene whose overlay is unmounted, and the image of it, which may be changed in place."""

    document: Json

    def __enter__(self) -> "Ready":
        super().__enter__()
        self.document = self.image()
        self.unmount()
        return self

    @property
    def overlay(self) -> Json:
        """The overlay of the image."""
        found: Json = self.document["overlays"][0]
        return found

    def layer(self, label: str) -> Json:
        """A source of the image."""
        return dict(sources(self.overlay))[label]

    @property
    def store(self) -> bytes:
        """The image's id of the file system that bears the upper."""
        name: str = self.layer("upper")["identity"]["filesystem"]
        return name.encode()

    def attempt(self, *more: bytes, maps: tuple[bytes, ...] = ()) -> Restoration:
        return attempt(self, self.document, *more, maps=maps)
