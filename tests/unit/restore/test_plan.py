"""Plans, without a kernel: which way to which source, which options, what a person is shown."""

from __future__ import annotations

import json

import pytest
from ovsi.image import model
from ovsi.plan import Host, Mapping, Plan, Request, as_data, lines, make_plan, parse_map
from ovsi.plan.options import planned
from ovsi.plan.paths import below, common, joined
from ovsi.plan.records import ByInner, ByMap, ByMount

HOST = Host("11111111-1111-4111-8111-111111111111")


def image(*, boot: str = HOST.boot_id) -> model.Image:
    place = model.Place(mount="m", path=b"/l0")
    layer = model.Layer(
        role="lower",
        declared=b"l0",
        identity=model.Identity(filesystem="f", inode=5, generation=1),
        path=b"/sub/l0",
        state="located",
        assurance="proved",
        method="introspection",
        location=place,
    )
    return model.Image(
        host=model.Host(kernel_release="6", boot_id=boot),
        filesystems=(
            model.Filesystem(id="f", type="tmpfs", device="0:40", stability="boot"),
            model.Filesystem(id="overlay", type="overlay", device="0:41", stability="boot"),
        ),
        mounts=(
            model.Mount(id="m", filesystem="f", mount_id=7, root=b"/sub", mount_point=b"/srv"),
            model.Mount(id="own", filesystem="overlay", mount_id=8, root=b"/", mount_point=b"/merged"),
        ),
        overlays=(
            model.Overlay(
                id="o",
                filesystem="overlay",
                mounts=("own",),
                options=(model.MountOption(name="index", value=b"off"),),
                superblock_flags=("ro",),
                shown_options=b"",
                layers=(layer, layer.replace(path=b"/other")),
            ),
        ),
    )


def plan(request: Request = Request(target=b"/t"), *, boot: str = HOST.boot_id) -> Plan:  # noqa: B008 - immutable
    return make_plan(image(boot=boot), request, HOST)


def test_ways_on_the_same_boot_and_another() -> None:
    now = plan().overlays[0].sources[0].ways
    assert now == (ByMount("0:40", None, b"/sub/l0", b"/srv", b"/sub", b"/l0"),)
    assert isinstance(now[0], ByMount)
    assert now[0].hint() == b"/srv/l0"
    later = plan(boot="22222222-2222-4222-8222-222222222222").overlays[0].sources[0].ways[0]
    assert isinstance(later, ByMount)
    assert later.device is None


def test_the_longest_map_wins() -> None:
    maps = (Mapping("f", b"/", b"/a"), Mapping("f", b"/sub", b"/b"), Mapping("f", b"/su", b"/c"))
    first, second = plan(Request(target=b"/t", maps=maps)).overlays[0].sources
    assert (first.ways, second.ways) == ((ByMap(b"/b", b"/l0"),), (ByMap(b"/a", b"/other"),))


def test_an_inner_overlay_comes_first() -> None:
    base = image()
    outer = base.overlays[0]
    layer = outer.layers[0].replace(
        identity=model.Identity(filesystem="inner", inode=1), path=b"/", location=None, state="unmounted", reason="so"
    )
    inner = outer.replace(id="i", filesystem="inner", mounts=())
    filesystem = model.Filesystem(id="inner", type="overlay", device="0:42", stability="boot")
    whole = base.replace(
        filesystems=(*base.filesystems, filesystem),
        overlays=(outer.replace(layers=(layer, *outer.layers)), inner),
    )
    made = make_plan(whole, Request(overlay_id="o", target=b"/t"), HOST)
    assert [(overlay.id, len(overlay.mounts)) for overlay in made.overlays] == [("i", 0), ("o", 1)]
    assert ByInner("i", b"/") in made.overlays[1].sources[0].ways


def option(name: str, value: bytes | None) -> model.MountOption:
    return model.MountOption(name=name, value=value)


def test_options() -> None:
    given = planned(
        [
            option("lowerdir_mnt_id", b"7"),
            option("lowerdir", b"/x"),
            option("userxattr", None),
            option("default_permissions", b"off"),
            option("volatile", b"on"),
            option("redirect_dir", b"on"),
            option("verity", b"off"),
            option("news", b"1"),
        ]
    )
    assert [(entry.name, entry.value, entry.needed) for entry in given] == [
        ("userxattr", None, True),
        ("volatile", None, True),
        ("redirect_dir", b"on", True),
        ("verity", b"off", False),
        ("news", b"1", True),
    ]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (b"f=/d", Mapping("f", b"/", b"/d")),
        (b"f:/a/b/=/d=e", Mapping("f", b"/a/b", b"/d=e")),
        (b"f:/=d", Mapping("f", b"/", b"d")),
    ],
)
def test_parse_map(word: bytes, expected: Mapping) -> None:
    assert parse_map(word) == expected


@pytest.mark.parametrize("word", [b"", b"f", b"f=", b"=/d", b"f:a=/d", b"f:/a/../b=/d"])
def test_bad_maps(word: bytes) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_map(word)


def test_paths() -> None:
    assert (joined(b"/", b"/a"), joined(b"/r/", b"/"), joined(b"/", b"/")) == (b"/a", b"/r", b"/")
    assert (below(b"/a/b", b"/"), below(b"/a/b", b"/a"), below(b"/a", b"/a")) == (b"/a/b", b"/b", b"/")
    assert (below(b"/ab", b"/a"), below(b"/", b"/a")) == (None, None)
    assert (common(b"/a/b", b"/a/c"), common(b"/a", b"/b"), common(b"/a", b"/a/b")) == (b"/a", b"/", b"/a")


def test_lines_tell_what_is_not_as_usual() -> None:
    asked = Request(target=b"/t", pid=42, accept=frozenset({"unproved"}), mount_devices=True)
    extents = (model.IdRange(inside=0, outside=100000, count=65536),)
    made = plan(asked, boot="22222222-2222-4222-8222-222222222222")
    overlay = made.overlays[0]
    source = overlay.sources[0].replace(idmap=model.LayerIdmap(uid_map=extents, gid_map=extents))
    other = overlay.sources[1].replace(idmap=model.LayerIdmap(uid_map=extents, gid_map=extents * 2))
    dressed = overlay.mounts[0].replace(attributes=("rw",), peer_group=7, master=9)
    changed = overlay.replace(sources=(source, other), mounts=(dressed, dressed.replace(peer_group=None, master=None)))
    text = lines(made.replace(overlays=(changed,)))
    assert text[1].endswith(" mapping IDs 0:100000:65536")
    assert text[2].endswith(" mapping users 0:100000:65536, groups 0:100000:65536 0:100000:65536")
    assert text[-6].endswith("/t (rw; shared in group 7 of the image; slave of group 9 of the image)")
    assert text[-5].endswith("/t (rw)")
    assert [line.split()[0] for line in text[-4:]] == ["into", "the", "deviations", "the"]
    assert len(lines(plan())) == len(lines(made)) - 4


def test_as_data_and_lines() -> None:
    made = plan()
    assert json.loads(json.dumps(as_data(made)))["overlays"][0]["sources"][0]["name"] == "lower/0"
    text = "\n".join(lines(made))
    assert "/sub/l0 of 0:40 (seen at /srv/l0)" in text
    assert "  mount at  /t" in text


def test_every_overlay_is_looked_at_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: an image of all of a host's containers has thousands."""
    base, looks = image(), 0

    def counted(overlay: model.Overlay) -> tuple[model.Source, ...]:
        nonlocal looks
        looks += 1
        return model.made_of(overlay)

    monkeypatch.setattr("ovsi.plan.make.made_of", counted)
    many = range(300)
    filesystems = [base.filesystems[1].replace(id=f"fs{number}", device=f"0:{number}") for number in many]
    mounts = [base.mounts[1].replace(id=f"m{number}", filesystem=f"fs{number}") for number in many]
    overlays = [
        base.overlays[0].replace(id=f"o{number}", filesystem=f"fs{number}", mounts=(f"m{number}",)) for number in many
    ]
    whole = base.replace(
        filesystems=(base.filesystems[0], *filesystems), mounts=(base.mounts[0], *mounts), overlays=tuple(overlays)
    )
    assert len(make_plan(whole, Request(all_root=b"/t"), HOST).overlays) == len(many)
    assert looks <= 3 * len(many)


def test_no_word_of_the_image_moves_a_cursor_or_makes_a_line() -> None:
    """Who takes images from others looks at the plan first."""
    evil, base = "x\x1b[2K\nlower/0 /etc\x9b1A", image()
    overlay = base.overlays[0].replace(
        options=(model.MountOption(name=evil, value=evil.encode()),),
        security_options=(model.MountOption(name=evil, value=None),),
    )
    mounts = tuple(mount.replace(attributes=("rw", evil)) for mount in base.mounts)
    filesystems = (base.filesystems[0].replace(type=evil), base.filesystems[1])
    changed = base.replace(overlays=(overlay,), mounts=mounts, filesystems=filesystems)
    shown = lines(make_plan(changed, Request(target=b"/t"), HOST))
    assert len(shown) == len(lines(make_plan(base, Request(target=b"/t"), HOST))) + 1  # the security option's
    assert all(line.isprintable() for line in shown)


def test_a_person_is_shown_what_is_looked_up() -> None:
    """Where the image says that it saw a source is its author's word; the path in the file system decides."""
    base = image()
    layer = base.overlays[0].layers[0].replace(path=b"/etc")
    overlay = base.overlays[0].replace(layers=(layer, *base.overlays[0].layers[1:]))
    shown = "\n".join(lines(make_plan(base.replace(overlays=(overlay,)), Request(target=b"/t"), HOST)))
    assert "/etc of 0:40 (seen at /srv/l0)" in shown
