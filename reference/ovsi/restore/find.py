"""Every source of a plan opened and compared: what is returned is the directory that the image means, by descriptor.

The comparison is made on the very descriptor that the kernel is given later, so nothing that happens to a path in
between matters.
"""

from __future__ import annotations

import os

from ..errors import Refusal
from ..identity import SAME, by_device_alone, row_of
from ..plan.paths import common
from ..plan.records import ByInner, ByMap, ByMount, ByProcess
from . import own
from .child import in_child
from .look import Superblock, same_superblock
from .pair import in_one_tree, on_one_mount, pair_of
from .reach import Anchor, Namespace, serves
from .result import Accepted
from .search import Opened, PlainPlace, Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..linux.mounttable import Mount
    from ..plan.records import OverlayPlan, Plan, SourcePlan
    from .child import Outcome
    from .covered import Uncovered
    from .elsewhere import Elsewhere
    from .result import What


class Finder:
    """Opens the sources of one overlay after the other in the caller's mount namespace."""

    def __init__(
        self,
        plan: Plan,
        namespace: Namespace,
        inner: Callable[[str], Anchor] | None,
        home: Elsewhere | None = None,
        *,
        in_clones: bool = False,
    ) -> None:
        """`inner` builds another overlay of the plan, that a source is on, and gives a copy of its root.

        Where it is None, nothing is built: what would be is noted in `left`, and its sources are left out.
        `home` is where the caller was, if this process went elsewhere. in_clones: layers may as well be opened in
        copies of their mounts' trees, for they will be used there.
        """
        self.plan = plan
        self.namespace = namespace
        self.inner = inner
        self.left: dict[str, str] = {}  # of subjects of sources to overlays
        self.home = home
        self.in_clones = in_clones
        self.accepted: list[Accepted] = []
        self.notes: list[str] = []
        self._mounts: dict[tuple[object, ...], list[Mount]] = {}

    def open_all(self, overlay: OverlayPlan) -> list[Opened]:
        """All sources in the order of the plan, upper and work on one mount; without those that are left out.

        Raises Refusal for the first that can't be had or is not the one that the image means; closes all then.
        """
        found: dict[str, Opened] = {}
        try:
            self._at_its_place(overlay, found)
            rest = [source for source in overlay.sources if source.name not in found]
            searches = {source.name: Search(self, source) for source in rest}
            self._here(overlay, searches, found)
            self._covered(overlay, searches, found)
            self._elsewhere(overlay, searches, found)
            self._otherwise(overlay, searches, found)
            self._on_devices(overlay, searches, found)
            for source in overlay.sources:
                if overlay.subject(source) in self.left:
                    continue
                if source.name not in found:
                    raise searches[source.name].refusal(overlay.subject(source))
                if not (found[source.name].verdict is SAME and source.proved and source.idmap_known):
                    self._judge(found[source.name], overlay.subject(source), isinstance(source.ways[0], ByMap))
            opened = [found[source.name] for source in overlay.sources if source.name in found]
            on_one_mount(opened)
        except BaseException:
            close_all(list(found.values()))
            raise
        return opened

    def _at_its_place(self, overlay: OverlayPlan, found: dict[str, Opened]) -> None:
        """The short way for the many layers: those that are where the image saw them, and plainly the same."""
        places: dict[tuple[object, ...], PlainPlace | None] = {}
        in_clones = self.in_clones and not any(map(_wants_its_own_tree, overlay.sources))
        for source in overlay.sources:
            name, role, ways, identity, filesystem, proved, *_rest = source
            way = ways[0] if ways else None
            if not proved or identity is None or role not in ("lower", "data") or not isinstance(way, ByMount):
                continue
            device, uuid, inside, mount_point, mount_root, *_more = way
            key = device, uuid, mount_point, mount_root, id(filesystem)
            place = places[key] if key in places else places.setdefault(key, self._plain_place(way, source, in_clones))
            if place is not None and inside is not None:
                opened = place.open(source, identity, inside)
                if opened is not None:
                    found[name] = opened

    def _plain_place(self, way: ByMount, source: SourcePlan, in_clone: bool) -> PlainPlace | None:
        """The mount where the image saw a proved source, if it is there and surely of the same file system."""
        if not self.plan.same_boot or source.filesystem is None:
            return None
        mount = next(iter(self.mounts_for(way, source)), None)
        anchor = None if mount is None else self.namespace.anchor(mount)
        if mount is None or anchor is None or not same_superblock(anchor.superblock, source.filesystem):
            return None
        return PlainPlace(anchor, mount, in_clone=in_clone)

    def _here(self, overlay: OverlayPlan, searches: dict[str, Search], found: dict[str, Opened]) -> None:
        for source in overlay.sources:
            if source.name in found:
                continue
            search = searches[source.name]
            if source.role == "work" and "upper" in found:
                search.near = found["upper"].anchor.mount
            if source.role in ("upper", "work"):
                search.beside = searches["work" if source.role == "upper" else "upper"].path()
            for way in source.ways:
                if isinstance(way, (ByMount, ByMap)) and source.name not in found:
                    opened = search.by_map(way) if isinstance(way, ByMap) else search.by_mount(way)
                    if opened is not None:
                        found[source.name] = opened

    def _covered(self, overlay: OverlayPlan, searches: dict[str, Search], found: dict[str, Opened]) -> None:
        """What is missing looked for below the mounts of its file system that others hide."""
        tried: list[Mount] = []
        while missing := _missing(overlay, found):
            hidden = (mount for source, way in missing for mount in searches[source.name].hidden_mounts(way))
            mount = next((mount for mount in hidden if mount not in tried), None)
            if mount is None:
                return
            from .covered import Uncovered

            tried.append(mount)
            self._fetch(Uncovered(mount), missing, searches, found)

    def _elsewhere(self, overlay: OverlayPlan, searches: dict[str, Search], found: dict[str, Opened]) -> None:
        """What is missing looked for in each other mount namespace that the image names for it, all at once."""
        missing = _missing(overlay, found)
        for inode in dict.fromkeys(inode for _source, way in missing for inode in way.namespaces):
            from .elsewhere import with_inode

            there = with_inode(inode)
            if there is not None:
                try:
                    self._fetch(there, [entry for entry in missing if inode in entry[1].namespaces], searches, found)
                finally:
                    there.close()
                missing = _missing(overlay, found)
        if self.home is not None and missing:
            self._fetch(self.home, missing, searches, found)

    def _fetch(
        self,
        there: Elsewhere | Uncovered,
        missing: list[tuple[SourcePlan, ByMount]],
        searches: dict[str, Search],
        found: dict[str, Opened],
    ) -> None:
        try:
            for anchor, path, source in self._copy_from(there, missing):
                opened = searches[source.name].look_in(anchor, anchor.fd, path, anchor.fd)
                if opened is not None:
                    if source.name in found:
                        os.close(found[source.name].fd)
                    found[source.name] = opened
        except PermissionError as failure:
            for source, _way in missing:
                searches[source.name].hint = f"; {failure.strerror}"

    def _copy_from(
        self, there: Elsewhere | Uncovered, missing: list[tuple[SourcePlan, ByMount]]
    ) -> Iterator[tuple[Anchor, bytes, SourcePlan]]:
        """Detached copies of the trees that hold the sources, with the path of each; a child goes there for them."""

        def work() -> Outcome:
            there.enter()
            with Namespace(unique_ids=any(way.witnesses for _source, way in missing)) as namespace:
                return _copies(Finder(self.plan, namespace, self.inner), missing)

        answers, trees = in_child(work)
        assert isinstance(answers, list)
        anchors: dict[int, Anchor] = {}
        for source, answer in zip([source for source, _way in missing], answers, strict=True):
            if answer is not None:
                number, path, superblock = answer
                if number not in anchors:
                    anchors[number] = self.namespace.keep(Anchor(trees[number], Superblock(*superblock), None))
                yield anchors[number], path, source

    def _otherwise(self, overlay: OverlayPlan, searches: dict[str, Search], found: dict[str, Opened]) -> None:
        """What a process holds, and overlays of the image that this restore builds."""
        for source in overlay.sources:
            for way in source.ways:
                if source.name in found or not isinstance(way, (ByProcess, ByInner)):
                    continue
                search = searches[source.name]
                if isinstance(way, ByProcess):
                    opened = search.by_process(way)
                elif self.inner is not None:
                    opened = search.by_inner(way, self.inner)
                else:
                    self.left[overlay.subject(source)] = way.overlay
                    continue
                if opened is not None:
                    found[source.name] = opened

    def _on_devices(self, overlay: OverlayPlan, searches: dict[str, Search], found: dict[str, Opened]) -> None:
        """What is on a file system that is mounted nowhere; devices are not looked for in another namespace."""
        missing = _missing(overlay, found) if self.home is None else []
        if missing:
            from .devices import look_on_devices

            look_on_devices(self, missing, searches, found)

    def _judge(self, found: Opened, subject: str, mapped: bool) -> None:
        """Raises Refusal for a directory that is not, or can't be shown to be, the source. Spec sections 4.4, 4.5."""
        source, verdict = found.plan, found.verdict
        if verdict.kind == "differs":
            raise Refusal("identity-differs", f"{subject} is not the source of the image: {verdict.detail}", subject)
        if verdict.kind == "moved":
            self._accept("changed-identity", "identity-changed", subject, verdict.detail)
        elif verdict.kind == "unconfirmed":
            nothing = source.filesystem is None or row_of(source.filesystem.type).later is None
            liftable = mapped or (nothing and not self.plan.same_boot)
            if not liftable:
                raise Refusal("identity-differs", f"{subject} is not confirmed: {verdict.detail}", subject)
            self._accept("changed-identity", "identity-changed", subject, verdict.detail)
        elif verdict.kind == "insufficient" and source.proved:
            raise Refusal("identity-insufficient", f"{subject} can't be checked: {verdict.detail}", subject)
        if not source.proved:
            self._accept("unproved", "source-unproved", subject, "the candidate of the image was used")
        elif not source.idmap_known:
            self._accept("unproved", "source-unproved", subject, "its ID mapping is not known, and none was used")

    def _accept(self, what: What, code: str, subject: str, detail: str) -> None:
        if what not in self.plan.accept:
            raise Refusal(code, f"{subject}: {detail}", subject)
        self.accepted.append(Accepted(what, subject, detail))

    def mounts_for(self, way: ByMount, source: SourcePlan) -> list[Mount]:
        """The mounts of a file system, the one where the image saw the source first; found once a file system."""
        filesystem = source.filesystem
        assert filesystem is not None
        writable = source.role in ("upper", "work")
        key = (way.device, way.uuid, way.mount_point, way.mount_root, source.proved, filesystem.type, writable)
        if key not in self._mounts:
            found = self._mounts_of(way, filesystem.type, source.proved)
            mounts = [mount for mount in found if serves(mount, writable)]
            if not source.proved:
                mounts = [mount for mount in mounts if mount.mount_point == way.mount_point]
            self._mounts[key] = sorted(
                mounts, key=lambda mount: (mount.mount_point != way.mount_point, mount.root != way.mount_root)
            )
        return self._mounts[key]

    def only_unfit(self, way: ByMount, source: SourcePlan) -> bool:
        """Whether its file system is mounted, but through no mount of it the kernel takes such a source."""
        assert source.filesystem is not None
        there = self._mounts_of(way, source.filesystem.type, source.proved)
        return bool(there) and not any(serves(mount, source.role in ("upper", "work")) for mount in there)

    def _mounts_of(self, way: ByMount, fs_type: str, proved: bool) -> list[Mount]:
        table = self.namespace.table
        mounts: list[Mount] = []
        if way.device is not None:
            mounts = table.by_device(way.device)
            if by_device_alone(fs_type) and not self._is_still_there(way, fs_type, mounts):
                mounts = []
        if not mounts and way.uuid is not None:
            bearers = self.namespace.by_uuid(way.uuid, fs_type)
            if len(bearers) > 1:
                names = ", ".join(bearers)
                message = (
                    f"file systems {names} bear one UUID, or can't be asked for theirs: say with --map which is meant"
                )
                raise Refusal("identity-ambiguous", message, way.uuid)
            mounts = next(iter(bearers.values()), [])
        if not mounts and way.device is None and way.mount_point is not None and (proved or way.uuid is None):
            # Nothing names the file system on this boot: the place is looked at, and judged as unconfirmed. Of a
            # candidate there may be nothing to judge it by, and another UUID is another file system (OVSI-REST-004).
            mounts = [mount for mount in table.stack_at(way.mount_point)[-1:] if mount.fs_type == fs_type.encode()]
        return mounts

    def _is_still_there(self, way: ByMount, fs_type: str, mounts: list[Mount]) -> bool:
        """Whether a device number is still the superblock's that the image means, not of one that came after it."""
        if any(witness.still_in(self.namespace.table) for witness in way.witnesses):
            return True
        told = any(self.namespace.uuid_of(mount) for mount in mounts)
        return not by_device_alone(fs_type, way.uuid if told else None)


def _wants_its_own_tree(source: SourcePlan) -> bool:
    """Whether a copy of its mount's tree that serves others can't serve a stack with this source.

    An overlay that is built meanwhile, to bear it, would use the copy up; to map its IDs the copy would be copied, and
    no kernel before about Linux 6.15 does that.
    """
    return source.idmap is not None or any(isinstance(way, ByInner) for way in source.ways)


def _missing(overlay: OverlayPlan, found: dict[str, Opened]) -> list[tuple[SourcePlan, ByMount]]:
    """The sources that are not found and could be below some mount; upper and work together, if either is not."""
    names = {source.name for source in overlay.sources if source.name not in found}
    if names & {"upper", "work"}:
        names |= {"upper", "work"}
    return [
        (source, way)
        for source in overlay.sources
        if source.name in names
        for way in source.ways
        if isinstance(way, ByMount)
    ]


def _copies(finder: Finder, missing: Sequence[tuple[SourcePlan, ByMount]]) -> Outcome:
    """In another namespace: for each source (number of its tree, path in it, superblock) or None, and the trees."""
    found = [Search(finder, source).by_mount(way) for source, way in missing]
    pair = pair_of([opened for opened in found if opened is not None])
    if pair is not None and pair[0].anchor is pair[1].anchor:
        in_one_tree(pair)
    trees: list[int] = []
    answers: list[object] = []
    for opened in found:
        if opened is None:
            answers.append(None)
            continue
        path = b"/"
        if pair is not None and opened in pair:
            base = common(pair[0].path, pair[1].path)
            path = opened.path[len(base.rstrip(b"/")) :] or b"/"
        tree = opened.tree if path != b"/" and opened.tree is not None else own.clone_tree(opened.fd)
        if tree not in trees:
            trees.append(tree)
        superblock = opened.anchor.superblock
        answers.append((trees.index(tree), path, (superblock.fs_type, superblock.device, superblock.uuid)))
    return answers, trees


def close_all(opened: list[Opened]) -> None:
    """Close every source that is still open."""
    own.put_away([source.fd for source in opened])
    opened.clear()
