from pathlib import Path

import pytest

from agent.system.sysfs import SysRoot
from hardware_managers.generic.machine import LinuxMachineReader, memory_device_mib, pxe_mac


@pytest.mark.parametrize(
    ("arguments", "mac"),
    [
        ("quiet BOOTIF=52:54:00:AA:00:01 initrd=x", "52:54:00:aa:00:01"),
        ("BOOTIF=01-52-54-00-aa-00-01", "52:54:00:aa:00:01"),
        ("NOBOOTIF=52:54:00:aa:00:01", None),
        ("BOOTIF=garbage", None),
        ("", None),
    ],
)
def test_the_boot_interface_is_read_in_both_spellings(arguments: str, mac: str | None) -> None:
    assert pxe_mac(arguments) == mac


def record(size: int, extended_mib: int = 0) -> bytes:
    head = bytes([17, 40, 0, 0]) + bytes(8) + size.to_bytes(2, "little") + bytes(14)
    return head + extended_mib.to_bytes(4, "little") + bytes(8)


@pytest.mark.parametrize(
    ("raw", "mib"),
    [
        (record(2048), 2048),
        (record(0), 0),
        (record(0xFFFF), 0),
        (record(0x8000 | 2048), 2),
        (record(0x7FFF, 65536), 65536),
        (b"\x11\x04", 0),
    ],
)
def test_memory_devices_are_sized_as_smbios_says(raw: bytes, mib: int) -> None:
    assert memory_device_mib(raw) == mib


def test_a_machine_with_efi_files_is_uefi_and_one_without_is_bios(tmp_path: Path) -> None:
    reader = LinuxMachineReader(SysRoot(tmp_path))
    assert reader.boot_environment().mode == "bios"
    (tmp_path / "sys/firmware/efi").mkdir(parents=True)
    assert reader.boot_environment().mode == "uefi"


def test_the_processor_is_described_by_the_first_entry_and_sockets_are_counted(
    tmp_path: Path,
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: Fast CPU\ncpu MHz\t\t: 2000.000\nphysical id\t: 0\nflags\t\t: fpu sse2\n\n"
        "processor\t: 1\nmodel name\t: Fast CPU\nphysical id\t: 1\nflags\t\t: fpu\n"
    )
    processor = LinuxMachineReader(SysRoot(tmp_path)).processor()
    assert processor.model_name == "Fast CPU"
    assert processor.frequency_mhz == "2000.000"
    assert processor.flags == ("fpu", "sse2")
    assert processor.socket_count == 2


def test_identity_is_empty_text_where_dmi_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "sys/class/dmi/id").mkdir(parents=True)
    (tmp_path / "sys/class/dmi/id/sys_vendor").write_text("QEMU\n")
    identity = LinuxMachineReader(SysRoot(tmp_path)).identity()
    assert (identity.manufacturer, identity.product_name) == ("QEMU", "")


def test_the_boot_interface_that_virtual_media_name_counts(tmp_path: Path) -> None:
    reader = LinuxMachineReader(SysRoot(tmp_path))
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("quiet BOOTIF=52:54:00:aa:00:01\n")
    assert reader.boot_environment().pxe_mac == "52:54:00:aa:00:01"
    (tmp_path / "run/ingot").mkdir(parents=True)
    (tmp_path / "run/ingot/cmdline").write_text("quiet BOOTIF=52:54:00:aa:00:02\n")
    assert reader.boot_environment().pxe_mac == "52:54:00:aa:00:02"
