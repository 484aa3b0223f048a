import random
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.bench.images.content import Extent, fill, plan_extents, vocabulary
from tests.bench.images.tools import OURS, REAL_AGENT, Job, Programs, all_tools
from tests.bench.measure import Inner, inner_times
from tests.bench.options import CASES, MIB

JOB = Job(
    case="qcow2",
    url="http://127.0.0.1:8/image.qcow2",
    sha256="00",
    device="/dev/loop7",
    scratch=Path("/s"),
)


@given(st.integers(64, 4096), st.floats(0.05, 0.8), st.integers(0, 99))
def test_extents_are_in_order_inside_the_image_and_add_up(
    size_mib: int, share: float, seed: int
) -> None:
    virtual = size_mib * MIB
    data = int(virtual * share)
    extents = plan_extents(virtual, data, seed)
    assert extents[0].start_byte == MIB
    assert extents[-1].start_byte + extents[-1].size_bytes <= virtual - MIB + 512
    assert all(a.start_byte + a.size_bytes <= b.start_byte for a, b in pairwise(extents))
    assert sum(extent.size_bytes for extent in extents) <= data + 512


def test_a_large_image_holds_the_data_that_was_asked_for() -> None:
    virtual, data = 1024 * MIB, 400 * MIB
    assert sum(e.size_bytes for e in plan_extents(virtual, data)) > data * 0.98


def test_an_extent_is_filled_completely_and_text_is_text() -> None:
    source = random.Random(1)
    words = vocabulary(source)
    for is_text in (True, False):
        extent = Extent(start_byte=0, size_bytes=MIB, is_text=is_text)
        content = fill(extent, words, source)
        assert len(content) == MIB
        assert content.replace(b" ", b"").isalpha() is is_text


def test_every_case_is_run_by_ours_first_and_by_at_least_one_other() -> None:
    tools = all_tools(Programs(python="python", real_agent=None, c_loop=None, has_qemu_http=True))
    assert tools[0].name == OURS
    for case in CASES:
        assert sum(case in tool.cases for tool in tools) >= 2


def test_every_command_names_the_image_and_the_disk() -> None:
    programs = Programs(
        python="python", real_agent=Path("/ipa"), c_loop=Path("/c"), has_qemu_http=True
    )
    for tool in all_tools(programs):
        line = " ".join(tool.command(JOB))
        assert "/image.qcow2" in line
        assert "/dev/loop7" in line
        assert tool.checks == (JOB.sha256 in line.split() or f"^{JOB.sha256}" in line)


def test_the_real_agent_keeps_its_copy_in_memory_as_in_a_ramdisk() -> None:
    tools = all_tools(
        Programs(python="python", real_agent=Path("/ipa"), c_loop=None, has_qemu_http=True)
    )
    agent = next(tool for tool in tools if tool.name == REAL_AGENT)
    assert agent.environment(JOB) == {"TMPDIR": "/s"}


def test_the_last_line_of_a_program_may_say_what_its_work_took() -> None:
    assert inner_times('noise\n{"seconds": 1.5, "cpu_before_s": 0.25}\n') == Inner(
        seconds=1.5, cpu_before_s=0.25
    )
    assert inner_times("all done\n") is None
