"""Images written by hand for tests of the restorer, from descriptors of the directories themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ovsi.identity import numbers_in_handle, stability_of
from ovsi.image import model
from ovsi.linux.files import mount_id_of_fd
from ovsi.linux.handles import handle_of_fd
from ovsi.linux.mounttable import MountTable, read_mount_table
from ovsi.restore.look import uuid_of_fd


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


class Describer:
    """Collects the tables of an image while sources are described."""

    def __init__(self) -> None:
        self.table: MountTable = read_mount_table()
        self.filesystems: dict[str, model.Filesystem] = {}
        self.mounts: dict[int, model.Mount] = {}

    def source(self, path: bytes) -> model.Source:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            mount = self.table.by_mount_id(mount_id_of_fd(fd))
            assert mount is not None
            kind = mount.fs_type.decode()
            self.filesystems.setdefault(
                mount.device,
                model.Filesystem(
                    id=f"fs{len(self.filesystems)}",
                    type=kind,
                    device=mount.device,
                    uuid=uuid_of_fd(fd),
                    stability=stability_of(kind),
                ),
            )
            filesystem = self.filesystems[mount.device].id
            self.mounts[mount.mount_id] = model.Mount(
                id=f"m{mount.mount_id}",
                filesystem=filesystem,
                mount_id=mount.mount_id,
                unique_id=mount.unique_id,
                root=mount.root,
                mount_point=mount.mount_point,
            )
            below = path[len(mount.mount_point.rstrip(b"/")) :] or b"/"
            inside = mount.root.rstrip(b"/") + (b"" if below == b"/" else below)
            return model.Source(
                declared=path,
                identity=self._identity(fd, kind, filesystem),
                path=inside or b"/",
                state="located",
                assurance="proved",
                method="held-descriptor",
                location=model.Place(mount=f"m{mount.mount_id}", path=below),
            )
        finally:
            os.close(fd)

    def _identity(self, fd: int, kind: str, filesystem: str) -> model.Identity:
        inode = os.fstat(fd).st_ino
        if kind == "overlay":
            return model.Identity(filesystem=filesystem, inode=inode)
        handle = handle_of_fd(fd)
        numbers = numbers_in_handle(kind, *handle)
        return model.Identity(
            filesystem=filesystem,
            inode=inode,
            generation=None if numbers is None else numbers[1],
            handle=model.Handle(type=handle.type, bytes=handle.data),
        )


def image(
    lowers: Iterable[bytes],
    upper: bytes | None = None,
    work: bytes | None = None,
    *,
    data: Iterable[bytes] = (),
    options: Sequence[tuple[str, bytes | None]] = (),
    flags: Sequence[str] = (),
    root: bytes = b"/",
    attributes: Sequence[str] = ("rw", "relatime"),
    propagation: model.Propagation | None = None,
    mounter: model.Mounter | None = None,
    boot: str | None = None,
    describer: Describer | None = None,
) -> model.Image:
    """An image of one overlay, every source proved."""
    describer = describer or Describer()

    def layer(role: model.Role, path: bytes) -> model.Layer:
        return model.Layer(role=role, **describer.source(path).fields())

    layers = [layer("upper", upper)] if upper is not None else []
    layers += [layer("lower", path) for path in lowers] + [layer("data", path) for path in data]
    work_source = describer.source(work) if work is not None else None
    own = model.Mount(
        id="own",
        filesystem="overlay",
        mount_id=1,
        root=root,
        mount_point=b"/merged",
        source=b"overlay",
        attributes=tuple(attributes),
        propagation=propagation,
    )
    return model.Image(
        host=model.Host(kernel_release="6", boot_id=boot or boot_id()),
        namespace=model.Namespace(inode=os.stat("/proc/self/ns/mnt").st_ino),
        filesystems=(
            *describer.filesystems.values(),
            model.Filesystem(id="overlay", type="overlay", device="0:9999", stability="boot"),
        ),
        mounts=(own, *describer.mounts.values()),
        overlays=(
            model.Overlay(
                id="o",
                filesystem="overlay",
                mounts=("own",),
                options=tuple(model.MountOption(name=name, value=value) for name, value in options),
                superblock_flags=tuple(flags),
                shown_options=b"",
                mounter=mounter,
                layers=tuple(layers),
                work=work_source,
            ),
        ),
    )


def nested(inner: model.Image, lowers: Sequence[bytes], inner_at: bytes | None = None) -> model.Image:
    """Two overlays: the image's one as the top lower of another, and mounted at `inner_at`, or nowhere."""
    outer = image(lowers)
    own = outer.mounts[0].replace(id="outer-mount", filesystem="outer-fs")
    layer = model.Layer(
        role="lower",
        declared=b"/inner",
        identity=model.Identity(filesystem="overlay", inode=1),
        path=b"/",
        state="unmounted",
        assurance="proved",
        method="introspection",
        reason="mounted nowhere",
    )
    first, second = outer.overlays[0], inner.overlays[0]
    inner_mounts = tuple(m.replace(mount_point=inner_at) for m in inner.mounts if m.id == "own") if inner_at else ()
    return outer.replace(
        filesystems=(
            *outer.filesystems,
            model.Filesystem(id="outer-fs", type="overlay", device="0:9998", stability="boot"),
        ),
        mounts=(own, *inner_mounts, *outer.mounts[1:]),
        overlays=(
            first.replace(id="outer", filesystem="outer-fs", mounts=("outer-mount",), layers=(layer, *first.layers)),
            second.replace(id="inner", mounts=("own",) if inner_at else ()),
        ),
    )
