"""What a controller wants of a partition image becomes wishes, and a disk's own layout is kept only if it is the wanted one."""

from typing import Any

import pytest

from agent.disks.layout import DiskLabel, LayoutWishes, PlannedPartition, plan_layout
from agent.disks.new_table import build_table
from agent.errors import LayoutDoesNotFit
from agent.images.partitions.block_size import block_bytes
from agent.images.partitions.efi_assets import Entry, parse_listing
from agent.images.partitions.kept_ephemeral import kept_table
from agent.images.partitions.partition_wishes import layout_wishes
from agent.protocol.image import ImageInfo
from agent.protocol.loose_values import truth
from agent.protocol.partition_wishes import partition_wishes
from agent.protocol.refusal import Refusal

MIB = 1 << 20
DISK_BYTES = 1 << 30


def image(**fields: Any) -> ImageInfo:
    return ImageInfo(id="root.img", urls=["http://s/root.img"], image_type="partition", **fields)


def wishes(
    *, firmware: str = "bios", machine_is_ppc64: bool = False, **fields: Any
) -> LayoutWishes:
    wanted = partition_wishes(image(**fields), firmware)
    return layout_wishes(wanted, 5, is_ppc64=machine_is_ppc64)


def test_sizes_come_in_the_units_of_their_names() -> None:
    found = wishes(root_mb="40", swap_mb=8, ephemeral_mb=None)
    assert (found.root_bytes, found.swap_bytes, found.ephemeral_bytes) == (40 * MIB, 8 * MIB, 0)
    assert found.config_drive_bytes == 5
    assert wishes(root_gb=2).root_bytes == 2 << 30


@pytest.mark.parametrize(
    ("fields", "firmware", "label", "mode"),
    [
        ({}, "bios", DiskLabel.MBR, "bios"),
        ({}, "uefi", DiskLabel.GPT, "uefi"),
        ({"deploy_boot_mode": "bios", "disk_label": "gpt"}, "uefi", DiskLabel.GPT, "bios"),
        ({"deploy_boot_mode": "UEFI", "disk_label": "msdos"}, "bios", DiskLabel.GPT, "uefi"),
    ],
)
def test_the_controllers_word_decides_and_then_the_firmware(
    fields: dict[str, Any], firmware: str, label: DiskLabel, mode: str
) -> None:
    found = wishes(firmware=firmware, root_mb=1, **fields)
    assert (found.label, found.boot_mode) == (label, mode)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "is missing: a partition image needs"),
        ({"root_mb": "much"}, "'much' is not a whole number"),
        ({"root_mb": 1, "swap_mb": -1}, "-1 is negative"),
        ({"root_mb": 1, "disk_label": "bsd"}, "'bsd' is neither gpt nor msdos"),
        ({"root_mb": 1, "deploy_boot_mode": "efi"}, "'efi' is neither uefi nor bios"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Refusal, match=complaint):
        wishes(**fields)


def test_an_ephemeral_filesystem_that_cannot_be_made_is_refused() -> None:
    assert partition_wishes(image(root_mb=1), "uefi").ephemeral_format == "ext4"
    ext3 = image(root_mb=1, ephemeral_format="ext3")
    assert partition_wishes(ext3, "uefi").ephemeral_format == "ext3"
    with pytest.raises(Refusal, match="'btrfs' cannot be made here; choose one of ext4"):
        partition_wishes(image(root_mb=1, ephemeral_format="btrfs"), "uefi")


def test_a_truth_value_may_be_text() -> None:
    assert [truth(value, "x") for value in (None, False, "False", "")] == [False] * 4
    assert [truth(value, "x") for value in (True, "true", "1")] == [True] * 3
    with pytest.raises(Refusal, match="'maybe' is neither"):
        truth("maybe", "x")


def planned(label: DiskLabel = DiskLabel.GPT, swap_mib: int = 8) -> tuple[PlannedPartition, ...]:
    wanted = LayoutWishes(
        label=label,
        boot_mode="bios",
        root_bytes=40 * MIB,
        swap_bytes=swap_mib * MIB,
        ephemeral_bytes=24 * MIB,
    )
    return plan_layout(wanted, DISK_BYTES, 512)


def head_of(parts: tuple[PlannedPartition, ...], label: DiskLabel) -> bytes:
    head = build_table(parts, label, disk_bytes=DISK_BYTES, sector_bytes=512)
    head[:9] = b"boot code"
    return bytes(head)


@pytest.mark.parametrize("label", list(DiskLabel))
def test_a_table_with_the_wanted_layout_is_kept_without_its_boot_code(label: DiskLabel) -> None:
    head = head_of(planned(label), label)
    kept = kept_table(head, 512, planned(label), label, "/dev/vda")
    assert bytes(kept) == bytes(440) + head[440:]


@pytest.mark.parametrize(
    ("found", "label", "difference"),
    [
        (planned(swap_mib=9), DiskLabel.GPT, r"\(swap\) has 9 MiB at 26 MiB, wanted 8 MiB"),
        (planned()[:-1], DiskLabel.GPT, r"partition 4 \(root\) is missing"),
        (planned(DiskLabel.MBR), DiskLabel.MBR, "the table is msdos, wanted gpt"),
        ((), DiskLabel.GPT, r"partition 1 .* is missing"),
    ],
    ids=["size", "missing", "label", "empty"],
)
def test_every_difference_of_a_layout_is_named(
    found: tuple[PlannedPartition, ...], label: DiskLabel, difference: str
) -> None:
    with pytest.raises(LayoutDoesNotFit, match=difference):
        kept_table(head_of(found, label), 512, planned(), DiskLabel.GPT, "/dev/vda")


def test_a_disk_without_a_table_keeps_nothing() -> None:
    with pytest.raises(LayoutDoesNotFit, match="no readable partition table"):
        kept_table(bytes(MIB), 512, planned(), DiskLabel.GPT, "/dev/vda")


def ext(log: int) -> bytes:
    superblock = bytearray(1024)
    superblock[24:28] = log.to_bytes(4, "little")
    superblock[56:58] = b"\x53\xef"
    return bytes(1024) + superblock


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (ext(0), 1024),
        (ext(2), 4096),
        (ext(4_000_000_000), None),
        (b"XFSB" + bytes(98) + b"\x02\x00" + bytes(4000), 512),
        (bytes(4096), None),
        (b"", None),
    ],
    ids=["ext 1024", "ext 4096", "ext damaged", "xfs", "nothing", "empty"],
)
def test_the_block_size_is_read_from_the_first_bytes(start: bytes, expected: int | None) -> None:
    assert block_bytes(start) == expected


def test_a_listing_of_debugfs_is_read_and_what_is_odd_left_out() -> None:
    text = (
        "/14/040755/0/0/.//\n/13/040755/0/0/..//\n/15/040755/0/0/BOOT//\n/19/100644/0/0/a.efi/11/\n"
        "/0/000000/0/0/gone//\nnonsense\n\n"
    )
    assert parse_listing(text) == (
        Entry(15, 0o040755, "BOOT", 0),
        Entry(19, 0o100644, "a.efi", 11),
    )
