"""From dentries to paths, identities and whether they are deleted (include/linux/dcache.h)."""

from __future__ import annotations

from ..record import unchecked
from . import shapes
from .errors import Inconsistent
from .facts import DirectoryFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .layout import Layout
    from .snapshot import Snapshot

_MAX_DEPTH = 4096
_S_DEAD = 16  # of inode flags: removed, but still open (include/linux/fs.h)
_MINOR_BITS = 20
_BTRFS = b"btrfs"


def device(number: int) -> tuple[int, int]:
    """Major and minor of the kernel's own dev_t (include/linux/kdev_t.h)."""
    return number >> _MINOR_BITS, number & (1 << _MINOR_BITS) - 1


class Directories:
    """The directories of one snapshot."""

    def __init__(self, layout: Layout, snapshot: Snapshot) -> None:
        self._layout = layout
        self._snapshot = snapshot
        self._dentries: dict[int, tuple[int, int, int, int, int, int]] = {}  # in the order of shapes.Dentry
        self._superblocks = snapshot.rows(layout[shapes.Superblock], ())
        self._types: dict[int, bytes] = {}
        self._names: dict[int, bytes] = {}
        self._paths: dict[int, tuple[bytes | None, bool]] = {}

    def load(self, dentries: Iterable[int]) -> None:
        """Reads dentries, their ancestors level by level, and the names of all of them."""
        snapshot, view, known = self._snapshot, self._layout[shapes.Dentry], self._dentries
        new: list[int] = []
        level = [dentry for dentry in dict.fromkeys(dentries) if dentry not in known]
        for _ in range(_MAX_DEPTH):
            if not level:
                break
            known.update(zip(level, snapshot.values(view, level), strict=True))
            new += level
            level = list({known[dentry][1] for dentry in level}.difference(known))
        else:
            raise Inconsistent(f"a directory is more than {_MAX_DEPTH} levels deep")
        if new:
            _, _, lengths, pointers, _, superblocks = zip(*map(known.__getitem__, new), strict=True)
            found = snapshot.strings(pointers, "name")
            if tuple(map(len, found)) != lengths:
                raise Inconsistent("the name of a directory changed while it was read")
            self._names.update(zip(new, found, strict=True))
            self.load_superblocks(set(superblocks))

    def load_superblocks(self, superblocks: Iterable[int]) -> None:
        """Reads superblocks and the names of their types."""
        snapshot, types = self._snapshot, self._types
        rows = snapshot.rows(self._layout[shapes.Superblock], superblocks)
        new = list({rows[superblock].type for superblock in superblocks}.difference(types))
        if new:
            view = self._layout[shapes.FilesystemType]
            known = snapshot.rows(view, new)
            types.update(zip(new, snapshot.strings([known[kind].name for kind in new], "type name"), strict=True))

    def superblock_of(self, dentry: int) -> shapes.Superblock:
        """The superblock of a loaded dentry."""
        return self._superblocks[self._dentries[dentry][5]]

    def superblock(self, address: int) -> shapes.Superblock:
        """A superblock that was loaded."""
        return self._superblocks[address]

    def filesystem(self, superblock: int) -> bytes:
        """The name of a loaded superblock's type."""
        return self._types[self._superblocks[superblock].type]

    def path(self, dentry: int) -> tuple[bytes | None, bool]:
        """The path of a loaded dentry from its file system's root, and whether it was unhashed on the way.

        None for one that is not connected to that root.
        """
        paths, known = self._paths, self._dentries
        chain: list[int] = []
        at = dentry
        while at not in paths:
            _, parent, _, _, _, superblock = known[at]
            if parent == at:
                at_root = self._superblocks[superblock].root == at
                paths[at] = (b"", False) if at_root else (None, False)
                break
            chain.append(at)
            at = parent
            if len(chain) > _MAX_DEPTH:
                raise Inconsistent("the parents of a directory go round in a circle")
        path, unhashed = paths[at]
        for at in reversed(chain):
            if path is not None:
                path = path + b"/" + self._names[at]
            unhashed = unhashed or not known[at][0]
            paths[at] = path, unhashed
        return path if path != b"" else b"/", unhashed

    def below(self, dentry: int, top: int) -> bytes | None:
        """The path of a loaded dentry below another one, which must be an ancestor; None if it is not."""
        parts: list[bytes] = []
        while dentry != top:
            parent = self._dentries[dentry][1]
            if parent == dentry or len(parts) > _MAX_DEPTH:
                return None
            parts.append(self._names[dentry])
            dentry = parent
        parts.append(b"")
        parts.reverse()
        return b"/".join(parts) or b"/"

    def describe(self, dentries: Iterable[int]) -> dict[int, DirectoryFacts]:
        """Directories by their dentries."""
        wanted = list(dict.fromkeys(dentries))
        self.load(wanted)
        places = list(map(self._dentries.__getitem__, wanted))
        addresses = [place[4] for place in places]
        if not all(addresses):
            raise Inconsistent("a directory has no inode")
        inodes = self._snapshot.values(self._layout[shapes.Inode], addresses)
        common = {address: self._common(address) for address in {place[5] for place in places}}
        on_btrfs = {address for address, (kind, *_) in common.items() if kind == _BTRFS}
        volumes = self._subvolumes({place[4] for place in places if place[5] in on_btrfs}) if on_btrfs else {}
        found = {}
        paths, names = self._paths, self._names
        for dentry, place, (flags, above, ino, links, generation) in zip(wanted, places, inodes, strict=True):
            hashed, parent, _, _, inode, superblock = place
            if above != superblock:
                raise Inconsistent("a directory and its inode are of different file systems")
            beside = paths.get(parent)  # most lie side by side
            if beside is None or beside[0] is None or parent == dentry:
                path, unhashed = self.path(dentry)
            else:
                path, unhashed = beside[0] + b"/" + names[dentry], beside[1] or not hashed
            kind, numbers, uuid, of_superblock = common[superblock]
            deleted = unhashed or not links or flags & _S_DEAD != 0
            volume = volumes.get(inode) if volumes else None
            values = (kind, numbers, uuid, ino, generation, volume, path, deleted, of_superblock, superblock, dentry)
            found[dentry] = unchecked(DirectoryFacts, values)
        return found

    def _common(self, address: int) -> tuple[bytes, tuple[int, int], bytes, int]:
        """What all directories of a file system have in common: type, device number, UUID, flags."""
        superblock = self._superblocks[address]
        return self._types[superblock.type], device(superblock.device), superblock.uuid, superblock.flags

    def _subvolumes(self, inodes: set[int]) -> dict[int, int]:
        from .shapes_of_btrfs import BtrfsInode, BtrfsRoot

        of_inode = self._layout.of_module(BtrfsInode, _BTRFS)
        of_root = self._layout.of_module(BtrfsRoot, _BTRFS)
        outer = {inode: inode - of_inode.row.inode for inode in inodes}
        btrfs_inodes = self._snapshot.rows(of_inode, outer.values())
        roots = self._snapshot.rows(of_root, [btrfs_inodes[address].root for address in outer.values()])
        return {inode: roots[btrfs_inodes[address].root].objectid for inode, address in outer.items()}
