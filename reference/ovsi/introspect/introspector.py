"""The way in: open an Introspector, ask it about descriptors."""

from __future__ import annotations

import os

from . import shapes
from .directories import Directories, device
from .errors import Inconsistent, IntrospectionUnavailable, KernelReadError
from .layout import Layout
from .memory import Memory
from .owners import idmap_of
from .snapshot import Snapshot, consistently
from .walk import file_of, overlay_facts, superblocks_of_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .facts import MountFacts, OverlayFacts

_MODULE = b"/sys/module/overlay"
_KNOWN_PATH = b"/kernel/btf/vmlinux"
_KNOWN_TYPE = b"sysfs"


class Introspector:
    """Reads from the kernel what overlays are made of. Attaches nothing, leaves nothing, changes nothing.

    Close it, or use it in a `with` statement. All methods raise Inconsistent where the kernel's structures kept
    changing or make no sense, KernelReadError where an address stayed unreadable, IntrospectionUnavailable where
    this kernel has a structure otherwise than this package knows it. Addresses of superblocks that methods
    give and take mean one superblock as long as something, say a descriptor, keeps it.
    """

    def __init__(self) -> None:
        """Raises IntrospectionUnavailable: see there for the abilities."""
        self._unmapped: int | None = None
        self._layout = Layout()
        try:
            self._memory = Memory()
        except IntrospectionUnavailable:
            self._layout.close()
            raise
        try:
            if self._layout[shapes.Pointer].size != 8:
                raise IntrospectionUnavailable("layout", "pointers are not of 64 bits")
            consistently(self._memory, self._calibrate)
            if os.path.isdir(_MODULE):  # else there is no overlay, and its types may come with the module
                _view = self._layout.overlay_view
        except (Inconsistent, KernelReadError) as failure:
            self.close()
            raise IntrospectionUnavailable("calibration", str(failure)) from failure
        except IntrospectionUnavailable:
            self.close()
            raise

    def __enter__(self) -> Introspector:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing stays behind in the kernel."""
        self._memory.close()
        self._layout.close()

    def superblock_of(self, fd: int) -> int:
        """The superblock on which an open descriptor's object is; O_PATH will do."""
        return consistently(self._memory, lambda snapshot: self._superblock(snapshot, fd))

    def place_of(self, fd: int) -> tuple[tuple[int, int], bytes | None]:
        """Device number and path, inside of its file system, of an open descriptor's object; O_PATH will do.

        The path is None of what is not connected to its file system's root.
        """
        return consistently(self._memory, lambda snapshot: self._place(snapshot, fd))

    def overlay_of(self, fd: int) -> OverlayFacts:
        """The overlay on which an open descriptor's object is. Raises Inconsistent where that is none."""
        return consistently(self._memory, lambda snapshot: self._facts(snapshot, [self._superblock(snapshot, fd)])[0])

    def overlays(self, superblocks: Sequence[int], *, names: bool = True) -> list[OverlayFacts]:
        """The overlays of these superblocks, in their order; `names`: with those that were given to mount(2)."""
        return consistently(self._memory, lambda snapshot: self._facts(snapshot, superblocks, names))

    def same_type(self, superblock: int) -> list[int]:
        """All superblocks of the system of the type that this one is of: given an overlay, all overlays."""
        return consistently(self._memory, lambda snapshot: superblocks_of_type(self._layout, snapshot, superblock))

    def mounts(self, fd: int) -> list[MountFacts]:
        """All mounts of the mount namespace that a descriptor of /proc/PID/ns/mnt means, covered ones too."""
        from .namespace import mounts_of

        return consistently(self._memory, lambda snapshot: mounts_of(self._memory, self._layout, snapshot, fd))

    def _superblock(self, snapshot: Snapshot, fd: int) -> int:
        file = file_of(self._memory, self._layout, snapshot, fd)
        return snapshot.row(self._layout[shapes.Inode], file.inode).superblock

    def _place(self, snapshot: Snapshot, fd: int) -> tuple[tuple[int, int], bytes | None]:
        dentry = file_of(self._memory, self._layout, snapshot, fd).dentry
        directories = Directories(self._layout, snapshot)
        directories.load((dentry,))
        return device(directories.superblock_of(dentry).device), directories.path(dentry)[0]

    def _facts(self, snapshot: Snapshot, superblocks: Sequence[int], names: bool = True) -> list[OverlayFacts]:
        return overlay_facts(self._layout, snapshot, superblocks, self._unmapped, names)

    def _calibrate(self, snapshot: Snapshot) -> None:
        """Reads an object of which the truth is known otherwise: the BTF file itself."""
        layout, fd = self._layout, self._layout.btf_fd
        file = file_of(self._memory, layout, snapshot, fd)
        directories = Directories(layout, snapshot)
        directories.load((file.dentry,))
        mount = snapshot.row(layout[shapes.VfsMount], file.mount)
        inode = snapshot.row(layout[shapes.Inode], file.inode)
        superblock = directories.superblock(inode.superblock)
        truth = os.fstat(fd)
        read = (
            inode.ino,
            inode.links,
            device(superblock.device),
            directories.filesystem(inode.superblock),
            directories.path(file.dentry),
            mount.superblock,
        )
        if read != (
            truth.st_ino,
            truth.st_nlink,
            (os.major(truth.st_dev), os.minor(truth.st_dev)),
            _KNOWN_TYPE,
            (_KNOWN_PATH, False),
            inode.superblock,
        ):
            raise Inconsistent("the file of the BTF did not read as what it is")
        self._unmapped = idmap_of(mount)  # sysfs can't be ID-mapped (FS_ALLOW_IDMAP, include/linux/fs.h)
