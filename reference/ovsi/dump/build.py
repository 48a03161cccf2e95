"""From accounts of overlays to the overlay entries of an image."""

from __future__ import annotations

from ..discover.filesystems import WITHOUT_GENERATION
from ..discover.options import effective
from ..errors import text
from ..image import model
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..discover.evidence import Directory, IdMaps, Spot, Verdict
    from ..discover.ladder import Account
    from ..discover.location import Located, Locator
    from ..discover.options import Basis
    from ..introspect.facts import IdMap, OverlayFacts, UserNamespaceFacts
    from .tables import Tables

_ID_MAP_UNKNOWN = "an ID mapping shows through introspection only"
_NOT_SHOWN = "the kernel shows no name for it"
_FLAG_WORDS = ((16, "sync"), (128, "dirsync"), (64, "mand"), (1 << 25, "lazytime"))
_SB_RDONLY = 1
_REACHED = ("located", "covered", "elsewhere")


class Explanation(Record):
    """Per source of an overlay (image ids and names): what each rung said, and why the judge decided so."""

    overlay: str
    source: str
    findings: tuple[tuple[str, str], ...]
    verdict: str


class Builder:
    """Makes overlay entries; `complete` tells whether every source so far is proved and in reach."""

    def __init__(self, tables: Tables, locator: Locator, module_defaults: dict[bytes, bytes]) -> None:
        self.tables = tables
        self.locator = locator
        self.module_defaults = module_defaults
        self._accounts: list[tuple[str, Account]] = []
        self._sources: dict[tuple[object, ...], model.Source] = {}
        self.complete = True
        self._mounters: dict[tuple[int, int], model.Mounter] = {}
        self._options: dict[tuple[tuple[bytes, bytes | None, Basis], ...], tuple[model.MountOption, ...]] = {}

    def overlay(self, account: Account, name: str) -> model.Overlay:
        """The entry of one overlay."""
        filesystem = self.tables.overlay(account)
        mounts = tuple([self.tables.mount(mount, filesystem) for mount in account.mounts])
        layers: list[model.Layer] = []
        work = None
        for verdict in account.verdicts:
            source = self._source(verdict)
            if isinstance(source, model.Layer):
                layers.append(source)
            else:
                work = source
        self._accounts.append((name, account))
        return model.Overlay(
            id=name,
            filesystem=filesystem,
            mounts=mounts,
            options=self._effective(account),
            security_options=tuple(
                [model.MountOption(name=text(key), value=value, basis="shown") for key, value in account.shown.security]
            ),
            superblock_flags=_flags(account),
            shown_options=account.super_options,
            mounter=None if account.facts is None else self._mounter(account.facts),
            layers=tuple(layers),
            work=work,
        )

    def _effective(self, account: Account) -> tuple[model.MountOption, ...]:
        # Held options are complete: what is off there, or not in this kernel, has no default to be stated.
        known = self.module_defaults if account.held is None else {}
        acting = tuple(effective(account.shown, known, account.held))
        options = self._options.get(acting)
        if options is None:
            made = [model.MountOption(name=text(key), value=value, basis=basis) for key, value, basis in acting]
            options = self._options[acting] = tuple(made)
        return options

    def _mounter(self, facts: OverlayFacts) -> model.Mounter:
        key = id(facts.creator), id(facts.user_namespace)  # one object for all that share it
        mounter = self._mounters.get(key)
        if mounter is None:
            mounter = self._mounters[key] = _mounter(facts)
        return mounter

    def _source(self, verdict: Verdict) -> model.Source:
        """The entry of a source; the very same for overlays that share it."""
        slot = verdict.slot
        # Directories of introspection are one object each for a whole dump, and tell all; others are not shared.
        key = (id(verdict.directory), slot.role, slot.declared, verdict.idmap) if verdict.idmap_known else None
        source = None if key is None else self._sources.get(key)
        if source is None:
            fields = self._fields(verdict)
            role: Any = slot.role
            source = model.Source(**fields) if role == "work" else model.Layer(role=role, **fields)
            if key is not None:
                self._sources[key] = source
        if source.state not in _REACHED:
            self.complete = False
        return source

    def _fields(self, verdict: Verdict) -> dict[str, Any]:
        slot = verdict.slot
        if verdict.directory is None:
            fields = self._falling_short(verdict, verdict.candidate, None)
        elif verdict.assurance == "proved":
            fields = self._proved(verdict, self.locator.locate(verdict.directory))
        else:
            fields = self._falling_short(verdict, self.locator.guess(verdict.directory), verdict.directory)
        fields["declared"] = slot.declared
        fields["assurance"] = verdict.assurance
        if slot.role != "work" and verdict.idmap is not None:
            fields["idmap"] = _layer_idmap(verdict.idmap)
        fields["missing"] = _missing_of_source(verdict)
        return fields

    def explanations(self) -> tuple[Explanation, ...]:
        """For every source what each rung said of it, where it was found, and why the judge decided so."""
        return tuple(
            [self._explain(name, account, one) for name, account in self._accounts for one in account.verdicts]
        )

    def _explain(self, overlay: str, account: Account, verdict: Verdict) -> Explanation:
        said = tuple(account.findings.said.get(verdict.slot.name, ()))
        if verdict.directory is not None and verdict.assurance == "proved":
            said += (("location", self.locator.locate(verdict.directory).said),)
        return Explanation(overlay, verdict.slot.name, said, verdict.why)

    def _proved(self, verdict: Verdict, located: Located) -> dict[str, Any]:
        directory = located.directory
        return {
            "identity": self._identity(directory, located.spot),
            "path": None if directory.deleted else directory.path,
            "state": located.state,
            "method": verdict.method,
            "location": None if located.spot is None else self._place(located.spot, directory),
            "reason": located.reason,
        }

    def _falling_short(self, verdict: Verdict, spot: Spot | None, directory: Directory | None) -> dict[str, Any]:
        fields: dict[str, Any] = {"state": "unknown", "reason": verdict.why}
        if verdict.method is not None:
            fields["method"] = verdict.method
        if directory is not None and verdict.method is not None:
            fields["identity"] = self._identity(directory, spot)
        if spot is not None:
            fields["candidate"] = self._place(spot, directory)
        return fields

    def _identity(self, directory: Directory, spot: Spot | None) -> model.Identity:
        handle = directory.handle
        return model.Identity(
            filesystem=self.tables.filesystem(directory, spot),
            inode=directory.inode,
            generation=directory.generation,
            subvolume=directory.subvolume,
            handle=None
            if handle is None
            else model.Handle(
                type=handle.type, bytes=handle.data, made_by="producer" if directory.handle_made else "kernel"
            ),
            missing=_missing_of_identity(directory),
        )

    def _place(self, spot: Spot, directory: Directory | None) -> model.Place:
        if spot.process is not None:
            pid, start, through = spot.process
            return model.Place(process=model.Process(pid=pid, start_time=start, through=through), path=spot.path)
        assert spot.mount is not None
        if directory is None:
            return model.Place(mount=self.tables.mount(spot.mount, self.tables.of_mount(spot.mount)), path=spot.path)
        filesystem = self.tables.filesystem(directory, spot)
        return model.Place(mount=self.tables.mount(spot.mount, filesystem, spot.namespace), path=spot.path)


def _missing_of_source(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    slot = verdict.slot
    declared = () if slot.declared is not None else (("declared", _NOT_SHOWN),)
    idmap = () if verdict.idmap_known or slot.role == "work" else (("idmap", _ID_MAP_UNKNOWN),)
    return declared + idmap


def _missing_of_identity(directory: Directory) -> tuple[tuple[str, str], ...]:
    missing = []
    if directory.generation is None and directory.fs_type not in WITHOUT_GENERATION:
        missing.append(("generation", "the file system does not let it be read"))
    if directory.subvolume is None and directory.fs_type == "btrfs":
        missing.append(("subvolume", "the file system does not let it be read"))
    if directory.handle is None and not directory.handle_none:
        missing.append(("handle", "the directory could not be opened to ask for it"))
    return tuple(missing)


def _layer_idmap(maps: IdMaps | None) -> model.LayerIdmap | None:
    if maps is None:
        return None
    return model.LayerIdmap(uid_map=_ranges(maps.uid), gid_map=_ranges(maps.gid))


def _ranges(extents: tuple[tuple[int, int, int], ...]) -> tuple[model.IdRange, ...]:
    return tuple([model.IdRange(inside=inside, outside=outside, count=count) for inside, outside, count in extents])


def _extents(extents: IdMap) -> tuple[model.IdRange, ...] | None:
    return _ranges(tuple([(one.inside, one.outside, one.count) for one in extents])) or None


def _flags(account: Account) -> tuple[str, ...]:
    if account.shown.flags or account.facts is None:
        return tuple([text(flag) for flag in account.shown.flags])
    held = account.facts.superblock_flags
    return ("ro" if held & _SB_RDONLY else "rw", *(word for flag, word in _FLAG_WORDS if held & flag))


def _mounter(facts: OverlayFacts) -> model.Mounter:
    who = facts.creator
    return model.Mounter(
        user_namespace=_user_namespace(facts.user_namespace),
        credentials=model.Credentials(
            uid=who.uid,
            gid=who.gid,
            fsuid=who.fsuid,
            fsgid=who.fsgid,
            groups=who.groups,
            cap_effective=who.cap_effective,
        ),
    )


def _user_namespace(facts: UserNamespaceFacts) -> model.UserNamespace:
    return model.UserNamespace(
        initial=facts.level == 0,
        inode=facts.inum,
        uid_map=_extents(facts.uid_map),
        gid_map=_extents(facts.gid_map),
        relative_to="initial",
    )
