"""bpf(2): needs CAP_BPF and CAP_PERFMON in the initial user namespace, and says what it skipped without."""

from __future__ import annotations

import errno
import mmap
import os
import struct

import pytest
from ovsi.linux import bpf
from ovsi.linux.syscall import closing


@pytest.fixture(scope="module", autouse=True)
def _allowed() -> None:
    try:
        os.close(bpf.load(bpf.instruction(bpf.MOVE_NUMBER) + bpf.instruction(bpf.EXIT)))
    except OSError as error:
        pytest.skip(f"no BPF programs of type SYSCALL here: {error}")


def test_a_program_reads_and_writes_its_context() -> None:
    program = b"".join(
        (
            bpf.instruction(bpf.LOAD_64, 2, 1, 0),
            bpf.instruction(bpf.ADD_NUMBER, 2, 0, 0, 5),
            bpf.instruction(bpf.STORE_64, 1, 2, 8),
            bpf.instruction(bpf.MOVE_NUMBER),
            bpf.instruction(bpf.EXIT),
        )
    )
    with closing(bpf.load(program)) as fd:
        runner = bpf.Runner(fd, 16)
        for number in (1, 1 << 40):
            struct.pack_into("=Q", runner.context, 0, number)
            runner.run()
            assert struct.unpack_from("=QQ", runner.context) == (number, number + 5)


def test_kernel_memory_arrives_in_a_mapped_array() -> None:
    with closing(bpf.array_map(4096)) as array:
        program = b"".join(
            (
                bpf.instruction(bpf.MOVE, 6, 1),
                bpf.instruction(bpf.CALL, immediate=bpf.HELPER_GET_CURRENT_TASK),
                bpf.instruction(bpf.MOVE, 3, 0),
                bpf.load_map_value(1, array, 8),
                bpf.instruction(bpf.MOVE_NUMBER, 2, 0, 0, 4000),
                bpf.instruction(bpf.CALL, immediate=bpf.HELPER_PROBE_READ_KERNEL),
                bpf.instruction(bpf.STORE_64, 6, 0, 0),
                bpf.instruction(bpf.MOVE_NUMBER),
                bpf.instruction(bpf.EXIT),
            )
        )
        with closing(bpf.load(program)) as fd, mmap.mmap(array, 4096) as memory:
            runner = bpf.Runner(fd, 8)
            runner.run()
            assert runner.context.raw == bytes(8)
            assert memory[:8] == bytes(8)
            assert any(memory[8:4008])


def test_the_verifier_says_why_it_refuses() -> None:
    with pytest.raises(PermissionError, match=r"(?s)bpf BPF_PROG_LOAD: .*R0 !read_ok") as caught:
        bpf.load(bpf.instruction(bpf.EXIT))
    assert caught.value.errno == errno.EACCES


def test_what_the_verifier_says_tells_no_address() -> None:
    """Its log shows where the map lies in the kernel's memory; the reason alone is kept of it."""
    with closing(bpf.array_map(4096)) as array:
        beyond = (bpf.load_map_value(1, array), bpf.instruction(bpf.LOAD_64, 2, 1, 8000), bpf.instruction(bpf.EXIT))
        with pytest.raises(PermissionError) as caught:
            bpf.load(b"".join(beyond))
    assert "outside of the allowed memory range" in str(caught.value)
    assert "0xffff" not in str(caught.value)
