"""A restore up to its commit: every source found and compared, each overlay finished, checked, and still unseen."""

from __future__ import annotations

import errno
import os

from ..errors import Refusal
from ..identity import by_device_alone
from ..plan.order import commit_order
from ..plan.paths import above, plain
from . import own
from .attributes import attribute_bits, set_before
from .commit import Ready
from .context import check_options
from .find import Finder, close_all
from .finished import check
from .look import Superblock
from .mounter import check_mounter
from .probe import lacks_mount_setattr, refuse_if_in_use, refuse_if_locked, refuse_if_stale, refuse_without_calls
from .reach import Anchor, Namespace
from .setups import ability, build, uses_copies
from .target import open_target, parent_is_shared, refuse_foreign
from .volatile import leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.records import MountPlan, OverlayPlan, Plan
    from .child import Outcome
    from .elsewhere import Elsewhere
    from .result import Setup
    from .search import Opened
    from .volatile import Leftovers


class _Built:
    """A finished overlay, still detached: a mount for each of its plan, and one of its root.

    workshop: the private mount namespace in which alone that root can be a layer; None where it can anywhere.
    """

    def __init__(self, plan: OverlayPlan, setup: Setup, descriptors: list[int]) -> None:
        count = len(plan.mounts)
        self.plan = plan
        self.setup: Setup = setup
        self.mounts = descriptors[:count]
        self.root = descriptors[count]
        self.workshop = descriptors[count + 1] if len(descriptors) > count + 1 else None
        self.descriptors = descriptors


class Restore:
    """One restore under way, up to the commit, with every descriptor that must be closed at its end."""

    def __init__(self, plan: Plan, forced: Setup | None, home: Elsewhere | None = None) -> None:
        """`home` is where the caller was, if this process went elsewhere for the target."""
        self.plan = plan
        self.home = home
        self.forced = forced
        self.remounted = False
        self.planned = {overlay.id: overlay for overlay in plan.overlays}
        self.built: dict[str, _Built] = {}
        self.targets: dict[bytes, int] = {}
        self.shared: dict[bytes, bool] = {}

    def prepare(self) -> None:
        """Everything that can fail: then each overlay is finished, and detached."""
        refuse_without_calls()
        self.remounted = lacks_mount_setattr(self.plan)
        # One a source, and one more of an ID-mapped copy.
        sources = [source for overlay in self.plan.overlays for source in overlay.sources]
        own.allow_descriptors(sum(1 + (source.idmap is not None) for source in sources))
        by_number = any(one.filesystem is not None and by_device_alone(one.filesystem.type) for one in sources)
        self._open_targets()
        with Namespace(unique_ids=by_number) as namespace:
            for path, fd in self.targets.items():
                refuse_foreign(fd, path, namespace.table)
            self.shared = {path: parent_is_shared(fd, namespace.table) for path, fd in self.targets.items()}
            if len(self.plan.overlays) > 1:
                self._look_ahead(namespace)
            self.finder = Finder(self.plan, namespace, self._inner, self.home, in_clones=uses_copies(self.forced))
            for overlay in self.plan.overlays:
                if overlay.mounts:
                    self._build(overlay)

    def ready(self) -> list[Ready]:
        """The finished mounts, in the order of their commits."""
        made = [
            (Ready(built.plan.id, number, built.setup, self._is_shared(planned), fd), planned)
            for built in self.built.values()
            for number, (fd, planned) in enumerate(zip(built.mounts, built.plan.mounts, strict=True))
        ]
        return [made[number][0] for number in commit_order([(one.overlay, planned) for one, planned in made])]

    def _is_shared(self, planned: MountPlan) -> bool | None:
        """Whether the mount will be attached below a shared one; None: to be seen when that is there."""
        return self.shared.get(plain(planned.target))

    def notes(self) -> tuple[str, ...]:
        """What could not be as in the image, and what was done besides, for a person."""
        return (*(note for overlay in self.plan.overlays for note in overlay.notes), *self.finder.notes)

    def packed(self) -> Outcome:
        """`prepare`, and all that a commit needs, as plain data and descriptors."""
        self.prepare()
        ready = self.ready()
        accepted = [(one.what, one.subject, one.detail) for one in self.finder.accepted]
        data = [(one.overlay, one.number, one.setup, one.shared) for one in ready]
        descriptors = [one.mount for one in ready] + list(self.targets.values())
        return (data, list(self.targets), accepted, list(self.notes())), descriptors

    def _open_targets(self) -> None:
        """Those that exist before the restore; one below another's target is opened when that is there."""
        mounts = [mount for overlay in self.plan.overlays for mount in overlay.mounts]
        for mount in mounts:
            attribute_bits(mount.attributes)
        wanted: dict[bytes, MountPlan] = {}
        for mount in mounts:
            if wanted.setdefault(plain(mount.target), mount) is not mount:
                raise Refusal("target-busy", "two mounts of the image have one mount point", mount.target)
        for target, mount in wanted.items():
            if wanted.keys().isdisjoint(above(target)):
                self.targets[target] = open_target(target, mount.within)

    def _look_ahead(self, namespace: Namespace) -> None:
        """Refuse what can be refused of any overlay before the superblock of one is created (OVSI-REST-002).

        What is in an overlay that this restore builds can't be looked at yet.
        """
        finder = Finder(self.plan, namespace, None, self.home)
        waiting = [overlay.id for overlay in self.plan.overlays if overlay.mounts]
        for overlay_id in waiting:
            overlay = self.planned[overlay_id]
            check_mounter(overlay, self.plan.same_boot, self.plan.accept)
            opened = finder.open_all(overlay)
            try:
                self._refuse(overlay, opened, namespace)
                check_options(overlay)
            finally:
                close_all(opened)
                namespace.drop_clones()
            waiting += [one for one in dict.fromkeys(finder.left.values()) if one not in waiting]

    def _refuse(self, overlay: OverlayPlan, opened: list[Opened], namespace: Namespace) -> Leftovers | None:
        """Raises Refusal for sources that are the right ones, but not to be had; gives the mark that was accepted."""
        if any(planned.root != b"/" for planned in overlay.mounts):
            from .inside import refuse_without_roots

            refuse_without_roots(overlay, opened)
        refuse_if_stale(overlay, opened)
        refuse_if_locked(overlay, opened, namespace)
        refuse_if_in_use(overlay, opened)
        return leftovers(overlay, opened, self.plan.accept)

    def _inner(self, overlay_id: str) -> Anchor:
        """An overlay that another one has as a layer."""
        overlay = self.planned[overlay_id]
        built = self.built.get(overlay_id) or self._build(overlay)
        fd = own.clone_tree(built.root) if built.workshop is None else os.dup(built.root)
        return Anchor(fd, Superblock("overlay", "", None), None, built.workshop)

    def _build(self, overlay: OverlayPlan) -> _Built:
        if overlay.id in self.built:
            return self.built[overlay.id]
        finder = self.finder
        met = [check_mounter(overlay, self.plan.same_boot, self.plan.accept)]
        opened = finder.open_all(overlay)
        trees: list[int] = []
        try:
            if any(source.plan.idmap is not None for source in opened):
                from .idmapped import map_ids

                trees = map_ids(overlay, opened)
            mark = self._refuse(overlay, opened, finder.namespace)
            setup, shown, mounts = self._create(overlay, opened, mark)
            built = self.built[overlay.id] = _Built(overlay, setup, mounts)
            for mount, planned in zip(built.mounts, overlay.mounts, strict=True):
                set_before(mount, planned, self._is_shared(planned), remounted=self.remounted)
            check(overlay, opened, shown, built.root, setup, at_home=self.home is None)
        finally:
            close_all(opened)
            for tree in trees:
                os.close(tree)
            finder.namespace.drop_clones()
        met += [mark.accepted] if mark is not None else []
        finder.accepted += [entry for entry in met if entry is not None]
        return built

    def _create(
        self, overlay: OverlayPlan, opened: list[Opened], mark: Leftovers | None
    ) -> tuple[Setup, list[bytes], list[int]]:
        setup = self.forced or ability(opened)
        try:
            try:
                return setup, *build(overlay, opened, setup, mark, remounted=self.remounted)
            except OSError as failure:
                if self.forced or setup != "descriptor" or not _may_take_names(failure, opened):
                    raise
                return "append", *build(overlay, opened, "append", mark, remounted=self.remounted)
        except BaseException as failure:
            if mark is not None:
                mark.put_back()  # whatever it was: a refusal of the kernel's, or that the run is to end
            if not isinstance(failure, OSError):
                raise
            from .explain import explain

            raise explain(failure, overlay, opened) from failure

    def close(self) -> None:
        """Put away what a commit does not."""
        for built in self.built.values():
            own.put_away(built.descriptors)
        own.put_away(self.targets.values())


def _may_take_names(failure: OSError, opened: list[Opened]) -> bool:
    """Whether a kernel that took no descriptor may take a name: of a detached tree, or of a path that it can't show."""
    detached = any(source.tree is not None for source in opened)
    return failure.errno == errno.ENAMETOOLONG or (failure.errno == errno.EINVAL and detached)
