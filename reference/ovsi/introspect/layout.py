"""What is wanted of the kernel's structures, by name. No offset and no kernel version stands here.

Where kernels differ, a member has several paths or is optional. Origin: include/linux/{fs,dcache,mount,cred}.h,
fs/mount.h, fs/overlayfs/ovl_entry.h, fs/btrfs/, as of Linux 5.10 to 7.2.
"""

from __future__ import annotations

import os

from .btf import Btf, BtfError, open_btf
from .errors import IntrospectionUnavailable
from .relocation import relocated
from .shape import LIST, STRUCTURE, Shape, View, fitting, number, offset, pointer, raw, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .relocation import Relocated
    from .shape import Row

_BTF = b"/sys/kernel/btf/"


class Task(Shape):
    structure = b"task_struct"
    files: int = pointer("files")


class OpenFiles(Shape):
    structure = b"files_struct"
    fdt: int = pointer("fdt")


class DescriptorTable(Shape):
    structure = b"fdtable"
    max_fds: int = number("max_fds")
    fd: int = pointer("fd")


class File(Shape):
    structure = b"file"
    part_of = "backing_file.file"
    inode: int = pointer("f_inode")
    dentry: int = pointer("f_path.dentry")
    mount: int = pointer("f_path.mnt")


class Inode(Shape):
    structure = b"inode"
    superblock: int = pointer("i_sb")
    ino: int = number("i_ino")
    links: int = number("i_nlink")
    generation: int = number("i_generation")
    flags: int = number("i_flags")


class InodeOfNamespace(Shape):
    """Apart, for it is far from the others."""

    structure = b"inode"
    private: int = pointer("i_private")


class Dentry(Shape):
    structure = b"dentry"
    parent: int = pointer("d_parent")
    inode: int = pointer("d_inode")
    superblock: int = pointer("d_sb")
    name: int = pointer("d_name.name")
    name_length: int = number("d_name.len")
    hashed: int = pointer("d_hash.pprev")

    def settled(self) -> object:
        """Where it is hashed changes with its neighbours in the hash table; whether it is, counts."""
        return self.parent, self.inode, self.superblock, self.name, self.name_length, self.hashed != 0


class Superblock(Shape):
    structure = b"super_block"
    device: int = number("s_dev")
    flags: int = number("s_flags")
    root: int = pointer("s_root")
    type: int = pointer("s_type")
    info: int = pointer("s_fs_info")
    user_namespace: int = pointer("s_user_ns")
    uuid: bytes = raw("s_uuid")


class SuperblockInList(Shape):
    """Apart, for it changes whenever another superblock of the type comes or goes."""

    structure = b"super_block"
    type: int = pointer("s_type")
    next: int = pointer("s_instances.next")
    entry: int = offset("s_instances")


class FilesystemType(Shape):
    structure = b"file_system_type"
    name: int = pointer("name")


class FilesystemTypeList(Shape):
    structure = b"file_system_type"
    first: int = pointer("fs_supers.first")


class VfsMount(Shape):
    structure = b"vfsmount"
    part_of = "mount.mnt"
    root: int = pointer("mnt_root")
    superblock: int = pointer("mnt_sb")
    flags: int = number("mnt_flags")
    idmap: int | None = pointer("mnt_idmap", optional=True)
    user_namespace: int | None = pointer("mnt_userns", optional=True)  # 5.12 to 6.1, in place of mnt_idmap


class IdmapWithMaps(Shape):
    structure = b"mnt_idmap"
    uid_map: int = offset("uid_map")
    gid_map: int = offset("gid_map")


class IdmapWithOwner(Shape):
    structure = b"mnt_idmap"
    owner: int = pointer("owner")


class IdMap(Shape):
    structure = b"uid_gid_map"
    part_of = "user_namespace.uid_map"
    count: int = number("nr_extents")
    extents: bytes = raw("extent", kind=LIST)


class IdMapPlaces(Shape):
    structure = b"uid_gid_map"
    part_of = "user_namespace.uid_map"
    extents: int = offset("extent", kind=LIST)


class LargeIdMap(Shape):
    """More extents than fit in place, where `forward` points at them; it overlaps them."""

    structure = b"uid_gid_map"
    part_of = "user_namespace.uid_map"
    forward: int = pointer("forward")


class IdExtent(Shape):
    structure = b"uid_gid_extent"
    part_of = "user_namespace.uid_map.extent.0"
    first: int = number("first")
    lower_first: int = number("lower_first")
    count: int = number("count")


class UserNamespace(Shape):
    structure = b"user_namespace"
    uid_map: int = offset("uid_map")
    gid_map: int = offset("gid_map")
    parent: int = pointer("parent")
    level: int = number("level")
    owner: int = number("owner", kind=STRUCTURE)
    group: int = number("group", kind=STRUCTURE)
    inum: int = number("ns.inum")


class Credentials(Shape):
    structure = b"cred"
    uid: int = number("uid", kind=STRUCTURE)
    gid: int = number("gid", kind=STRUCTURE)
    suid: int = number("suid", kind=STRUCTURE)
    sgid: int = number("sgid", kind=STRUCTURE)
    euid: int = number("euid", kind=STRUCTURE)
    egid: int = number("egid", kind=STRUCTURE)
    fsuid: int = number("fsuid", kind=STRUCTURE)
    fsgid: int = number("fsgid", kind=STRUCTURE)
    cap_effective: int = number("cap_effective", kind=STRUCTURE)
    user_namespace: int = pointer("user_ns")
    group_info: int = pointer("group_info")


class Groups(Shape):
    structure = b"group_info"
    count: int = number("ngroups")
    gids: int = offset("gid", kind=LIST)


class Overlay(Shape):
    structure = b"ovl_fs"
    layer_count: int = number("numlayer")
    data_layer_count: int | None = number("numdatalayer", optional=True)
    layers: int = pointer("layers")
    work: int = pointer("workbasedir")
    creator: int = pointer("creator_cred")
    upperdir: int = pointer("config.upperdir")
    workdir: int = pointer("config.workdir")
    lowerdir: int | None = pointer("config.lowerdir", optional=True)
    lowerdirs: int | None = pointer("config.lowerdirs", optional=True)
    default_permissions: int | None = number("config.default_permissions", optional=True)
    redirect_dir: int | None = number("config.redirect_dir", optional=True)
    redirect_follow: int | None = number("config.redirect_follow", optional=True)
    redirect_mode: int | None = number("config.redirect_mode", optional=True)
    index: int | None = number("config.index", optional=True)
    uuid: int | None = number("config.uuid", optional=True)
    nfs_export: int | None = number("config.nfs_export", optional=True)
    xino: int | None = number("config.xino", optional=True)
    metacopy: int | None = number("config.metacopy", optional=True)
    verity: int | None = number("config.verity_mode", optional=True)
    userxattr: int | None = number("config.userxattr", optional=True)
    volatile: int | None = number("config.ovl_volatile", optional=True)
    fsync: int | None = number("config.fsync_mode", optional=True)


class OverlayLayer(Shape):
    structure = b"ovl_layer"
    mount: int = pointer("mnt")
    name: int | None = pointer("name", optional=True)


class BtrfsInode(Shape):
    structure = b"btrfs_inode"
    root: int = pointer("root")
    inode: int = offset("vfs_inode")


class BtrfsRoot(Shape):
    structure = b"btrfs_root"
    objectid: int = number("root_key.objectid")


class MountNamespace(Shape):
    structure = b"mnt_namespace"
    ns: int = offset("ns")
    inum: int = number("ns.inum")
    tree: int | None = pointer("mounts.rb_node", optional=True)
    list: int | None = pointer("list.next", optional=True)
    list_head: int | None = offset("list", optional=True)


class Mount(Shape):
    structure = b"mount"
    vfs: int = offset("mnt")
    root: int = pointer("mnt.mnt_root")
    superblock: int = pointer("mnt.mnt_sb")
    flags: int = number("mnt.mnt_flags")
    mnt_id: int = number("mnt_id")
    unique_id: int | None = number("mnt_id_unique", optional=True)
    parent: int = pointer("mnt_parent")
    mountpoint: int = pointer("mnt_mountpoint")
    namespace: int = pointer("mnt_ns")
    group: int = number("mnt_group_id")


class MountInTree(Shape):
    structure = b"mount"
    node: int = offset("mnt_node")
    left: int = pointer("mnt_node.rb_left")
    right: int = pointer("mnt_node.rb_right")


class MountInList(Shape):
    structure = b"mount"
    entry: int = offset("mnt_list")
    next: int = pointer("mnt_list.next")


class Pointer(Shape):
    """One pointer of an array; the structure is any that holds nothing else."""

    structure = b"hlist_head"
    value: int = pointer("first")


_TOGETHER: tuple[tuple[type[Any], ...], ...] = (
    (
        *(Pointer, Task, OpenFiles, DescriptorTable, File, Inode, Dentry, Superblock, FilesystemType, VfsMount),
        *(Overlay, OverlayLayer, UserNamespace, IdMap, IdMapPlaces, IdExtent, Credentials, Groups),
    ),
    (SuperblockInList, FilesystemTypeList),
    (LargeIdMap, IdmapWithMaps, IdmapWithOwner),
    (BtrfsInode, BtrfsRoot),
    (InodeOfNamespace, MountNamespace, Mount, MountInTree, MountInList),
)
"""Shapes that are needed together, and are asked for together."""


class Layout:
    """The views of this kernel, each looked up when it is first asked for; `close` it when done.

    The kernel's loader tells them, else they are read from its BTF file: `by_loader` is whether to ask it at all.
    """

    by_loader = True

    def __init__(self) -> None:
        """Raises IntrospectionUnavailable where the kernel has no BTF that can be read."""
        self._views: dict[type[Any], View[Any]] = {}
        self._lacking: dict[type[Any], IntrospectionUnavailable] = {}
        self._relocated: dict[type[Any], Relocated] = {}
        self._asked: list[tuple[type[Any], ...]] = []
        self._enums: dict[bytes, dict[bytes, int]] = {}
        self._modules: dict[bytes, Btf | None] = {}
        self.btf_fd = -1
        try:
            self._kernel, self.btf_fd = open_btf(_BTF + b"vmlinux")
        except OSError as failure:
            raise IntrospectionUnavailable("btf", f"{os.fsdecode(_BTF)}vmlinux: {failure.strerror}") from failure
        except BtfError as failure:
            raise IntrospectionUnavailable("btf", f"{os.fsdecode(_BTF)}vmlinux: {failure}") from failure

    def close(self) -> None:
        """Lets go of the files; views already asked for stay true."""
        if self.btf_fd >= 0:
            os.close(self.btf_fd)
            self.btf_fd = -1
            for btf in (self._kernel, *self._modules.values()):
                if btf is not None:
                    btf.close()

    def __getitem__(self, shape: type[Row]) -> View[Row]:
        """Where a shape is in this kernel itself. Raises IntrospectionUnavailable."""
        return self._view(shape, b"")

    def of_module(self, shape: type[Row], module: bytes) -> View[Row]:
        """Where a shape is in the kernel or a module of it. Raises IntrospectionUnavailable."""
        return self._view(shape, module)

    def has(self, shape: type[Any]) -> bool:
        """Whether this kernel has the structure with all that is wanted of it."""
        try:
            self._view(shape, b"")
        except IntrospectionUnavailable:
            return False
        return True

    def enumerators(self, name: bytes, module: bytes) -> dict[bytes, int]:
        """The enum in which a name is, by the kernel's or the module's BTF; empty where none has it."""
        if name not in self._enums:
            try:
                found = (btf.enumerators(name) for btf in self._sources(module))
                self._enums[name] = next(filter(None, found), {})
            except BtfError as failure:
                raise IntrospectionUnavailable("btf", str(failure)) from failure
        return self._enums[name]

    @property
    def overlay_view(self) -> View[Overlay]:
        """struct ovl_fs, which may be a module's."""
        return self._view(Overlay, b"overlay")

    def _view(self, shape: type[Row], module: bytes) -> View[Row]:
        view = self._views.get(shape)
        if view is None:
            if shape in self._lacking:
                raise self._lacking[shape]
            try:
                view = self._views[shape] = self._as_loaded(shape) or resolve(shape, self._sources(module))
            except IntrospectionUnavailable as lacking:
                self._lacking[shape] = lacking
                raise
            except BtfError as failure:
                raise IntrospectionUnavailable("btf", str(failure)) from failure
        return view

    def _as_loaded(self, shape: type[Row]) -> View[Row] | None:
        """The view by the kernel's loader, None where it does not tell one."""
        for group in _TOGETHER:
            if shape in group and group not in self._asked and self.by_loader:
                self._asked.append(group)
                try:
                    self._relocated |= relocated(group)
                except OSError:  # the kernel's loader does not relocate, or a name means several things
                    self.by_loader = False
        found = self._relocated.get(shape)
        return None if found is None else fitting(shape, found)

    def _sources(self, module: bytes) -> tuple[Btf, ...]:
        if not module:
            return (self._kernel,)
        if module not in self._modules:
            try:
                self._modules[module], fd = open_btf(_BTF + module, self._kernel)
                os.close(fd)
            except FileNotFoundError:  # built in, or not loaded
                self._modules[module] = None
            except OSError as failure:
                raise IntrospectionUnavailable("btf", f"{os.fsdecode(_BTF + module)}: {failure.strerror}") from failure
        of_module = self._modules[module]
        return (self._kernel,) if of_module is None else (of_module, self._kernel)
