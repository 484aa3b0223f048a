import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.boot.fat_image import TooLarge, plan_fat

FILES = {"BOOT/GRUB/GRUB.CFG": 300, "EFI/BOOT/BOOTX64.EFI": 900_000, "VMLINUZ": 8_000_000}


def test_the_first_sector_says_what_the_layout_is() -> None:
    image = plan_fat(FILES, "INGOT")
    sector = image.head[:512]
    assert sector[510:] == b"\x55\xaa"
    assert struct.unpack_from("<HB", sector, 11) == (512, image.cluster_bytes // 512)
    assert sector[54:62] == b"FAT16   "
    small, large = struct.unpack_from("<H", sector, 19)[0], struct.unpack_from("<I", sector, 32)[0]
    assert (small or large) * 512 == image.size_bytes


def test_too_much_for_the_format_is_said() -> None:
    with pytest.raises(TooLarge, match="2 GB"):
        plan_fat({"INITRD": 3 << 30}, "INGOT")


@settings(max_examples=60)
@given(st.lists(st.integers(1, 400_000_000), min_size=1, max_size=6))
def test_the_image_is_its_tables_its_files_and_zeros_and_the_chains_do_not_meet(
    sizes: list[int],
) -> None:
    image = plan_fat({f"A/F{number}": size for number, size in enumerate(sizes)}, "X")
    unit = image.cluster_bytes
    filled = sum(-(-size // unit) * unit for size in sizes)
    assert len(image.head) + filled + image.tail_bytes == image.size_bytes
    entries, clusters = _folder(image.head, unit), []
    table = _table(image.head)
    for size, (first, said) in zip(sizes, entries, strict=True):
        chain = [first]
        while table[chain[-1]] != 0xFFFF:
            chain.append(table[chain[-1]])
        assert (said, len(chain)) == (size, -(-size // unit))
        clusters += chain
    assert len(set(clusters)) == len(clusters)


def _table(head: bytes) -> tuple[int, ...]:
    count = struct.unpack_from("<H", head, 22)[0] * 256
    return struct.unpack_from(f"<{count}H", head, 512)


def _folder(head: bytes, unit: int) -> list[tuple[int, int]]:
    """Return first cluster and size of each file in the only folder, which is the last cluster of the head."""
    folder = head[-unit:]
    entries = [folder[place : place + 32] for place in range(64, unit, 32)]
    return [struct.unpack_from("<HI", entry, 26) for entry in entries if entry[0]]
