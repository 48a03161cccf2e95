"""What is restored, as data: the stacks on which every call is tried."""

from __future__ import annotations

from dataclasses import dataclass

QUIET_OPTIONS = (("redirect_dir", "nofollow"), ("index", "off"), ("metacopy", "off"), ("userxattr", None))
"""Options that a user namespace permits, each with the value that it has there."""


@dataclass(frozen=True)
class Scenario:
    """One overlay with an upper and some lowers, and what is special about it.

    idmapped: the last lower is ID-mapped. nested: the layers below the first lower are inside another overlay, which is
    mounted nowhere. mounts: how many overlays, each with an upper of its own, `--all` where more than one. holder: the
    target is in the mount namespace of another process.
    """

    name: str
    what: str
    lowers: int = 2
    options: tuple[tuple[str, str | None], ...] = QUIET_OPTIONS
    attributes: tuple[str, ...] = ("rw", "relatime")
    shared: bool = False
    idmapped: bool = False
    nested: bool = False
    mounts: int = 1
    holder: bool = False

    @property
    def volatile(self) -> bool:
        return ("fsync", "volatile") in self.options or ("volatile", None) in self.options


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("simple", "an upper and two lowers"),
        Scenario("idmapped", "a lower through an ID-mapped clone", idmapped=True),
        Scenario("nested", "a lower inside an overlay that is mounted nowhere", lowers=3, nested=True),
        Scenario("propagation", "attributes, shared", attributes=("rw", "nosuid", "nodev", "noatime"), shared=True),
        Scenario("pid", "into the mount namespace of another process", holder=True),
        Scenario("volatile", "without syncing", options=(*QUIET_OPTIONS, ("volatile", None))),
        Scenario("all", "two overlays, below a directory", mounts=2),
    )
}
