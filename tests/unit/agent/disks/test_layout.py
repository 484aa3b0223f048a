"""Planned layouts are aligned, ordered, inside the disk and never overlap; the tables made from them read back the same."""

import itertools
import uuid

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agent.disks import gpt, mbr
from agent.disks.layout import DiskLabel, LayoutWishes, PlannedPartition, plan_layout, planned
from agent.disks.new_table import build_table
from agent.disks.partition_table import PartitionTable
from agent.errors import LayoutDoesNotFit
from agent.protocol.partitions import PartitionRole

MIB = 1 << 20
GIB = 1 << 30

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
sizes = st.integers(0, 4 * GIB)
all_wishes = st.builds(
    LayoutWishes,
    label=st.sampled_from(DiskLabel),
    boot_mode=st.sampled_from(["bios", "uefi"]),
    root_bytes=st.integers(1, 8 * GIB),
    swap_bytes=sizes,
    ephemeral_bytes=sizes,
    config_drive_bytes=st.integers(0, 64 * MIB),
    is_ppc64=st.booleans(),
)


def plan_or_skip(
    wishes: LayoutWishes, disk_bytes: int, sector_bytes: int
) -> tuple[PlannedPartition, ...]:
    try:
        return plan_layout(wishes, disk_bytes, sector_bytes)
    except LayoutDoesNotFit:
        assume(condition=False)
        raise


def roles(wishes: LayoutWishes) -> list[PartitionRole]:
    return [part.role for part in plan_layout(wishes, 100 * GIB, 512)]


@UNHURRIED
@given(
    wishes=all_wishes,
    disk_bytes=st.integers(1, 10 * GIB // 4096).map(lambda sectors: sectors * 4096),
    sector_bytes=st.sampled_from([512, 4096]),
)
def test_partitions_are_aligned_ordered_apart_and_inside(
    wishes: LayoutWishes, disk_bytes: int, sector_bytes: int
) -> None:
    parts = plan_or_skip(wishes, disk_bytes, sector_bytes)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert parts[0].start_byte == MIB
    assert parts[-1].role is PartitionRole.ROOT
    assert parts[-1].end_byte <= disk_bytes - MIB
    for part in parts:
        assert part.size_bytes > 0
        assert part.start_byte % MIB == 0
        assert part.size_bytes % MIB == 0
    for before, after in itertools.pairwise(parts):
        assert before.end_byte <= after.start_byte
    root = planned(parts, PartitionRole.ROOT)
    assert root is not None
    assert 0 <= root.size_bytes - wishes.root_bytes < MIB


@UNHURRIED
@given(wishes=all_wishes, sector_bytes=st.sampled_from([512, 4096]))
def test_a_layout_that_needs_all_of_a_disk_fits_and_one_mib_less_does_not(
    wishes: LayoutWishes, sector_bytes: int
) -> None:
    parts = plan_or_skip(wishes, 100 * GIB, sector_bytes)
    needed = parts[-1].end_byte + MIB
    assert plan_layout(wishes, needed, sector_bytes) == parts
    with pytest.raises(LayoutDoesNotFit, match="1048576 bytes are missing"):
        plan_layout(wishes, needed - 1, sector_bytes)


@UNHURRIED
@given(wishes=all_wishes, sector_bytes=st.sampled_from([512, 4096]))
def test_the_table_that_is_built_says_what_was_planned(
    wishes: LayoutWishes, sector_bytes: int
) -> None:
    disk_bytes = 30 * GIB
    parts = plan_or_skip(wishes, disk_bytes, sector_bytes)
    head = build_table(parts, wishes.label, disk_bytes=disk_bytes, sector_bytes=sector_bytes)
    table = PartitionTable(head, sector_bytes)
    assert (table.gpt is not None) == (wishes.label is DiskLabel.GPT)
    before = bytes(head)
    table.fit(disk_bytes)
    assert bytes(head) == before
    found = [(p.number, p.start_byte, p.size_bytes) for p in table.partitions()]
    assert found == [(p.number, p.start_byte, p.size_bytes) for p in parts]
    assert head[:440] == bytes(440)


@pytest.mark.parametrize(
    ("label", "boot_mode", "is_ppc64", "first"),
    [
        (DiskLabel.GPT, "uefi", False, "efi system partition"),
        (DiskLabel.GPT, "bios", False, "BIOS Boot partition"),
        (DiskLabel.MBR, "bios", False, "ephemeral"),
        (DiskLabel.GPT, "bios", True, "PReP Boot partition"),
    ],
)
def test_the_order_is_that_of_ironic(
    label: DiskLabel, boot_mode: str, is_ppc64: bool, first: str
) -> None:
    wishes = LayoutWishes(
        label=label,
        boot_mode=boot_mode,
        is_ppc64=is_ppc64,
        root_bytes=GIB,
        swap_bytes=MIB,
        ephemeral_bytes=MIB,
        config_drive_bytes=1,
    )
    found = roles(wishes)
    assert found[0] == first
    assert found[-4:] == ["ephemeral", "swap", "configdrive", "root"]


def test_a_fifth_primary_partition_is_refused() -> None:
    wishes = LayoutWishes(
        label=DiskLabel.MBR,
        boot_mode="bios",
        is_ppc64=True,
        root_bytes=GIB,
        swap_bytes=MIB,
        ephemeral_bytes=MIB,
        config_drive_bytes=1,
    )
    with pytest.raises(LayoutDoesNotFit, match=r"4 primary.*5 are wanted.*disk_label:gpt"):
        plan_layout(wishes, 100 * GIB, 512)


def test_an_mbr_ends_at_two_tib_with_small_sectors_only() -> None:
    wishes = LayoutWishes(label=DiskLabel.MBR, boot_mode="bios", root_bytes=3 << 40)
    with pytest.raises(LayoutDoesNotFit, match="an MBR reaches only to 2199023255040"):
        plan_layout(wishes, 4 << 40, 512)
    assert plan_layout(wishes, 4 << 40, 4096)[0].size_bytes == 3 << 40


@pytest.mark.parametrize(
    ("is_ppc64", "active"), [(False, PartitionRole.ROOT), (True, PartitionRole.PREP)]
)
def test_one_partition_of_an_mbr_is_active(is_ppc64: bool, active: PartitionRole) -> None:
    wishes = LayoutWishes(
        label=DiskLabel.MBR, boot_mode="bios", root_bytes=GIB, swap_bytes=MIB, is_ppc64=is_ppc64
    )
    parts = plan_layout(wishes, 4 * GIB, 512)
    head = build_table(parts, DiskLabel.MBR, disk_bytes=4 * GIB, sector_bytes=512)
    marked = [part.number for part in mbr.partitions(head) if part.is_active]
    assert [part.number for part in parts if part.role is active] == marked
    assert mbr.disk_signature(head) != "0x00000000"


def test_a_gpt_has_a_protective_mbr_and_types_that_firmware_knows() -> None:
    wishes = LayoutWishes(
        label=DiskLabel.GPT, boot_mode="uefi", root_bytes=GIB, config_drive_bytes=1
    )
    parts = plan_layout(wishes, 4 * GIB, 512)
    ids = iter(uuid.UUID(int=number) for number in range(1, 9))
    head = build_table(
        parts, DiskLabel.GPT, disk_bytes=4 * GIB, sector_bytes=512, new_id=lambda: next(ids)
    )
    table = gpt.parse(head, 512)
    assert table.disk_id.int == 1
    assert [part.name for part in table.partitions()] == ["efi-part", "config-2", "root"]
    assert table.partitions()[0].type_id == gpt.ESP_TYPE
    assert head[446:462].hex() == "00000200eeffffff01000000ffff7f00"
