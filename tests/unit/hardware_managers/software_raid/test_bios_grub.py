"""What a BIOS finds on each disk of a mirror."""

import struct

import pytest

from agent.errors import BootloaderError
from hardware_managers.software_raid import bios_grub

BOOT = bytes(510) + b"\x55\xaa"


def test_the_boot_code_knows_where_the_core_is_and_leaves_the_table_alone() -> None:
    code = bios_grub.boot_code(BOOT, 2048)
    assert len(code) == 440
    assert struct.unpack_from("<Q", code, 0x5C) == (2048,)
    assert code[0x66:0x68] == b"\x90\x90"
    with pytest.raises(BootloaderError, match=r"boot\.img is no boot sector"):
        bios_grub.boot_code(bytes(512), 2048)


def test_the_core_knows_where_the_rest_of_itself_is() -> None:
    content = bios_grub.core(b"\1" * 1000, 2048)
    assert len(content) == 1024
    assert struct.unpack_from("<Q", content, 0x1F4) == (2049,)
    with pytest.raises(BootloaderError, match="do not fit"):
        bios_grub.core(bytes(5 << 20), 2048)


def test_the_configuration_leads_into_the_array_and_no_other_disk() -> None:
    text = bios_grub.configuration("00112233:44556677:8899aabb:ccddeeff", ["gpt1", "gpt3"]).decode()
    assert len(text) == bios_grub.CONFIG_BYTES
    assert "configfile (mduuid/00112233445566778899aabbccddeeff,gpt3)/boot/grub/grub.cfg" in text
    assert "search" not in text
    with pytest.raises(BootloaderError, match="60 partitions"):
        bios_grub.configuration("0:0:0:0", [f"gpt{n}" for n in range(60)])
