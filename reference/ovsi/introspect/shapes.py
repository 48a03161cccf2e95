"""What is wanted of the kernel's structures, by name. No offset and no kernel version stands here.

Where kernels differ, a member has several paths or is optional. Origin: include/linux/{fs,dcache,mount,cred}.h,
fs/mount.h, fs/overlayfs/ovl_entry.h, as of Linux 5.10 to 7.2. Here is what every overlay takes; what few take is in
modules of its own, and all shapes of a module are asked of the kernel together.
"""

from __future__ import annotations

from .shape import LIST, STRUCTURE, Shape, number, offset, pointer, raw


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
    mount: int = pointer("f_path.mnt")
    dentry: int = pointer("f_path.dentry")


class Inode(Shape):
    structure = b"inode"
    flags: int = number("i_flags")
    superblock: int = pointer("i_sb")
    ino: int = number("i_ino")
    links: int = number("i_nlink")
    generation: int = number("i_generation")


class Dentry(Shape):
    structure = b"dentry"
    hashed: int = pointer("d_hash.pprev")
    parent: int = pointer("d_parent")
    name_length: int = number("d_name.len")
    name: int = pointer("d_name.name")
    inode: int = pointer("d_inode")
    superblock: int = pointer("d_sb")

    def settled(self) -> object:
        """Where it is hashed changes with its neighbours in the hash table; whether it is, counts."""
        return self.parent, self.inode, self.superblock, self.name, self.name_length, self.hashed != 0


class Superblock(Shape):
    structure = b"super_block"
    device: int = number("s_dev")
    type: int = pointer("s_type")
    flags: int = number("s_flags")
    root: int = pointer("s_root")
    info: int = pointer("s_fs_info")
    uuid: bytes = raw("s_uuid")
    user_namespace: int = pointer("s_user_ns")


class FilesystemType(Shape):
    structure = b"file_system_type"
    name: int = pointer("name")


class VfsMount(Shape):
    structure = b"vfsmount"
    part_of = "mount.mnt"
    root: int = pointer("mnt_root")
    superblock: int = pointer("mnt_sb")
    flags: int = number("mnt_flags")
    idmap: int | None = pointer("mnt_idmap", optional=True)
    user_namespace: int | None = pointer("mnt_userns", optional=True)  # 5.12 to 6.1, in place of mnt_idmap


class IdMap(Shape):
    structure = b"uid_gid_map"
    part_of = "user_namespace.uid_map"
    extents: bytes = raw("extent", kind=LIST)
    count: int = number("nr_extents")


class IdMapPlaces(Shape):
    structure = b"uid_gid_map"
    part_of = "user_namespace.uid_map"
    extents: int = offset("extent", kind=LIST)


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
    """The loader remembers this name in one place with that of `ovl_fs`: each would drive the other out, and each time
    two searches of all types would follow, which take longer than everything else that it is asked (`relocation`)."""

    structure = b"ovl_layer"
    apart = True
    mount: int = pointer("mnt")
    name: int | None = pointer("name", optional=True)


class Pointer(Shape):
    """One pointer of an array; the structure is any that holds nothing else."""

    structure = b"hlist_head"
    value: int = pointer("first")
