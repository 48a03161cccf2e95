"""What `ovsi sources` prints: a line a source, for one overlay and for all of the system."""

from __future__ import annotations

from ovsi.cli import listing
from ovsi.dump.system import Found, Seat, System
from ovsi.image import read
from ovsi.image.model import Namespace

from .harness import VECTORS, ovsi


def found(name: str, *seats: Seat) -> tuple[Found, ...]:
    image = read.decode((VECTORS / "valid" / f"{name}.json").read_bytes())
    return tuple(Found(overlay, image, seats) for overlay in image.overlays)


def test_a_line_a_source() -> None:
    assert listing.lines(found("writable", Seat(7, None, 211, b"/mnt"), Seat(8, 4711, 30, b"/x\n")), 7) == [
        "overlay 0:48 at /mnt",
        "             at /x\\x0a in mnt:[8], process 4711",
        "role   index  device  handle  state    assurance  path",
        "upper      -  8:2     ?       located  proved     /srv/up",
        "lower      0  8:2     ?       located  proved     /srv/a",
        "lower      1  8:2     ?       located  proved     /srv/b",
        "work       -  8:2     ?       located  proved     /srv/work",
    ]


def test_an_overlay_that_another_one_holds() -> None:
    titles = [line for line in listing.lines(found("nested-unmounted"), None) if line.startswith("overlay")]
    inner = [line for line in titles if "a layer of overlay" in line]
    assert len(titles) == 2
    assert len(inner) == 1
    holder = inner[0].rpartition(" ")[2]
    assert titles[1 - titles.index(inner[0])].startswith(f"overlay {holder} ")


def test_places_of_an_overlay_are_not_listed_without_end() -> None:
    seats = [Seat(7, None, number, b"/m%d" % number) for number in range(1000)]
    lines = listing.lines(found("writable", *seats), 7)
    assert len(lines) < 20
    assert lines[8].strip() == "and 992 places more"


def test_paths_of_another_namespace_are_marked() -> None:
    (one,) = found("writable")
    seen_from_there = one.replace(image=one.image.replace(namespace=Namespace(inode=9)))
    assert "mnt:[" not in "\n".join(listing.lines((seen_from_there,), 9))
    assert "mnt:[9]:/srv/a" in "\n".join(listing.lines((seen_from_there,), 1))
    (one,) = found("every-property")[:1]
    assert "mnt:[4026531841]:/srv/a" in "\n".join(listing.lines((one,), None))
    assert "mnt:[4026531841]" not in "\n".join(listing.lines((one,), 4026531841))


def test_for_programs_references_are_resolved() -> None:
    data = listing.as_data(System(found("every-property", Seat(8, 4711, 30, b"\xff")), False, 3, ()))
    assert (data["hiddenProcesses"], data["consistent"]) == (3, True)
    overlay = data["overlays"][0]
    assert overlay["mounts"] == [{"namespace": "8", "pid": 4711, "mountId": 30, "mountPoint": {"base64": "/w=="}}]
    for source in overlay["sources"]:
        assert {"role", "state", "assurance"} <= source.keys()
        assert ("index" in source) == (source["role"] in ("lower", "data"))
        assert "filesystem" not in source
        for place in (source.get("location"), source.get("candidate")):
            assert place is None or "process" in place or {"mountId", "mountPoint", "path"} <= place.keys()
    assert any("device" in source for source in overlay["sources"])


def test_one_of_three_is_asked_for() -> None:
    for words in ((), ("/mnt", "--all-namespaces"), ("--mount-id", "3", "/mnt"), ("--all-namespaces", "--pid", "1")):
        run = ovsi("sources", *words)
        assert (run.returncode, run.stdout) == (2, b"")
