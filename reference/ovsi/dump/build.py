"""From accounts of overlays to the overlay entries of an image."""

from __future__ import annotations

from ..discover.filesystems import WITHOUT_GENERATION
from ..discover.options import effective
from ..errors import text
from ..image import model
from ..record import Record, unchecked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..discover.evidence import Directory, IdMaps, Spot, Verdict
    from ..discover.ladder import Account
    from ..discover.location import Locator
    from ..discover.options import Basis
    from ..introspect.facts import IdMap, OverlayFacts, UserNamespaceFacts
    from ..linux.handles import FileHandle
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

    def __init__(self, tables: Tables, locator: Locator) -> None:
        self.tables = tables
        self.locator = locator
        self.complete = True
        self._accounts: list[tuple[str, Account]] = []  # they keep the verdicts, whose ids are keys here
        self._sources: dict[int, model.Source] = {}
        self._mounts: dict[int, str] = {}  # ids by those of mounts of the dumped namespace, which its table keeps
        self._mounters: dict[tuple[object, ...], model.Mounter] = {}
        self._options: dict[tuple[object, ...], tuple[model.MountOption, ...]] = {}
        self._flags: dict[tuple[object, ...], tuple[str, ...]] = {}

    def overlay(self, account: Account, name: str) -> model.Overlay:
        """The entry of one overlay; sources that it shares with others are the very same entries."""
        self._accounts.append((name, account))
        filesystem = self.tables.overlay(account)
        mounts = tuple([self.tables.mount(mount, filesystem) for mount in account.mounts])
        known = self._sources
        layers: list[Any] = [known.get(id(verdict)) or self._source(verdict) for verdict in account.verdicts]
        work = layers.pop() if account.verdicts and account.verdicts[-1].slot.role == "work" else None
        security = account.shown.security
        requires: tuple[str, ...] = ()
        head = (name, filesystem, requires, mounts, self._effective(account))
        shown = (tuple([_option(key, value, "shown") for key, value in security]), self._superblock_flags(account))
        mounter = None if account.facts is None else self._mounter(account.facts)
        return unchecked(model.Overlay, (*head, *shown, account.super_options, mounter, tuple(layers), work))

    def _effective(self, account: Account) -> tuple[model.MountOption, ...]:
        held = account.held
        key = (account.shown.own, id(held))
        options = self._options.get(key)
        if options is None:
            # Held options are complete: what is off there, or not in this kernel, has no default to be stated.
            acting = effective(account.shown, self.tables.ladder.defaults() if held is None else {}, held)
            made = [
                _option(*option) for option in acting if _is_utf8(option[0])
            ]  # else it stays in shown_options alone
            options = self._options[key] = tuple(made)
        return options

    def _superblock_flags(self, account: Account) -> tuple[str, ...]:
        key = account.shown.flags, account.facts and account.facts.superblock_flags
        flags = self._flags.get(key)
        if flags is None:
            flags = self._flags[key] = _flags(account)
        return flags

    def _mounter(self, facts: OverlayFacts) -> model.Mounter:
        who, owner = facts.creator, facts.user_namespace
        key = (who.uid, who.gid, who.fsuid, who.fsgid, who.groups, who.cap_effective, owner.inum, owner.level)
        mounter = self._mounters.get(key)
        if mounter is None:
            mounter = self._mounters[key] = _mounter(facts)
        return mounter

    def _source(self, verdict: Verdict) -> model.Source:
        """The entry of a source, made."""
        slot, assurance, why, method, directory, spot, idmap, idmap_known = verdict
        role, _index, declared = slot
        path = place = candidate = identity = None
        if directory is not None and assurance == "proved":
            state, directory, spot, why, _said, confirmed = self.locator.locate(directory)
            filesystem = self._filesystem(directory, spot)
            identity = self._identity(directory, filesystem, confirmed)
            path = None if directory.deleted else directory.path
            place = None if spot is None else self._place(spot, filesystem)
        else:
            state, filesystem = "unknown", None
            if directory is not None:
                spot = self.locator.guess(directory)
                filesystem = self._filesystem(directory, spot) if spot or method else None
                identity = None if method is None or filesystem is None else self._identity(directory, filesystem, None)
            candidate = None if spot is None else self._place(spot, filesystem)
        missing = () if declared is not None and idmap_known else _missing_of_source(verdict)
        maps = None if idmap is None or role == "work" else _layer_idmap(idmap)
        values = (declared, identity, path, state, assurance, method, place, candidate, maps, why, (), missing)
        kind, own = (model.Source, values) if role == "work" else (model.Layer, (*values, role))
        source: model.Source = unchecked(kind, own)
        if state not in _REACHED:
            self.complete = False
        self._sources[id(verdict)] = source
        return source

    def explanations(self) -> tuple[Explanation, ...]:
        """For every source what each rung said of it, where it was found, and why the judge decided so."""
        return tuple(
            [self._explain(name, account, one) for name, account in self._accounts for one in account.verdicts]
        )

    def _explain(self, overlay: str, account: Account, verdict: Verdict) -> Explanation:
        said = tuple(account.findings.said.get(verdict.slot.name, ()))
        if verdict.directory is not None and verdict.assurance == "proved":
            said += (("location", self.locator.locate(verdict.directory).said),)
        return Explanation(overlay, verdict.slot.name, said, verdict.explained())

    def _filesystem(self, directory: Directory, spot: Spot | None) -> str:
        return self.tables.filesystem_ids.get(directory.device) or self.tables.filesystem(directory, spot)

    def _identity(self, directory: Directory, filesystem: str, confirmed: FileHandle | None) -> model.Identity:
        """What tells a directory from others; `confirmed`: the kernel's handle of one that is known without."""
        _device, fs_type, inode, generation, subvolume, _path, _deleted, handle, handle_made, _none, _uuid = directory
        made = None
        if confirmed is not None:
            made = unchecked(model.Handle, (*confirmed, "kernel"))
        elif handle is not None:
            made = unchecked(model.Handle, (*handle, "producer" if handle_made else "kernel"))
        usual = made is not None and generation is not None and fs_type != "btrfs"
        missing = () if usual else _missing_of_identity(directory, made is not None)
        return unchecked(model.Identity, (filesystem, inode, generation, subvolume, made, missing))

    def _place(self, spot: Spot, filesystem: str | None) -> model.Place:
        """A place in the terms of the image; `filesystem`: the id of the one that is there, where it is known."""
        path, mount, namespace, process = spot
        if process is not None:
            pid, start, through = process
            return model.Place(process=model.Process(pid=pid, start_time=start, through=through), path=path)
        name = self._mounts.get(id(mount)) if namespace is None else None
        if name is None:
            tables = self.tables
            name = tables.mount(mount, filesystem or tables.of_mount(mount), namespace)
            if namespace is None:
                self._mounts[id(mount)] = name
        return unchecked(model.Place, (name, None, path))


def _missing_of_source(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    slot = verdict.slot
    declared = () if slot.declared is not None else (("declared", _NOT_SHOWN),)
    idmap = () if verdict.idmap_known or slot.role == "work" else (("idmap", _ID_MAP_UNKNOWN),)
    return declared + idmap


def _missing_of_identity(directory: Directory, has_handle: bool) -> tuple[tuple[str, str], ...]:
    missing = []
    if directory.generation is None and directory.fs_type not in WITHOUT_GENERATION:
        missing.append(("generation", "the file system does not let it be read"))
    if directory.subvolume is None and directory.fs_type == "btrfs":
        missing.append(("subvolume", "the file system does not let it be read"))
    if not has_handle and not directory.handle_none:
        missing.append(("handle", "the directory could not be opened to ask for it"))
    return tuple(missing)


def _option(name: bytes, value: bytes | None, basis: Basis) -> model.MountOption:
    return model.MountOption(name=name.decode(), value=value, basis=basis)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


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
