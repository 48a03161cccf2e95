"""The search for one source: each way in turn, below anchors, compared on the descriptor that is found."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal, text
from ..identity import SAME, Verdict, by_device_alone, compare
from ..linux.handles import FileHandle, open_by_handle_at
from ..plan.paths import below
from ..plan.records import ByMount
from . import own
from .look import Superblock, plainly_of_handle, plainly_same, seen_of_fd
from .reach import Anchor, open_below, open_quietly, serves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..image.model import Identity
    from ..linux.mounttable import Mount
    from ..plan.records import ByInner, ByMap, ByProcess, SourcePlan
    from .find import Finder

_GONE = (errno.ENOENT, errno.ESTALE, errno.ENAMETOOLONG)
_ANOTHER_KIND = (errno.ENOTDIR, errno.ELOOP)


class Opened:
    """A source, open. path: below `anchor`.

    verdict: how it compares with the image. tree: the detached tree that it is in, None in the caller's namespace.
    """

    __slots__ = ("anchor", "fd", "path", "plan", "tree", "verdict")

    def __init__(
        self, plan: SourcePlan, fd: int, verdict: Verdict, anchor: Anchor, path: bytes, tree: int | None = None
    ) -> None:
        self.plan = plan
        self.fd = fd
        self.verdict = verdict
        self.anchor = anchor
        self.path = path
        self.tree = tree


class PlainPlace:
    """A mount that is surely of the file system on which the image saw some layers: most are found below it."""

    def __init__(self, anchor: Anchor, mount: Mount, *, in_clone: bool) -> None:
        """in_clone: open them in a copy of its tree, if there can be one."""
        self.anchor = anchor
        self.tree = anchor.clone_or_none() if in_clone else None
        self._top = anchor.fd if self.tree is None else self.tree
        self._root = mount.root.rstrip(b"/")
        self._type = anchor.superblock.fs_type

    def open(self, source: SourcePlan, identity: Identity, inside: bytes) -> Opened | None:
        """The source at its path inside of the file system, if that is plainly the one; None says nothing."""
        root = self._root
        if root and inside != root and not inside.startswith(root + b"/"):
            return None
        path = inside[len(root) :]
        fd = open_quietly(self._top, path[1:] or b".")
        if fd < 0:
            return None
        if plainly_of_handle(fd, self._type, identity):
            return Opened(source, fd, SAME, self.anchor, path or b"/", self.tree)
        os.close(fd)
        return None


class Search:
    """The search for one source. Remembers the most telling failure for the refusal."""

    def __init__(self, finder: Finder, source: SourcePlan) -> None:
        self.finder = finder
        self.source = source
        self.near: Mount | None = None
        self.beside: bytes | None = None
        self.differs: Verdict | None = None
        self.missing = ""
        self.unmapped = ""
        self.barred = ""
        self.hint = ""
        self.mounted = False

    def by_mount(self, way: ByMount) -> Opened | None:
        """Below the mounts of its file system: those first that show what it has to be on one mount with."""
        mounts = self.finder.mounts_for(way, self.source)
        if (self.near is not None or self.beside is not None) and len(mounts) > 1:
            mounts = sorted(mounts, key=lambda mount: (mount is not self.near, not self._shows_beside(mount)))
        for mount in mounts:
            path = self._path_in(mount, way)
            anchor = self.finder.namespace.anchor(mount) if path is not None else None
            if anchor is None or path is None:
                continue
            self.mounted = True
            found = self._look_at(anchor, path) or self._by_handle(anchor)
            if found is not None:
                return found
        return None

    def hidden_mounts(self, way: ByMount) -> list[Mount]:
        """The mounts below which it would be, and that can't be opened because others cover them."""
        mounts = [mount for mount in self.finder.mounts_for(way, self.source) if self._path_in(mount, way) is not None]
        return [mount for mount in mounts if self.finder.namespace.anchor(mount) is None]

    def only_unfit(self) -> bool:
        """Whether its file system is mounted, but through no mount of it the kernel takes such a source."""
        return any(isinstance(way, ByMount) and self.finder.only_unfit(way, self.source) for way in self.source.ways)

    def path(self) -> bytes | None:
        """Where it is in its file system, by the image."""
        return next((way.path for way in self.source.ways if isinstance(way, ByMount)), None)

    def _shows_beside(self, mount: Mount) -> bool:
        return self.beside is None or below(self.beside, mount.root) is not None

    def _path_in(self, mount: Mount, way: ByMount) -> bytes | None:
        if way.path is not None:
            return below(way.path, mount.root)
        return way.below if mount.mount_point == way.mount_point else b"/"

    def by_map(self, way: ByMap) -> Opened | None:
        """Where --map leads."""
        try:
            anchor = self.finder.namespace.directory(way.directory)
        except (OSError, KeyError) as failure:
            why = failure.strerror if isinstance(failure, OSError) else "it is on no mount of this mount namespace"
            self.unmapped = f"the directory of --map, {text(way.directory)}, can't be opened: {why}"
            return None
        if anchor.mount is not None and not serves(anchor.mount, self.source.role in ("upper", "work")):
            how = "is read-only" if serves(anchor.mount, writable=False) else "maps IDs"
            self.unmapped = f"the directory of --map, {text(way.directory)}, is on a mount that {how}"
            return None
        self.mounted = True
        return self._witnessed(self._look_at(anchor, way.path), way)

    def on_device(self, anchor: Anchor, way: ByMount) -> Opened | None:
        """On a file system that was mounted for it."""
        self.mounted = True
        assert way.path is not None
        return self._witnessed(self.look_in(anchor, anchor.fd, way.path, anchor.fd), way)

    def _witnessed(self, found: Opened | None, way: ByMap | ByMount) -> Opened | None:
        """Unconfirmed where a device number alone names the file system and may be another's by now. OVSI-ID-010."""
        filesystem, finder = self.source.filesystem, self.finder
        if found is None or found.verdict is not SAME or filesystem is None:
            return found
        uuid = filesystem.uuid and found.anchor.superblock.uuid
        alone = finder.plan.same_boot and by_device_alone(filesystem.type, uuid)
        if alone and not any(witness.still_in(finder.namespace.table) for witness in way.witnesses):
            detail = "no mount of its file system that the image lists is there, so its device number may be another's"
            found.verdict = Verdict("unconfirmed", detail)
        return found

    def by_process(self, way: ByProcess) -> Opened | None:
        """In what a process holds."""
        from .held import open_held

        anchor = open_held(way, self.source)
        if anchor is None:
            return None
        self.finder.namespace.keep(anchor)
        return self.look_in(anchor, anchor.fd, way.path, anchor.fd)

    def by_inner(self, way: ByInner, build: Callable[[str], Anchor]) -> Opened | None:
        """In another overlay of the image, of which a copy is made."""
        anchor = self.finder.namespace.keep(build(way.overlay))
        self.mounted = True
        fd = self._open(anchor.fd, way.path)
        return None if fd is None else Opened(self.source, fd, SAME, anchor, way.path, anchor.fd)

    def _look_at(self, anchor: Anchor, path: bytes) -> Opened | None:
        """What is at the path, if it is the source; a mount that covers it is passed by in a copy of the tree."""
        try:
            return self.look_in(anchor, anchor.fd, path, None)
        except OSError as failure:
            if failure.errno != errno.EXDEV:
                raise
        return self.look_in(anchor, anchor.clone, path, anchor.clone)

    def look_in(self, anchor: Anchor, top: int, path: bytes, tree: int | None) -> Opened | None:
        """What is at the path below `top`, if it is the source."""
        fd = self._open(top, path)
        if fd is None:
            return None
        verdict = self._compare(fd, anchor.superblock)
        if verdict.kind == "differs":
            self.differs = verdict
            os.close(fd)
            return None
        return Opened(self.source, fd, verdict, anchor, path, tree)

    def _open(self, top: int, path: bytes) -> int | None:
        try:
            return open_below(top, path)
        except OSError as failure:
            if failure.errno in _GONE:
                self.missing = self.missing or f"there is nothing at {text(path)}"
            elif failure.errno in _ANOTHER_KIND:
                self.differs = Verdict(
                    "differs", f"{text(path)} is a symbolic link or no directory, or leads through one"
                )
            else:
                raise
            return None

    def _compare(self, fd: int, superblock: Superblock) -> Verdict:
        source, plan = self.source, self.finder.plan
        if source.identity is None or source.filesystem is None:
            return SAME
        if plan.same_boot and plainly_same(fd, superblock, source.identity, source.filesystem):
            return SAME
        seen = seen_of_fd(fd, superblock, source.identity)
        return compare(source.identity, source.filesystem, seen, same_boot=plan.same_boot)

    def _by_handle(self, anchor: Anchor) -> Opened | None:
        """The source wherever it was moved to below the anchor, if its file system can open it by handle."""
        handle = self.source.identity.handle if self.source.identity is not None else None
        if handle is None or anchor.superblock.fs_type == "overlay":
            return None
        try:
            fd = open_by_handle_at(anchor.fd, FileHandle(handle.type, handle.bytes), os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return None
        try:
            path = below(own.path_of(fd), own.path_of(anchor.fd)) if os.fstat(fd).st_nlink else None
        finally:
            os.close(fd)
        return self._look_at(anchor, path) if path is not None else None

    def refusal(self, subject: str) -> Refusal:
        """Why the source can't be had, by the most telling thing that was met."""
        source = self.source
        why = f" ({source.reason})" if source.reason else ""
        if self.differs is not None:
            return Refusal(
                "identity-differs", f"{subject} is not the source of the image: {self.differs.detail}", subject
            )
        if self.unmapped:
            return Refusal("source-missing", f"{subject} can't be looked for: {self.unmapped}", subject)
        if self.barred:
            return Refusal("system-call", f"{subject} can't be reached: {self.barred}{why}", subject)
        if not source.ways:
            gone = "the place that the image has is of another boot, or below a directory that was removed"
            return Refusal("source-missing", f"{subject} can't be looked for: {gone}{why}", subject)
        if self.mounted or self.missing:
            return Refusal(
                "source-missing",
                f"{subject} does not exist any more: {self.missing or 'not found'}{why}{self.hint}",
                subject,
            )
        name = source.filesystem.type if source.filesystem is not None else "unknown"
        if self.only_unfit():
            how = "is mounted read-only, or maps IDs, wherever it is mounted"
            return Refusal("filesystem-missing", f"the file system ({name}) of {subject} {how}{why}", subject)
        return Refusal(
            "filesystem-missing",
            f"the file system ({name}) of {subject} is mounted nowhere in reach{why}{self.hint}",
            subject,
        )
