"""What may be there after a run, and what may not (spec, chapter The restorer, "All or nothing" and "The residue")."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from . import system
from .look import File, Look, Mount, look, mount_table

if TYPE_CHECKING:
    from .tracer import Call
    from .world import Overlay, World

_CREATE_COMMANDS = (6, 8)
_LAYER_OPTIONS = ("lowerdir", "upperdir", "workdir", "datadir", "lowerdir+", "datadir+")
_RESIDUE_ATTRIBUTES = frozenset(
    f"{space}.overlay.{name}" for space in ("trusted", "user") for name in ("origin", "uuid")
)
_VOLATILE = ("", "/incompat", "/incompat/volatile", "/incompat/volatile/dirty")


def creates(call: Call) -> bool:
    """Whether the call created an overlay's superblock: from it on the residue may be there."""
    if call.result is None or call.result < 0 or not call.made:
        return False
    if call.name == "fsconfig":
        return call.arguments[1] in _CREATE_COMMANDS
    return call.name == "mount" and call.word == "overlay"


class Judge:
    """Compares a world with what it was when the judge was made."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.before = look(world)

    def mounted(self) -> list[Overlay]:
        """The overlays whose targets bear a mount now."""
        places = {mount.mount_point for mount in mount_table(self.world.namespaces[0])}
        return [overlay for overlay in self.world.overlays if overlay.target in places]

    def traces(self, created: bool) -> list[str]:
        """All that is wrong with mounts and files, in a line each."""
        after = look(self.world)
        faults = self._mount_faults(after)
        faults += self._file_faults(after, created)
        for overlay in self.mounted():
            faults += [f"{overlay.target}: {fault}" for fault in self._stack_faults(overlay, after)]
        return faults

    def result(self) -> str | None:
        """The text of the result file, None where there is none."""
        try:
            return Path(self.world.result).read_text()
        except FileNotFoundError:
            return None

    def clear(self) -> list[str]:
        """Unmount what is mounted, remove the result, and look at the targets below.

        What is there now is what later looks are compared with: the judge has used the mounts, which leaves marks.
        """
        for overlay in self.mounted():
            self._unmount(overlay)
        Path(self.world.result).unlink(missing_ok=True)
        before, self.before = self.before, look(self.world)
        return [
            f"the target {overlay.target} is not as it was"
            for overlay in self.world.overlays
            if self.before.files.get(overlay.target) != before.files[overlay.target]
            or any(path.startswith(f"{overlay.target}/") for path in self.before.files)
        ]

    def dirty(self) -> bool:
        """Whether a work directory bears the mark of an unfinished volatile mount."""
        return any(os.path.exists(f"{overlay.work}/work{_VOLATILE[-1]}") for overlay in self.world.overlays)

    def _unmount(self, overlay: Overlay) -> None:
        if self.world.holder is None:
            system.umount(overlay.target)
            return
        child = os.fork()
        if child == 0:
            try:
                with open(f"/proc/{self.world.holder}/ns/mnt") as namespace:
                    system.checked(system.LIBC.setns(namespace.fileno(), system.CLONE_NEWNS), "setns")
                system.umount(overlay.target)
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(child, 0)[1]:
            raise OSError(f"unmounting {overlay.target} in the other mount namespace failed")

    def _mount_faults(self, after: Look) -> list[str]:
        targets = {overlay.target for overlay in self.world.overlays}
        faults = []
        for place, (old, new) in enumerate(zip(self.before.mounts, after.mounts, strict=True)):
            faults += [f"the mount at {mount.mount_point} changed or is gone" for mount in old if mount not in new]
            allowed = set(targets) if place == 0 else set()
            for mount in new:
                if mount in old:
                    continue
                if mount.mount_point in allowed and mount.fs_type == "overlay":
                    allowed.discard(mount.mount_point)
                else:
                    faults.append(f"a mount is left: {mount.fs_type} at {mount.mount_point}")
        return faults

    def _file_faults(self, after: Look, created: bool) -> list[str]:
        covered = {overlay.target for overlay in self.mounted()} if self.world.holder is None else set()
        allowed = self._residue() if created else {}
        faults = []
        for path, old in self.before.files.items():
            new = after.files.get(path)
            if new is None:
                faults += [] if path in covered else [f"{path} is gone"]
            elif new != old and not self._may_change(path, old, new, created):
                faults.append(f"{path} changed: {old.differs(new)}")
        for path, new in after.files.items():
            if path not in self.before.files and path != self.world.result and allowed.get(path) not in (0, new.mode):
                faults.append(f"a file is left: {path} (mode {new.mode:o}, {new.size} bytes)")
        return faults

    def _residue(self) -> dict[str, int]:
        """Paths that the kernel makes when it creates the superblock, with their mode; 0: any."""
        found = {}
        for overlay in self.world.overlays:
            found[f"{overlay.work}/work"] = 0o040000
            if self.world.scenario.volatile:
                found |= {f"{overlay.work}/work{below}": 0 for below in _VOLATILE}
        return found

    def _may_change(self, path: str, old: File, new: File, created: bool) -> bool:
        if path in (self.world.base, *self.world.scratch, os.path.dirname(self.world.result)):
            return old.apart_from_times_and(frozenset()) == new.apart_from_times_and(frozenset())
        if created and path in self._residue():
            return True
        owned = any(path in (overlay.layers[0], overlay.work) for overlay in self.world.overlays)
        return (
            created and owned and old.apart_from_times_and(frozenset()) == new.apart_from_times_and(_RESIDUE_ATTRIBUTES)
        )

    def _stack_faults(self, overlay: Overlay, after: Look) -> list[str]:
        mount = next(mount for mount in after.mounts[0] if mount.mount_point == overlay.target)
        faults = self._mount_differs(mount)
        number = self.world.overlays.index(overlay)
        place = self.world.seen(overlay.target)
        for position in range(len(overlay.layers)):
            for name in (f"down-{position}", f"dir/only-{position}"):
                if _content(f"{place}/{name}") != f"{number}.{position}":
                    faults.append(f"{name} is not served by layer {position}")
        names = sorted(os.listdir(f"{place}/dir")) if os.path.isdir(f"{place}/dir") else []
        if names != [f"only-{position}" for position in range(len(overlay.layers))]:
            faults.append(f"the merged directory shows {names}")
        if not faults and os.stat(f"{place}/dir/only-{len(overlay.layers) - 1}").st_uid != overlay.last_owner:
            faults.append("the last layer is not ID-mapped as it should be")
        return faults + _write_faults(place, overlay.layers[0])

    def _mount_differs(self, mount: Mount) -> list[str]:
        scenario, faults = self.world.scenario, []
        if mount.attributes != frozenset(scenario.attributes):
            faults.append(f"attributes are {sorted(mount.attributes)}")
        if (
            any(word.startswith("shared:") for word in mount.optional) != scenario.shared
            or len(mount.optional) > scenario.shared
        ):
            faults.append(f"propagation is {mount.optional or 'private'}")
        if mount.root != "/":
            faults.append(f"its root is {mount.root}")
        shown = {word for word in mount.options.split(",") if word.partition("=")[0] not in _LAYER_OPTIONS}
        if not shown <= self._options_that_may_show() or "rw" not in shown or "userxattr" not in shown:
            faults.append(f"options are {sorted(shown)}")
        return faults

    def _options_that_may_show(self) -> set[str]:
        given = {name if value is None else f"{name}={value}" for name, value in self.world.scenario.options}
        return {
            "rw",
            "uuid=null",
            "uuid=on",
            "xino=off",
            "fsync=volatile" if self.world.scenario.volatile else "",
            *given,
        }


def _write_faults(place: str, upper: str) -> list[str]:
    name, content = f"new-{secrets.token_hex(4)}", secrets.token_hex(8)
    try:
        Path(f"{place}/{name}").write_text(content)
    except OSError as failure:
        return [f"a write fails: {failure.strerror}"]
    landed = _content(f"{upper}/{name}") == content
    os.unlink(f"{place}/{name}")
    return [] if landed else ["a write does not land in the upper layer"]


def _content(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None
