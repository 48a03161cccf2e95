"""The finished stack is compared with what was asked for: by what the kernel shows, and by what it holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ovsi.errors import Refusal
from ovsi.image import model
from ovsi.introspect.errors import IntrospectionUnavailable
from ovsi.introspect.introspector import Introspector
from ovsi.linux import mountapi
from ovsi.plan import Request
from ovsi.restore import held_by_kernel, prepare, restore, run, setups

from tests.support.unmounting import unmount

from . import images
from .test_restore_refusals import changed, code
from .test_restore_stacks import SETUPS, entries, make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ovsi.restore.result import Setup
    from ovsi.restore.search import Opened

TARGET = Request(target=b"/tmp/t")


def introspection() -> None:
    """Skip where the kernel can't be read; all of its modules are loaded then."""
    try:
        Introspector().close()
    except IntrospectionUnavailable as why:
        pytest.skip(str(why))


class Tampered:
    """What a kernel that mixes things up would do: the sources of a restore changed just before they are compared."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
        self.said = ""
        self.change = change
        self.true = held_by_kernel.compare
        monkeypatch.setattr(held_by_kernel, "compare", self)

    def __call__(self, opened: Sequence[Opened], mount: int) -> str:
        changed = list(opened)
        if self.change == "order":
            changed[1].fd, changed[2].fd = changed[2].fd, changed[1].fd
        elif self.change == "work":
            changed[-1].fd, changed[0].fd = changed[0].fd, changed[-1].fd
        elif self.change == "missing":
            del changed[1]
        elif self.change == "idmap":
            extent = (model.IdRange(inside=0, outside=5, count=1),)
            changed[1].plan = changed[1].plan.replace(idmap=model.LayerIdmap(uid_map=extent, gid_map=extent))
        elif self.change == "device":
            changed[1].anchor.superblock = changed[1].anchor.superblock.replace(device="9:9")
        self.said = self.true(changed, mount)
        return self.said


@pytest.mark.as_root
@pytest.mark.parametrize("setup", SETUPS)
def test_the_kernel_holds_what_was_asked_for(vantage: str, setup: Setup) -> None:
    introspection()
    make("l0", "l1", "up", "wk", "t", "fs")
    mountapi.mount(b"x", b"/tmp/fs", b"tmpfs")
    make("fs/l2")
    mountapi.mount(b"cover", b"/tmp/l1", b"tmpfs")
    unmount(b"/tmp/l1")
    image = images.image([b"/tmp/l0", b"/tmp/l1", b"/tmp/fs/l2"], b"/tmp/up", b"/tmp/wk")
    spoken: list[str] = []
    true = held_by_kernel.difference

    def listen(opened: Sequence[Opened], facts: object) -> str:
        spoken.append(true(opened, facts))  # type: ignore[arg-type]  # handed on
        return spoken[-1]

    held_by_kernel.difference = listen  # in a process of its own
    restore(image, TARGET, setup=setup)
    assert spoken == [""]


@pytest.mark.as_root
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("order", "another directory as lower/0"),
        ("work", "another directory as upper"),
        ("missing", "other layers"),
        ("idmap", "ID mapping of lower/0"),
        ("device", "another directory as upper"),
    ],
)
def test_a_kernel_that_holds_something_else(
    vantage: str, change: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    introspection()
    make("l0", "l1", "up", "wk", "t")
    image = images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk")
    tampered = Tampered(monkeypatch, change)
    count = len(entries())
    with pytest.raises(Refusal) as refused:
        restore(image, TARGET)
    assert (refused.value.code, words in refused.value.message) == ("stack-differs", True), refused.value
    assert (words in tampered.said, len(entries())) == (True, count)


@pytest.mark.in_both
def test_an_option_that_does_not_take_effect_here(vantage: str) -> None:
    """`index` is turned off in silence in a user namespace; an overlay without an upper has another `redirect_dir`."""
    make("l0", "l1", "up", "wk", "t")
    image = images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk", options=[("index", b"on")])
    if vantage == "user":
        with pytest.raises(Refusal) as refused:
            restore(image, TARGET)
        assert (refused.value.code, refused.value.subject) == ("stack-differs", "index")
    else:
        restore(image, TARGET)
        unmount(b"/tmp/t")
    for word, met in ((b"on", True), (b"follow", False)):
        lower_only = images.image([b"/tmp/l0", b"/tmp/l1"], options=[("redirect_dir", word)])
        if met:
            restore(lower_only, TARGET)
            unmount(b"/tmp/t")
        else:
            with pytest.raises(Refusal) as refused:
                restore(lower_only, TARGET)
            assert (refused.value.code, refused.value.subject) == ("stack-differs", "redirect_dir")


@pytest.mark.in_both
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uuid", b"auto"),
        ("uuid", b"null"),
        ("uuid", b"off"),
        ("xino", b"off"),
        ("xino", b"on"),
        ("xino", b"auto"),
        ("fsync", b"auto"),
        ("fsync", b"strict"),
        ("fsync", b"volatile"),
        ("verity", b"off"),
        ("redirect_dir", b"nofollow"),
        ("redirect_dir", b"off"),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_options_that_are_met_or_refused(vantage: str, name: str, value: bytes, apart: bool) -> None:
    make("l0", "l1", "up", "wk", "t")
    if apart:
        mountapi.mount(b"x", b"/tmp/l1", b"tmpfs")
    image = images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk", options=[(name, value)])
    forbidden = (vantage, name, value) == ("user", "redirect_dir", b"off")
    of_another_effect = apart and (
        (name, value) == ("uuid", b"off") or (vantage, name, value) == ("user", "xino", b"auto")
    )
    if forbidden or of_another_effect:
        with pytest.raises(Refusal) as refused:
            restore(image, TARGET)
        assert refused.value.code == ("permission-denied" if forbidden else "stack-differs")
    else:
        restore(image, TARGET)


@pytest.mark.in_both
def test_a_label_that_only_shows_is_not_given_back(vantage: str) -> None:
    make("l0", "up", "wk", "t")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    restore(changed(image, security_options=(model.MountOption(name="seclabel", value=None),)), TARGET)


@pytest.mark.in_both
def test_a_mount_whose_directory_was_removed(vantage: str) -> None:
    make("l0", "up", "wk", "t")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    own = image.mounts[0].replace(root=None)
    plan = run.plan_for(image.replace(mounts=(own, *image.mounts[1:])), TARGET)
    assert plan.overlays[0].mounts[0].root is None
    with pytest.raises(Refusal) as refused:
        restore(image.replace(mounts=(own, *image.mounts[1:])), TARGET)
    assert refused.value.code == "source-missing"
    assert not os.path.ismount("t")


@pytest.mark.in_both
@pytest.mark.parametrize("root", [b"/none", b"/who/below", b"/link"])
def test_a_mount_of_a_directory_that_is_not_there(vantage: str, root: bytes) -> None:
    """Nothing, a way through a file, a link: none is the directory that was mounted."""
    make("l0/d", "up", "wk", "t")
    Path("l0/who").touch()
    Path("l0/link").symlink_to("d")
    with pytest.raises(Refusal) as refused:
        restore(images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk", root=root), TARGET)
    assert refused.value.code == "source-missing"
    assert not os.path.ismount("t")


@pytest.mark.in_both
def test_an_id_mapping_that_is_not_known(vantage: str) -> None:
    make("l0", "up", "wk", "t")
    image = images.image([b"/tmp/l0"], b"/tmp/up", b"/tmp/wk")
    layers = image.overlays[0].layers
    layers = (layers[0], layers[1].replace(missing=(("idmap", "nobody could tell"),)))
    unsure = changed(image, layers=layers)
    assert code(unsure) == "source-unproved"
    result = restore(unsure, Request(target=b"/tmp/t", accept=frozenset(["unproved"])))
    assert [(entry.what, entry.subject) for entry in result.accepted] == [("unproved", "o/lower/0")]
    assert Path("t/who").exists()


@pytest.mark.in_both
@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("lost", [b"lowerdir", b"upperdir"])
def test_a_kernel_that_shows_a_layer_less(
    vantage: str, setup: Setup, lost: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the count tells, whatever became of that layer; nothing is left mounted."""
    make("l0", "l1", "up", "wk", "t")
    real = setups.build

    def with_one_less(*arguments: Any, **named: Any) -> tuple[list[bytes], list[int]]:
        shown, mounts = real(*arguments, **named)
        found = next(option for option in shown if option.startswith(lost))
        shown.remove(found)
        if setup == "page" and lost == b"lowerdir":
            shown.append(found.rpartition(b":")[0])
        return shown, mounts

    monkeypatch.setattr(prepare, "build", with_one_less)
    image = images.image([b"/tmp/l0", b"/tmp/l1"], b"/tmp/up", b"/tmp/wk")
    count = len(entries())
    with pytest.raises(Refusal, match="layers" if lost == b"lowerdir" else "upperdir is there 0 times") as refused:
        restore(image, TARGET, setup=setup)
    assert (refused.value.code, len(entries())) == ("stack-differs", count)
