"""What stands on disks is read from sysfs; the plan to end it is complete, ordered, and touches nothing else."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.disks.stack import (
    Layer,
    LayerKind,
    disks_below,
    plan_release,
    read_stack,
    standing_on,
)
from agent.errors import DiskInUse
from tests.unit.agent.disks.host_tree import HostTree


def old_server(folder: Path) -> HostTree:
    """Two disks of an older system: RAID 1 of partitions with LVM on it, a loop device; a third disk of its own."""
    host = HostTree(folder)
    host.disk("sda", "8:0", parts={"sda1": "8:1", "sda2": "8:2"})
    host.disk("sdb", "8:16", parts={"sdb1": "8:17"})
    host.disk("sdc", "8:32", parts={"sdc1": "8:33"})
    host.array("md0", "9:0", ("sda1", "sdb1"))
    host.mapping("dm-0", "254:0", ("md0",), "vg-root")
    host.mapping("dm-1", "254:1", ("sdc1",), "other-lv")
    host.loop("loop0", "7:0", "/dev/sda2")
    host.loop("loop1", "7:1", "/run/tree.squashfs")
    return host


def read(host: HostTree) -> Mapping[str, Layer]:
    return read_stack(host.sys, {"/dev/sda2": "8:2"}.get)


def names(layers: tuple[Layer, ...]) -> list[str]:
    return [layer.name for layer in layers]


def test_everything_on_the_chosen_disks_is_ended_the_highest_first(tmp_path: Path) -> None:
    stack = read(old_server(tmp_path))
    planned = names(plan_release(stack, ["sda", "sdb"]))
    assert set(planned) == {"dm-0", "loop0", "md0"}
    assert planned.index("dm-0") < planned.index("md0")
    assert names(plan_release(stack, ["sdc"])) == ["dm-1"]


def test_one_member_is_enough_to_end_an_array(tmp_path: Path) -> None:
    assert names(plan_release(read(old_server(tmp_path)), ["sdb"])) == ["dm-0", "md0"]


def test_an_array_over_a_disk_that_must_be_left_alone_is_not_ended(tmp_path: Path) -> None:
    with pytest.raises(DiskInUse, match="and on sdb, which must be left alone"):
        plan_release(read(old_server(tmp_path)), ["sda"], ["sdb"])


def test_a_volume_of_a_container_is_ended_before_the_container(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.disk("sda", "8:0")
    host.disk("sdb", "8:16")
    host.array("md127", "9:127", ("sda", "sdb"), metadata="external:imsm")
    host.array("md126", "9:126", ("sda", "sdb"), metadata="external:/md127/0")
    host.array("md125", "9:125", ("sda", "sdb"), metadata="external:-md127/1")
    assert names(plan_release(read_stack(host.sys), ["sda"])) == ["md125", "md126", "md127"]


def test_what_this_program_cannot_end_is_named(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.disk("sda", "8:0")
    host.disk("bcache0", "252:0")
    (host.sys / "devices/bcache0/slaves/sda").symlink_to(host.sys / "devices/sda")
    with pytest.raises(DiskInUse, match="bcache0 stands on sda and is of a kind"):
        plan_release(read_stack(host.sys), ["sda"])


@st.composite
def stacks(draw: st.DrawFn) -> Mapping[str, Layer]:
    """Draw disks with anything on them, and things on those."""
    stack: dict[str, Layer] = {}
    for index in range(draw(st.integers(1, 14))):
        is_base = index == 0 or draw(st.booleans())
        below = (
            () if is_base else draw(st.sets(st.sampled_from(sorted(stack)), min_size=1, max_size=3))
        )
        kinds = (LayerKind.ARRAY, LayerKind.MAPPING, LayerKind.LOOP)
        kind = LayerKind.DISK if is_base else draw(st.sampled_from(kinds))
        name = f"b{index}"
        stack[name] = Layer(name=name, number=f"8:{index}", kind=kind, below=tuple(sorted(below)))
    return stack


@given(stack=stacks(), data=st.data())
def test_a_plan_frees_the_chosen_disks_and_touches_nothing_else(
    stack: Mapping[str, Layer], data: st.DataObject
) -> None:
    disks = sorted(name for name, layer in stack.items() if layer.kind is LayerKind.DISK)
    chosen = data.draw(st.sets(st.sampled_from(disks), min_size=1))
    plan = names(plan_release(stack, chosen))
    assert len(set(plan)) == len(plan)
    left = dict(stack)
    for name in plan:
        assert disks_below(stack, name) & chosen, "it stands on a chosen disk"
        assert not any(name in layer.below for layer in left.values()), (
            "nothing stands on it any more"
        )
        del left[name]
    assert standing_on(left, chosen) == ()
    for name in left:
        assert not disks_below(stack, name) & chosen
