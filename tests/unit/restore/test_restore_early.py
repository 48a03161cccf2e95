"""What can be seen before a superblock is created is refused before: its creation writes to upper and work."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.image.write import encode
from ovsi.linux import mountapi, namespaces
from ovsi.linux.handles import AT_HANDLE_FID, handle_of_fd
from ovsi.plan import Mapping, Request
from ovsi.restore import restore

from tests.support import command
from tests.support.unmounting import unmount

from . import images
from .lacking import MOVE_MOUNT, OPEN_TREE, lack
from .test_restore_refusals import TARGET, changed, code, refused, snapshot, stack

CALLS = {"open_tree": OPEN_TREE, "move_mount": MOVE_MOUNT}


def with_layer(image: model.Image, **changes: object) -> model.Image:
    """The identity of the top lower changed."""
    layers = list(image.overlays[0].layers)
    identity = layers[1].identity
    assert identity is not None
    layers[1] = layers[1].replace(identity=identity.replace(**changes))
    return changed(image, layers=tuple(layers))


@pytest.mark.in_both
def test_a_generation_that_is_not_in_the_handle(vantage: str) -> None:
    """OVSI-ID-006, OVSI-ID-011: a right handle does not stand for a generation that differs."""
    image = stack()
    everything = Request(target=b"/tmp/t", accept=frozenset(["unproved", "changed-identity"]))
    assert code(with_layer(image, generation=1), everything) == "identity-differs"


@pytest.mark.as_root
def test_a_stability_that_the_image_invents(vantage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OVSI-ID-007: of a type without a row nothing suffices, whatever the image says of it and however equal it is."""
    Path("ram").mkdir()
    mountapi.mount(b"ram", b"/tmp/ram", b"ramfs")
    Path("ram/l0").mkdir()
    Path("ram/l1").mkdir()
    Path("t").mkdir()
    monkeypatch.setattr(images, "handle_of_fd", lambda fd: handle_of_fd(fd, AT_HANDLE_FID))
    try:
        image = images.image([b"/tmp/ram/l0", b"/tmp/ram/l1"])
    except OSError:
        pytest.skip("this kernel gives no handles of a ramfs")
    said = tuple(one.replace(stability="filesystem") for one in image.filesystems)
    assert code(image.replace(filesystems=said)) == "identity-insufficient"


@pytest.mark.in_both
def test_a_target_in_another_mount_namespace(vantage: str) -> None:
    """OVSI-REST-022: the kernel attaches nothing there, and says so only when all is made."""
    image = stack()
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        os.write(ready[1], b".")
        os.read(done[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        refusal = refused(image, Request(target=b"/proc/%d/root/tmp/t" % child))
    finally:
        os.write(done[1], b".")
        os.waitpid(child, 0)
    assert (refusal.code, "--pid" in refusal.message) == ("target-missing", True)


@pytest.mark.in_both
@pytest.mark.parametrize("words", [("rw", "noatime", "strictatime"), ("rw", "ro"), ("noatime", "relatime")])
def test_attributes_that_exclude_each_other(vantage: str, words: tuple[str, ...]) -> None:
    """OVSI-REST-018."""
    image = stack()
    mounts = tuple(mount.replace(attributes=words) for mount in image.mounts)
    assert code(image.replace(mounts=mounts)) == "unsupported-option"


@pytest.mark.in_both
def test_superblock_flags_that_exclude_each_other(vantage: str) -> None:
    """OVSI-REST-018."""
    assert code(changed(stack(), superblock_flags=("rw", "ro"))) == "unsupported-option"


@pytest.mark.in_both
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_the_kernel_lacks(vantage: str, call: str) -> None:
    """OVSI-CLI-005, OVSI-REST-022: named, and missed before anything is made."""
    image = stack()
    lack(CALLS[call])
    refusal = refused(image)
    assert (refusal.code, refusal.subject) == ("unsupported-kernel", call)


@pytest.mark.in_both
@pytest.mark.parametrize(("directory", "why"), [("none", "No such file"), ("l0/l0", "Not a directory")])
def test_a_directory_of_map_that_is_none(vantage: str, directory: str, why: str) -> None:
    """The source may well exist; what does not is what the caller named."""
    mapped = Request(target=b"/tmp/t", maps=(Mapping("fs0", b"/", b"/tmp/" + directory.encode()),))
    refusal = refused(stack(), mapped)
    assert refusal.code == "source-missing"
    assert f"/tmp/{directory}, can't be opened: " in refusal.message
    assert why in refusal.message
    assert "exist any more" not in refusal.message


@pytest.mark.in_both
def test_a_directory_of_map_that_is_read_only(vantage: str) -> None:
    """The kernel takes no upper through it; a lower it takes."""
    image = stack()
    Path("left").mkdir()
    mountapi.mount(b"/tmp", b"/tmp/left", None, mountapi.MS_BIND)
    mountapi.mount(None, b"/tmp/left", None, mountapi.MS_REMOUNT | mountapi.MS_BIND | mountapi.MS_RDONLY)
    for_all = Request(target=b"/tmp/t", maps=(Mapping("fs0", b"/", b"/tmp/left"),))
    refusal = refused(image, for_all)
    assert (refusal.code, refusal.subject) == ("source-missing", "o/upper")
    assert "/tmp/left, is on a mount that is read-only" in refusal.message
    restore(image, for_all.replace(maps=(Mapping("fs0", b"/l0", b"/tmp/left/l0"),)))


@pytest.mark.in_both
def test_one_directory_as_two_layers(vantage: str) -> None:
    """The kernel's word for it speaks of symbolic links, of which there is none."""
    image = stack()
    layers = image.overlays[0].layers
    with pytest.raises(Refusal, match="one directory is two layers") as caught:
        restore(changed(image, layers=(*layers, layers[1])), TARGET)
    assert caught.value.code == "system-call"


def two_stacks(nested: bool) -> model.Image:
    """Two overlays that can be written to; the inner one is only a layer of the other, or mounted as it is."""
    for name in ("i0", "iu", "iw", "busy", "root/inner", "root/outer"):
        Path(name).mkdir(parents=True)
    outer, inner = stack(), images.image([b"/tmp/i0"], b"/tmp/iu", b"/tmp/iw")
    image = images.nested(inner, [b"/tmp/l0"], None if nested else b"/inner")
    top = outer.overlays[0]
    layers = (top.layers[0], *(image.overlays[0].layers if nested else top.layers[1:]))
    first = image.overlays[0].replace(layers=layers, work=top.work)
    mounts = tuple(one.replace(mount_point=b"/outer") if one.id == "outer-mount" else one for one in image.mounts)
    return image.replace(overlays=(image.overlays[1], first), mounts=mounts)


def of_the_outer(image: model.Image, **changes: object) -> model.Image:
    return image.replace(overlays=(image.overlays[0], image.overlays[1].replace(**changes)))


@pytest.mark.in_both
@pytest.mark.parametrize("nested", [True, False])
def test_nothing_is_created_before_all_is_looked_at(vantage: str, nested: bool) -> None:
    """OVSI-REST-002, OVSI-REST-022: of all overlays of a restore, the inner ones too."""
    image = two_stacks(nested)
    request = Request(target=b"/tmp/t", overlay_id="outer") if nested else Request(all_root=b"/tmp/root")
    odd = (model.MountOption(name="sparkling", value=b"on"),)
    assert refused(of_the_outer(image, options=odd), request).code == "unsupported-option"
    mounter = model.Mounter(user_namespace=model.UserNamespace(initial=vantage != "root"))
    assert refused(of_the_outer(image, mounter=mounter), request).code == "mounter-differs"
    restore(images.image([b"/tmp/l1"], b"/tmp/up", b"/tmp/wk"), Request(target=b"/tmp/busy"))
    assert refused(image, request).code == "upper-in-use"
    unmount(b"/tmp/busy")
    shutil.rmtree("wk")
    Path("wk").mkdir()
    assert refused(image, request).code == "identity-differs"
    assert list(Path("iw").iterdir()) == []


@pytest.mark.in_both
@pytest.mark.parametrize("result", ["t/result", "t/sub/result", "link"])
def test_a_result_that_the_mount_would_hide(vantage: str, result: str) -> None:
    """Section 8.3: it is put in its place after the commit, and that place would be below the mount."""
    Path("image").write_bytes(encode(stack()))
    Path("t/sub").mkdir()
    Path("link").symlink_to("t/result")
    before = snapshot()
    run = command.run("restore", "--image", "image", "--target", "t", "--result", result)
    error = json.loads(run.stderr.splitlines()[-1])
    assert (run.returncode, error["code"], error["subject"]) == (1, "target-busy", result)
    assert snapshot() == before


LONG = b"/" + b"n" * 300


@pytest.mark.in_both
@pytest.mark.parametrize("root", [b"/none", b"/l0/none", b"/l0", LONG, None], ids=str)
def test_a_directory_that_is_in_no_layer(vantage: str, root: bytes | None) -> None:
    """OVSI-REST-020, OVSI-REST-022: the creation of the superblock would write."""
    image = stack()
    mounts = tuple(one.replace(root=root) if one.id == "own" else one for one in image.mounts)
    assert code(image.replace(mounts=mounts)) == "source-missing"


@pytest.mark.as_root
def test_a_directory_that_a_redirect_leads_to(vantage: str) -> None:
    """It is in no layer under its path, but in the overlay."""
    for directory in ("l0/old/sub", "up/new", "wk", "t"):
        Path(directory).mkdir(parents=True)
    os.setxattr("up/new", "trusted.overlay.redirect", b"/old")
    options = [("redirect_dir", b"on")]
    restore(images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk", options=options, root=b"/new/sub"), TARGET)
    assert os.path.ismount("t")
