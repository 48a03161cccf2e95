"""Where introspection can't be had, it says what is missing; where memory can't be read, which."""

from __future__ import annotations

import gc
import os
import signal
import struct

import pytest
from ovsi.introspect import introspector as module
from ovsi.introspect import layout, memory, shapes
from ovsi.introspect.errors import Inconsistent, IntrospectionUnavailable, KernelReadError
from ovsi.introspect.introspector import Introspector
from ovsi.introspect.memory import CHUNK, Memory
from ovsi.introspect.shape import Shape, number, pointer
from ovsi.introspect.snapshot import Snapshot, consistently
from ovsi.introspect.walk import file_of

from conformance.harness import abilities

NOBODY = 65534


@pytest.mark.skipif(not abilities.introspection(), reason="needs real root, BTF and bpf(2)")
def test_it_serves_where_the_kernel_allows_it() -> None:
    """What the tests beside this one take for a reason to be skipped: no defect of this package is one."""
    Introspector().close()


@pytest.mark.on_real_mounts
def test_an_ordinary_user() -> None:
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(IntrospectionUnavailable, match="CAP_BPF") as caught:
        Introspector()
    assert caught.value.ability == "bpf"
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.on_real_mounts
def test_signals_all_the_time_do_not_hide_it() -> None:
    """As a profiler's timer sends them: the verifier gives up when one comes."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
    try:
        for _ in range(20):
            Introspector().close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.mark.parametrize("content", [None, b"", b"no BTF at all" * 100])
def test_a_kernel_without_btf(content: bytes | None, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    place = os.fsencode(str(tmp_path)) + b"/"
    if content is not None:
        with open(place + b"vmlinux", "wb") as file:
            file.write(content)
    monkeypatch.setattr(layout, "_BTF", place)
    with pytest.raises(IntrospectionUnavailable) as caught:
        Introspector()
    assert caught.value.ability == "btf"


@pytest.mark.on_real_mounts
def test_btf_of_another_kernel_is_noticed() -> None:
    """A copy of the BTF in which two members have each other's name: the known object does not read right."""
    with open("/sys/kernel/btf/vmlinux", "rb") as file:
        data = file.read()
    assert data.count(b"\0i_nlink\0") == data.count(b"\0i_flags\0") == 1
    swapped = data.replace(b"\0i_nlink\0", b"\0i_xxxxx\0").replace(b"\0i_flags\0", b"\0i_nlink\0")
    swapped = swapped.replace(b"\0i_xxxxx\0", b"\0i_flags\0")
    with open("vmlinux", "wb") as file:
        file.write(swapped)
    layout._BTF = b"/tmp/"
    layout.Layout.by_loader = False  # it would not look into the file
    module._KNOWN_PATH, module._KNOWN_TYPE = b"/vmlinux", b"tmpfs"
    with pytest.raises(IntrospectionUnavailable) as caught:
        Introspector()
    assert caught.value.ability == "calibration"
    with open("vmlinux", "wb") as file:
        file.write(data)
    Introspector().close()


@pytest.mark.on_real_mounts
def test_a_kernel_that_tells_nothing_of_overlays() -> None:
    """Said at once, before somebody builds on it, as where modules have no BTF; not where no overlay can be."""

    def lacking(_layout: layout.Layout) -> None:
        raise IntrospectionUnavailable("btf", "no types of overlays")

    layout.Layout.overlay_view = property(lacking)  # type: ignore[assignment]
    gc.collect()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(IntrospectionUnavailable, match="no types of overlays"):
        Introspector()
    assert os.listdir("/proc/self/fd") == before
    module._MODULE = b"/sys/module/no such module"
    Introspector().close()


@pytest.mark.on_real_mounts
def test_nothing_is_left_open() -> None:
    gc.collect()  # of other tests
    before = os.listdir("/proc/self/fd")
    with Introspector() as introspector:
        introspector.superblock_of(0)
    introspector.close()
    assert os.listdir("/proc/self/fd") == before


def _unless_looping(monkeypatch: pytest.MonkeyPatch, *, looping: bool) -> None:
    if not looping:
        monkeypatch.setattr(memory, "_looping_program", lambda _map: (b"", 0))


@pytest.mark.parametrize("looping", [True, False])
@pytest.mark.on_real_mounts
def test_reading_memory(looping: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _unless_looping(monkeypatch, looping=looping)
    with Memory() as reader:
        task = reader.current_task
        whole = reader.read(task, 3000)
        assert len(whole) == 3000
        pid = struct.pack("=II", os.getpid(), os.getpid())  # pid and tgid stand side by side
        assert whole.count(pid) == 1
        at = task + whole.index(pid)
        assert reader.read(at, 8) == pid
        for count in (1, 63, 64, 65, 1023, 1024, 1025, 5000):
            assert reader.pieces([at, at + 4] * count, 4, "pid") == pid[:4] * (2 * count)
        large = reader.pieces([at] * 300, CHUNK // 2, "task")
        assert {large[start : start + 8] for start in range(0, len(large), CHUNK // 2)} == {pid}
        assert len(large) == 300 * CHUNK // 2
        assert reader.read(at, CHUNK + 1)[:8] == pid
        assert reader.pieces([], 8, "nothing") == b""
        assert reader.strings([], 8, "nothing") == []


@pytest.mark.parametrize("looping", [True, False])
@pytest.mark.on_real_mounts
def test_reading_strings(looping: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _unless_looping(monkeypatch, looping=looping)
    with open("/proc/self/comm", "w") as file:
        file.write("a string")
    with Memory() as reader:
        task = reader.current_task
        at = task + reader.read(task, 8192).index(b"a string\0")
        assert reader.strings([at + index % 9 for index in range(3000)], 64, "comm") == [
            b"a string"[index % 9 :] for index in range(3000)
        ]
        assert reader.strings([at], 4, "comm") == [b"a s"]
        with pytest.raises(KernelReadError) as caught:
            reader.strings([at, at, 8, at], 64, "comm")
        assert caught.value.address == 8


@pytest.mark.parametrize("address", [0, 8, 1 << 47, (1 << 64) - 8, 1 << 64, -8, 0x4141414141414141])
@pytest.mark.parametrize("looping", [True, False])
@pytest.mark.on_real_mounts
def test_bad_addresses(address: int, looping: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _unless_looping(monkeypatch, looping=looping)
    with Memory() as reader:
        good = reader.current_task
        with pytest.raises(KernelReadError):
            reader.read(address, 8)
        with pytest.raises(KernelReadError) as caught:
            reader.pieces([good, address, good], 8, "three")
        assert caught.value.address in (address, good)
        assert f"{good:x}" not in str(caught.value)  # an explanation or an image may tell it (OVSI-SEC-007)
        assert len(reader.read(good, 8)) == 8


class Position(Shape):
    structure = b"file"
    inode: int = pointer("f_inode")
    position: int = number("f_pos")


@pytest.mark.on_real_mounts
@pytest.mark.parametrize("way", ["row", "rows", "values"])
def test_what_changes_all_the_time_is_not_believed(way: str) -> None:
    kernel = layout.Layout()
    positions = iter(range(1, 100))
    fd = os.open("file", os.O_RDWR | os.O_CREAT)
    steady = 2

    def walk(snapshot: Snapshot) -> int:
        inode = file_of(reader, kernel, snapshot, fd).inode
        table = Snapshot(reader).row(kernel[shapes.DescriptorTable], table_of(reader, kernel))
        file = Snapshot(reader).row(kernel[shapes.Pointer], table.fd + 8 * fd).value
        view = kernel[Position]
        if way == "values":
            ((its_inode, position),) = snapshot.values(view, (file,))
        else:
            row = snapshot.row(view, file) if way == "row" else snapshot.rows(view, (file,))[file]
            its_inode, position = row.inode, row.position
        assert its_inode == inode
        if next(positions) != steady:
            os.lseek(fd, 1, os.SEEK_CUR)
        assert isinstance(position, int)
        return position

    with Memory() as reader:
        assert consistently(reader, walk) == 1  # the second attempt
        with pytest.raises(Inconsistent, match="struct file changed while"):
            consistently(reader, walk)
    kernel.close()


def table_of(reader: Memory, kernel: layout.Layout) -> int:
    task = Snapshot(reader).row(kernel[shapes.Task], reader.current_task)
    return Snapshot(reader).row(kernel[shapes.OpenFiles], task.files).fdt
