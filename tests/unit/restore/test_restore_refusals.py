"""What is refused, with which code, and that nothing is mounted or written then."""

from __future__ import annotations

import ctypes
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.linux import mountapi, namespaces
from ovsi.plan import Mapping, Request
from ovsi.restore import look, restore
from ovsi.restore.result import Result
from ovsi.restore.undo import undo

from tests.support.unmounting import unmount

from . import images

if TYPE_CHECKING:
    from ovsi.restore.result import Setup

TARGET = Request(target=b"/tmp/t")
METACOPY_WITHOUT_REDIRECTS = (
    model.MountOption(name="redirect_dir", value=b"nofollow"),
    model.MountOption(name="metacopy", value=b"on"),
)
RESULT_SCHEMA = json.loads((Path(__file__).parents[3] / "schemas/result.json").read_text())  # before /tmp is covered


def stack() -> model.Image:
    """Two lowers, upper and work, each with a file of its own name, and an empty target."""
    for name in ("l0", "l1", "up", "wk"):
        Path(name).mkdir()
        (Path(name) / name).write_text(name)
    Path("t").mkdir()
    return images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk")


def changed(image: model.Image, **changes: object) -> model.Image:
    return image.replace(overlays=(image.overlays[0].replace(**changes),))


def snapshot() -> list[tuple[object, ...]]:
    """Everything below /tmp on its file systems, and the mount table."""
    seen: list[tuple[object, ...]] = [(Path("/proc/self/mountinfo").read_bytes(),)]
    for directory, _names, files in os.walk("/tmp", followlinks=False):
        for name in [".", *files]:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            xattrs = [(key, os.getxattr(path, key)) for key in os.listxattr(path, follow_symlinks=False)]
            seen.append((path, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_mode, xattrs))
    return seen


def refused(image: model.Image, request: Request = TARGET, setup: Setup | None = None) -> Refusal:
    before, descriptors = snapshot(), len(os.listdir("/proc/self/fd"))
    with pytest.raises(Refusal) as caught:
        restore(image, request, setup=setup)
    assert snapshot() == before
    assert len(os.listdir("/proc/self/fd")) == descriptors
    return caught.value


def code(image: model.Image, request: Request = TARGET) -> str:
    return refused(image, request).code


@pytest.mark.in_both
def test_targets(vantage: str) -> None:
    image = stack()
    Path("file").touch()
    Path("link").symlink_to("file")
    Path("mounted").mkdir()
    mountapi.mount(b"x", b"/tmp/mounted", b"tmpfs")
    for target, expected in {
        b"/tmp/none": "target-missing",
        b"/tmp/file": "target-not-a-directory",
        b"/tmp/link": "target-not-a-directory",
        b"/tmp/link/": "target-not-a-directory",
        b"/tmp/mounted": "target-busy",
    }.items():
        assert code(image, Request(target=target)) == expected, target


@pytest.mark.in_both
def test_a_link_to_the_target_is_followed(vantage: str) -> None:
    """It is the caller's own word (spec 13.2), and so is what the result calls the place."""
    image = stack()
    Path("link").symlink_to("t")
    result = restore(image, Request(target=b"/tmp/link"))
    assert [done.mount_point for done in result.overlays] == [b"/tmp/link"]
    assert os.path.ismount("t")
    undo(result, None)
    assert not os.path.ismount("t")


def remove() -> None:
    Path("l1/l1").unlink()
    Path("l1").rmdir()


def replace_by_another() -> None:
    remove()
    Path("l1").mkdir()


def replace_by_link() -> None:
    Path("l1").rename("t/elsewhere")
    Path("l1").symlink_to("t/elsewhere")


def replace_by_file() -> None:
    remove()
    Path("l1").touch()


@pytest.mark.in_both
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (remove, "source-missing"),
        (replace_by_another, "identity-differs"),
        (replace_by_file, "identity-differs"),
    ],
)
def test_a_source_that_is_gone_or_another(vantage: str, change: Callable[[], None], expected: str) -> None:
    image = stack()
    change()
    refusal = refused(image)
    assert (refusal.code, refusal.subject) == (expected, "o/lower/1")


@pytest.mark.in_both
def test_a_link_in_the_place_of_a_source_is_not_followed(vantage: str) -> None:
    image = stack()
    replace_by_link()
    try:
        restore(image, TARGET)
    except Refusal as refusal:  # an older kernel lets only root open it by handle
        found = refusal.code if vantage == "user" else str(refusal)
    else:
        found = Path("t/l1").read_text()
    assert found in ("l1", "identity-differs")


@pytest.mark.in_both
def test_look_alikes_on_another_file_system(vantage: str) -> None:
    Path("fs").mkdir()
    mountapi.mount(b"x", b"/tmp/fs", b"tmpfs")
    Path("fs/l0").mkdir()
    Path("t").mkdir()
    image = images.image([b"/tmp/fs/l0"])
    mountapi.umount2(b"/tmp/fs", mountapi.MNT_DETACH)
    Path("other").mkdir()
    mountapi.mount(b"x", b"/tmp/other", b"tmpfs")
    Path("other/l0").mkdir()  # the same inode number as well
    assert code(image) in ("filesystem-missing", "identity-differs")
    accept = frozenset(("unproved", "changed-identity"))
    mapped = Request(target=b"/tmp/t", maps=(Mapping("fs0", b"/", b"/tmp/other"),), accept=accept)
    assert code(image, mapped) == "identity-differs"


@pytest.mark.in_both
def test_maps_that_lead_nowhere(vantage: str) -> None:
    image = stack()
    assert code(image, Request(target=b"/tmp/t", maps=(Mapping("none", b"/", b"/tmp"),))) == "no-such-filesystem"
    assert code(image, Request(target=b"/tmp/t", maps=(Mapping("fs0", b"/", b"/tmp/none"),))) == "source-missing"
    assert code(image, Request(target=b"/tmp/t", maps=(Mapping("fs0", b"/", b"/tmp/t"),))) == "source-missing"


@pytest.mark.in_both
def test_upper_and_work_in_use(vantage: str) -> None:
    image = stack()
    Path("t2").mkdir()
    Path("up2").mkdir()
    Path("wk2").mkdir()
    other_upper = images.image([b"/tmp/l0"], b"/tmp/up2", b"/tmp/wk")
    other_work = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk2")
    restore(image, TARGET)
    second = Request(target=b"/tmp/t2")
    assert code(image, second) == "upper-in-use"
    assert code(other_upper, second) == "work-in-use"
    assert code(other_work, second) == "upper-in-use"
    unmount(b"/tmp/t")
    restore(image, second)


@pytest.mark.in_both
def test_volatile_left_overs(vantage: str) -> None:
    image = changed(stack(), options=(model.MountOption(name="volatile", value=None),))
    restore(image, TARGET)
    unmount(b"/tmp/t")
    assert code(image) == "volatile-leftovers"
    accept = Request(target=b"/tmp/t", accept=frozenset(["volatile-leftovers"]))
    result = restore(image, accept)
    assert [(entry.what, entry.subject) for entry in result.accepted] == [("volatile-leftovers", "o/work")]


@pytest.mark.in_both
@pytest.mark.parametrize("setup", ["descriptor", "append", "page"])
@pytest.mark.parametrize("dirty", [True, False])
def test_a_mark_is_the_last_thing_that_goes(vantage: str, setup: Setup, dirty: bool) -> None:
    """With the file in it or without: a refusal leaves it alone, a failed creation puts it back."""
    image = stack()
    mark = Path("wk/work/incompat/volatile")
    mark.mkdir(parents=True)
    if dirty:
        (mark / "dirty").touch()
    accept = Request(target=b"/tmp/t", accept=frozenset(["volatile-leftovers"]))
    refused(changed(image, options=(model.MountOption(name="x_no,such", value=b"1"),)), accept, setup)
    with pytest.raises(Refusal):  # known as an option, refused as a value when the superblock is to be created
        restore(changed(image, options=(*METACOPY_WITHOUT_REDIRECTS,)), accept, setup=setup)
    assert (mark.is_dir(), (mark / "dirty").exists()) == (True, dirty)
    restore(image, accept, setup=setup)
    assert not mark.exists()


@pytest.mark.in_both
@pytest.mark.parametrize(
    ("name", "value"), [("bogus", b"1"), ("bogus", None), ("index", b"maybe"), ("redirect_dir", b"x,lowerdir=/")]
)
def test_options_that_the_kernel_lacks(vantage: str, name: str, value: bytes | None) -> None:
    image = changed(stack(), options=(model.MountOption(name=name, value=value),))
    refusal = refused(image)
    assert (refusal.code, refusal.subject) == ("unsupported-option", name)


@pytest.mark.in_both
def test_unknown_flags_and_attributes(vantage: str) -> None:
    image = stack()
    for flag in ("sparkling", "volatile"):  # an option is no flag
        assert code(changed(image, superblock_flags=("rw", flag))) == "unsupported-option"
    mounts = tuple(mount.replace(attributes=("rw", "sparkling")) for mount in image.mounts)
    assert code(image.replace(mounts=mounts)) == "unsupported-option"


def unproved(image: model.Image, candidate: bytes | None) -> model.Image:
    layers = list(image.overlays[0].layers)
    layers[1] = model.Layer(
        role="lower",
        declared=b"l0",
        state="unknown",
        assurance="consistent" if candidate else "none",
        reason="a name only",
        candidate=model.Place(mount=image.mounts[1].id, path=candidate) if candidate else None,
    )
    return changed(image, layers=tuple(layers))


@pytest.mark.in_both
def test_unproved_sources(vantage: str) -> None:
    image = stack()
    accept = Request(target=b"/tmp/t", accept=frozenset(["unproved"]))
    assert code(unproved(image, b"/l0")) == "source-unproved"
    assert code(unproved(image, None), accept) == "no-candidate"
    assert code(unproved(image, b"/none"), accept) == "source-missing"
    result = restore(unproved(image, b"/l0"), accept)
    assert [(entry.what, entry.subject) for entry in result.accepted] == [("unproved", "o/lower/0")]
    assert Path("t/l0").read_text() == "l0"


@pytest.mark.in_both
def test_too_little_to_check(vantage: str) -> None:
    image = stack()
    layers = list(image.overlays[0].layers)
    identity = layers[1].identity
    assert identity is not None
    layers[1] = layers[1].replace(identity=identity.replace(handle=None, generation=None))
    accept = Request(target=b"/tmp/t", accept=frozenset(["unproved", "changed-identity"]))
    assert code(changed(image, layers=tuple(layers)), accept) == "identity-insufficient"


@pytest.mark.in_both
def test_another_boot(vantage: str) -> None:
    image = stack()
    other = image.replace(host=image.host.replace(boot_id="00000000-0000-4000-8000-000000000000"))
    assert code(other) == "identity-changed"
    maps = (Mapping("fs0", b"/", b"/tmp"),)
    assert code(other, Request(target=b"/tmp/t", maps=maps)) == "identity-changed"
    accepted = restore(other, Request(target=b"/tmp/t", maps=maps, accept=frozenset(["changed-identity"]))).accepted
    assert {entry.what for entry in accepted} == {"changed-identity"}
    assert [entry.subject for entry in accepted] == ["o/upper", "o/lower/0", "o/lower/1", "o/work"]


@pytest.mark.in_both
def test_index_with_layers_that_were_moved(vantage: str) -> None:
    image = changed(stack(), options=(model.MountOption(name="index", value=b"on"),))
    other = image.replace(host=image.host.replace(boot_id="00000000-0000-4000-8000-000000000000"))
    maps = (Mapping("fs0", b"/", b"/tmp"),)
    assert code(other, Request(target=b"/tmp/t", maps=maps, accept=frozenset(["changed-identity"]))) == "origin-stale"


@pytest.mark.in_both
def test_another_mounter(vantage: str) -> None:
    initial = vantage != "root"
    image = changed(stack(), mounter=model.Mounter(user_namespace=model.UserNamespace(initial=initial)))
    assert code(image) == "mounter-differs"
    result = restore(image, Request(target=b"/tmp/t", accept=frozenset(["mounter-differs"])))
    assert [(entry.what, entry.subject) for entry in result.accepted] == [("mounter-differs", "o")]


@pytest.mark.in_both
def test_the_choice_of_overlay(vantage: str) -> None:
    image = stack()
    both = images.nested(image, [b"/tmp/l1"])
    assert code(both) == "overlay-not-chosen"
    assert code(both, Request(overlay_id="none", target=b"/tmp/t")) == "no-such-overlay"


@pytest.mark.in_both
def test_no_such_process(vantage: str) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert code(stack(), Request(target=b"/tmp/t", pid=child)) == "no-such-process"


@pytest.mark.as_root
def test_locked_mount_below_a_layer(vantage: str) -> None:
    image = stack()
    Path("l0/sub").mkdir()
    mountapi.mount(b"x", b"/tmp/l0/sub", b"tmpfs")
    namespaces.unshare(namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)
    Path("/proc/self/uid_map").write_text("0 0 1")
    image = image.replace(namespace=None)
    refusal = refused(image)
    assert (refusal.code, refusal.subject) == ("locked-mount", "o/lower/0")


@pytest.mark.as_root
def test_without_privilege(vantage: str) -> None:
    image = stack()
    os.setresuid(65534, 65534, 65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    assert code(image) == "permission-denied"


@pytest.mark.as_root
def test_nothing_is_left_of_a_stack_that_fails_late(vantage: str) -> None:
    """The second of two overlays can't be mounted: the first one, which could, is not there either."""
    image = stack()
    Path("root/merged").mkdir(parents=True)
    Path("root/inner").mkdir(parents=True)
    broken = images.nested(images.image([b"/tmp/l0", b"/tmp/up"]), [b"/tmp/l1"], inner_at=b"/inner")
    Path("l1/l1").unlink()
    Path("l1").rmdir()
    assert image.overlays
    assert code(broken, Request(all_root=b"/tmp/root")) == "source-missing"


@pytest.mark.in_both
def test_result_document(vantage: str) -> None:
    image = stack()
    result: Result = restore(image, TARGET)
    data = result.as_data()
    jsonschema.validate(data, RESULT_SCHEMA)
    assert data["overlays"] == [
        {"id": "o", "mountPoint": "/tmp/t", "mountId": result.overlays[0].mount_id, "setup": result.overlays[0].setup}
    ]


@pytest.mark.as_root
def test_layers_of_which_the_kernel_makes_no_copy(vantage: str) -> None:
    """By one page they would be used in a copy of their mount's tree."""
    for name in ("fs", "t"):
        Path(name).mkdir()
    mountapi.mount(b"x", b"/tmp/fs", b"tmpfs")
    for name in ("fs/l0", "fs/l1"):
        Path(name).mkdir()
    image = images.image([b"/tmp/fs/l0", b"/tmp/fs/l1"])
    mountapi.mount(None, b"/tmp/fs", None, mountapi.MS_UNBINDABLE)
    refusal = refused(image, setup="page")
    assert (refusal.code, refusal.subject) == ("locked-mount", "o/lower/0")


@pytest.mark.in_both
@pytest.mark.parametrize("field", ["inode", "generation"])
@pytest.mark.parametrize("role", ["upper", "lower"])
def test_a_number_that_is_not_the_one_in_the_handle(vantage: str, field: str, role: str) -> None:
    """The handle is that of the directory which is there: no directory has both."""
    image = stack()
    overlay = image.overlays[0]
    layers = list(overlay.layers)
    index = next(number for number, layer in enumerate(layers) if layer.role == role)
    identity = layers[index].identity
    assert identity is not None
    wrong = identity.replace(**{field: getattr(identity, field) + 1})
    layers[index] = layers[index].replace(identity=wrong)
    assert code(changed(image, layers=tuple(layers))) == "identity-differs"


def test_the_lower_half_of_an_inode_number_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What xfs puts into a short handle, where a number does not fit: the handle alone must not prove the number."""
    fd = os.open(tmp_path, os.O_PATH)
    inode = os.fstat(fd).st_ino
    half = (inode + 1) & 0xFFFF_FFFF
    handle = model.Handle(type=1, bytes=struct.pack("=II", half, 7), made_by="kernel")
    wanted = model.Identity(filesystem="f", inode=half, generation=7, handle=handle)
    monkeypatch.setattr(look._handles, "is_of_fd", lambda *_: True)
    assert not look.plainly_of_handle(fd, "xfs", wanted)
    assert look.plainly_of_handle(fd, "xfs", wanted.replace(inode=inode))
    assert look.plainly_of_handle(fd, "ext4", wanted)
    os.close(fd)
