"""The suite's own parts: what it says of stacks is what the kernel does, what it says of images is what they hold."""

import json

import pytest

from conformance.harness import abilities, builder, imagecheck, images, mount_reader, mounts, options, vectors
from conformance.harness.content import Directory, File, Whiteout, merged, text
from conformance.harness.sandbox import Sandbox, SandboxError
from conformance.harness.snapshot import Entry, differences
from conformance.harness.stack import Stack, Vantage
from conformance.stacks import ALL, round_trips

NAMED = {stack.name: stack for stack in ALL}


@pytest.mark.parametrize("name", ["whiteouts", "opaque", "redirect", "three-lowers", "128"])
def test_model_is_what_the_kernel_shows(name: str) -> None:
    """The rules of `content.merged` on declared entries, and overlayfs on real ones."""
    stack = NAMED[name]
    vantage = stack.vantages[-1]
    if reason := abilities.why_not(vantage):
        vantage, reason = stack.vantages[0], abilities.why_not(stack.vantages[0])
        if reason:
            pytest.skip(reason)
    with Sandbox(abilities.surroundings(vantage)) as sandbox:
        truth = sandbox.do(builder.build, stack)
        shown = sandbox.do(mount_reader.read, stack.target)
    layers = [(label, builder.entries_of(label, source)) for label, source in stack.sources() if label != "work"]
    expected = {path: None if at is None else text(*at, truth.nonce) for path, at in merged(layers).items()}
    assert shown == expected


def test_merged_rules() -> None:
    upper = (File(b"a"), Whiteout(b"gone"), Directory(b"d", opaque=True), Directory(b"new", redirect=b"old"))
    lower = (File(b"a"), File(b"gone"), Directory(b"d"), File(b"d/hidden"), Directory(b"old"), File(b"old/file"))
    assert merged([("upper", upper), ("lower/0", lower)]) == {
        b"a": ("upper", b"a"),
        b"d": None,
        b"new": None,
        b"new/file": ("lower/0", b"old/file"),
        b"old": None,
        b"old/file": ("lower/0", b"old/file"),
    }


def test_every_stack_makes_the_round_trip_or_says_why_not() -> None:
    """Each that every restorer can be asked for is dumped, restored and dumped again; each other says why it is not."""
    taken = {(case.stack.profile, case.stack.name) for case in (*round_trips.BY_PROOF, *round_trips.BY_CANDIDATES)}
    left = [stack for stack in ALL if (stack.profile, stack.name) not in taken]
    assert [stack.name for stack in left if stack.restorable] == []
    assert left
    assert all(stack.why_not_restorable for stack in left)


@pytest.mark.parametrize("stack", ALL, ids=[f"{stack.profile}-{stack.name}" for stack in ALL])
def test_images_of_the_suite_are_valid(stack: Stack) -> None:
    """What restorers are given has no fault by the suite's own reader."""
    vantage = Vantage.INSIDE if Vantage.INSIDE in stack.vantages else Vantage.OUTSIDE
    if reason := abilities.why_not(vantage) or next(filter(None, map(abilities.lacking, stack.needs)), None):
        pytest.skip(reason)
    with Sandbox(abilities.surroundings(vantage, stack.owner)) as sandbox:
        truth = sandbox.do(builder.build, stack)
    assert imagecheck.read(json.dumps(images.image(truth)).encode())[1] == []


@pytest.mark.parametrize("vector", vectors.load(), ids=lambda vector: vector.name)
def test_the_readers_of_suite_and_vectors_agree(vector: vectors.Vector) -> None:
    """What the suite judges dumps by accepts every valid vector of version 1.0, and no invalid one."""
    if "version" in vector.title or vector.expect == "unsupported":
        pytest.skip("dumps are of this version")
    document, faults = imagecheck.read(vector.content())
    if vector.expect == "valid":
        assert faults == []
    else:
        assert faults or document is None


def test_each_vector_is_listed_once() -> None:
    entries = [vector.name for vector in vectors.load()]
    assert len(entries) == len(set(entries))
    stored = {str(file.relative_to(vectors.DIRECTORY))[:-5] for file in vectors.DIRECTORY.glob("*/*.json")}
    assert stored == {vector.name for vector in vectors.load() if "file" in vector.entry}


def test_a_fault_of_the_image_is_no_fault_of_its_json() -> None:
    """A vector with a slip of its author's in it would be refused all the same."""
    about_json = {f"OVSI-IMG-00{number}" for number in range(1, 9)}
    for vector in vectors.load():
        if not about_json & set(vector.requirements):
            try:
                json.loads(vector.content(), parse_int=str)
            except ValueError as error:
                pytest.fail(f"{vector.name}: {error}")


def test_mountinfo() -> None:
    line = rb"36 35 98:0 /a\040b /m\012t rw,noatime shared:1 master:2 unbindable - fuse.x so\134rce rw,o=\054" + b"\n"
    (mount,) = mounts.parse(line)
    assert (mount.root, mount.point, mount.source) == (b"/a b", b"/m\nt", b"so\\rce")
    assert mount.propagation == (("shared", 1), ("master", 2), ("unbindable", 1))
    assert mount.super_options == rb"rw,o=\054"
    assert mount.flags == ("rw",)


def test_labels_of_a_security_module_are_no_options() -> None:
    """Where SELinux is at work every mount shows `seclabel`; a label in quotes holds commas."""
    label = rb'context="system_u:object_r:container_file_t:s0:c1,c2"'
    for words in (b"rw,seclabel,lowerdir=/a:/b,xino=off", b"rw," + label + b",lowerdir=/a,xino=off"):
        (mount,) = mounts.parse(b"7 1 0:9 / /m rw - overlay overlay " + words)
        assert options.shown(mount) == {"xino": b"off"}
        assert mount.flags == ("rw",)


def test_differences_name_what_changed() -> None:
    old = Entry(0o644, 0, 0, 1, 3, 0, 7, 1, 1, (), b"old")
    new = old._replace(size=4)
    assert differences({b"a": old, b"b": old}, {b"a": new, b"c": old}) == [
        "a: size was 3, is 4",
        "b: vanished",
        "c: appeared",
    ]


def _raises(world: object) -> None:
    raise ValueError("from the other side")


def test_what_goes_wrong_in_a_sandbox_is_told() -> None:
    if reason := abilities.why_not(Vantage.INSIDE):
        pytest.skip(reason)
    with Sandbox(abilities.surroundings(Vantage.INSIDE)) as sandbox, pytest.raises(SandboxError):
        sandbox.do(_raises)
