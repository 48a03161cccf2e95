"""Layers on file systems of disks: ext4, xfs, btrfs with subvolumes and snapshots, squashfs, erofs; copies of disks."""

from typing import Any

from ..harness.content import Directory, Entries, File
from ..harness.stack import (
    BindSubtree,
    Cover,
    Delete,
    FileSystem,
    Holding,
    LazyUnmount,
    Lookalikes,
    OtherNamespace,
    Rename,
    SnapshotOf,
    Source,
    Stack,
    Standing,
    Step,
    Twin,
)
from . import parts
from .core import STORE, option
from .parts import OUTSIDE, lower, lowers, upper, work
from .unmounted import TAKEN

GONE = LazyUnmount("store")
_SAME: Entries = (File(b"all"), File(b"same"), Directory(b"merged"), File(b"merged/same"))
"""For directories that are copies of each other, each with contents of its own."""


def on(kind: str, name: str, states: Any, *since: Step, **more: Any) -> Stack:
    """An upper over two lowers, all on one file system of that kind."""
    made = {"filesystems": (FileSystem("store", b"/store", kind),), "vantages": OUTSIDE, "needs": (kind,)} | more
    return parts.after("filesystems", f"{kind}-{name}", states, *since, **made)


def image(kind: str, name: str, states: Any, *since: Step, **more: Any) -> Stack:
    """Two lowers on a read-only image below an upper on tmpfs."""
    layers = (upper(), lower(b"/a", on="image"), lower(b"/b", on="image"))
    filesystems = (STORE, FileSystem("image", b"/image", kind))
    return on(kind, name, states, *since, **({"layers": layers, "filesystems": filesystems} | more))


def everywhere(kind: str) -> tuple[Stack, ...]:
    """What each file system that can be written to is tried with."""
    return (
        on(kind, "all-layers", "located", TAKEN),
        on(kind, "unmounted", "unmounted", GONE, TAKEN),
        on(kind, "bind-left", "located", BindSubtree("store", b"/", b"/left"), GONE, TAKEN),
        on(kind, "removed", {"lower/0": "deleted"}, Delete("lower/0"), TAKEN),
        on(kind, "renamed", "located", Rename("lower/0", b"/kept"), TAKEN),
        on(
            kind,
            "relative",
            "located",
            Lookalikes(b"/elsewhere"),
            Standing(b"/elsewhere"),
            layers=(upper(b"/i/u", b"u"), lower(b"/i/a", b"a"), lower(b"/i/b", b"b")),
            work=work(b"/i/w", b"w"),
            cwd=b"/store/i",
        ),
    )


def copied(kind: str) -> tuple[Stack, ...]:
    """A disk and its copy: one UUID, the same inode numbers and generations."""
    original, copy = FileSystem("store", b"/store", kind), FileSystem("copy", b"/copy", kind, clone_of="store")
    same = lower(b"/l0", entries=_SAME)
    return (
        on(kind, "copy-beside", "located", Twin("store", b"/twin")),
        on(kind, "copy-in-its-place", "unmounted", GONE, Twin("store", b"/store")),
        on(kind, "copy-above", "covered", Twin("store", b"/store")),
        on(kind, "copy-and-bind-left", "located", BindSubtree("store", b"/", b"/left"), GONE, Twin("store", b"/store")),
        on(
            kind,
            "original-and-copy",
            "located",
            layers=(upper(), same, lower(b"/l0", entries=_SAME, on="copy")),
            filesystems=(original, copy),
        ),
        on(
            kind,
            "copy-and-original-unmounted",
            {"lower/1": "unmounted"},
            LazyUnmount("copy"),
            layers=(upper(), same, lower(b"/l0", entries=_SAME, on="copy")),
            filesystems=(original, copy),
        ),
    )


_ROOT = FileSystem("store", b"/store", "btrfs", subvolumes=(b"/one", b"/two"))
_PAIR = (lower(b"/one/l", entries=_SAME), lower(b"/snap/l", entries=_SAME))
_WITH_SNAPSHOT = FileSystem("store", b"/store", "btrfs", subvolumes=(b"/one",), snapshots=((b"/one", b"/snap"),))
_BY_SUBVOLUME = FileSystem("store", b"/store", "btrfs", root=b"/one", subvolumes=(b"/one",))
_IN_ONE: dict[str, Any] = {"layers": (upper(b"/one/u"), lower(b"/one/a"), lower(b"/one/b")), "work": work(b"/one/w")}

_BTRFS = (
    on("btrfs", "subvolumes", "located", layers=(upper(), lower(b"/one/l"), lower(b"/two/l")), filesystems=(_ROOT,)),
    on("btrfs", "subvolume-roots", "located", layers=(upper(), lower(b"/one"), lower(b"/two")), filesystems=(_ROOT,)),
    on("btrfs", "snapshot-beside", "located", SnapshotOf("store", b"/one", b"/decoy"), filesystems=(_ROOT,), **_IN_ONE),
    on(
        "btrfs",
        "subvolume-and-its-snapshot",
        "located",
        layers=(upper(), *_PAIR),
        filesystems=(_WITH_SNAPSHOT,),
    ),
    on(
        "btrfs",
        "snapshot-and-its-subvolume",
        "located",
        layers=(upper(), *reversed(_PAIR)),
        filesystems=(_WITH_SNAPSHOT,),
    ),
    on(
        "btrfs",
        "snapshot-roots",
        "located",
        layers=(upper(), lower(b"/one", entries=_SAME), lower(b"/snap", entries=_SAME)),
        filesystems=(_WITH_SNAPSHOT,),
    ),
    on("btrfs", "mounted-by-a-subvolume", "located", TAKEN, filesystems=(_BY_SUBVOLUME,), **_IN_ONE),
    on(
        "btrfs",
        "snapshot-mounted-in-its-place",
        "covered",
        SnapshotOf("store", b"/one", b"/one/decoy"),
        BindSubtree("store", b"/one/decoy", b"/store"),
        filesystems=(_BY_SUBVOLUME,),
        **_IN_ONE,
    ),
    on(
        "btrfs",
        "only-the-snapshot-left",
        "unknown",
        SnapshotOf("store", b"/one", b"/decoy"),
        BindSubtree("store", b"/decoy", b"/left"),
        GONE,
        filesystems=(_ROOT,),
        **_IN_ONE,
    ),
)


def images(kind: str) -> tuple[Stack, ...]:
    """What each read-only image is tried with."""
    return (
        image(kind, "lowers", "located"),
        image(kind, "root-as-a-lower", "located", layers=(upper(), lower(b"/", on="image"), *lowers(1))),
        image(kind, "two-images", "located", **_two(kind)),
        image(kind, "unmounted", {"lower/0": "unmounted", "lower/1": "unmounted"}, LazyUnmount("image"), TAKEN),
        image(kind, "covered", {"lower/0": "covered", "lower/1": "covered"}, Cover(b"/image"), TAKEN),
    )


def _two(kind: str) -> dict[str, Any]:
    """Two images made of trees with the same names: equal inode numbers."""
    return {
        "layers": (upper(), lower(b"/a", on="image"), lower(b"/a", on="other")),
        "filesystems": (STORE, FileSystem("image", b"/image", kind), FileSystem("other", b"/other", kind)),
    }


_MIXED = (
    on(
        "ext4",
        "upper-on-disk-lowers-on-tmpfs",
        "located",
        layers=(Source("upper", "disk", b"/u"), *lowers(2)),
        work=Source("work", "disk", b"/w"),
        filesystems=(STORE, FileSystem("disk", b"/disk", "ext4")),
    ),
    on(
        "ext4",
        "lower-on-xfs",
        "located",
        layers=(upper(), lower(b"/l0"), lower(b"/l1", on="second")),
        filesystems=(FileSystem("store", b"/store", "ext4"), FileSystem("second", b"/second", "xfs")),
        needs=("ext4", "xfs"),
    ),
    on("ext4", "index", "located", options=option("index=on")),
    on("ext4", "nfs-export", "located", options=option("nfs_export=on")),
    on("ext4", "metacopy", "located", options=option("metacopy=on,redirect_dir=on")),
    on("ext4", "xino", "located", options=option("xino=on")),
    on("ext4", "uuid-off", "located", options=option("uuid=off")),
    on("ext4", "held", "detached", Holding(b"/store"), GONE),
    on("ext4", "elsewhere", "elsewhere", OtherNamespace("store"), GONE),
    on("btrfs", "elsewhere", "elsewhere", OtherNamespace("store"), GONE),
)

STACKS = (
    *(each for kind in ("ext4", "xfs", "btrfs") for each in everywhere(kind)),
    *(each for kind in ("ext4", "xfs") for each in copied(kind)),
    *_BTRFS,
    *(each for kind in ("squashfs", "erofs") for each in images(kind)),
    *_MIXED,
)
