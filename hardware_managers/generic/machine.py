"""Processors, memory, identity and boot environment: psutil, /proc/cpuinfo and the DMI files of sysfs."""

import platform
import re

import psutil

from agent.hardware.devices import BootEnvironment, MainMemory, Processor, SystemIdentity
from agent.protocol.hardware_address import mac_of_bootif
from agent.system.kernel_cmdline import parse_kernel_cmdline
from agent.system.sysfs import SysRoot

_MIB = 1 << 20
_MEMORY_DEVICE = 17  # SMBIOS 3.6, section 7.18
_SIZE_OFFSET, _EXTENDED_SIZE_OFFSET = 0x0C, 0x1C
_SIZE_IN_KIB_FLAG, _SIZE_IS_EXTENDED, _SIZE_UNKNOWN = 0x8000, 0x7FFF, 0xFFFF


class LinuxMachineReader:
    """Reads what the machine is made of."""

    def __init__(self, sys_root: SysRoot) -> None:
        self._root = sys_root

    def processor(self) -> Processor:
        """See :class:`agent.hardware.reading.MachineReader`."""
        fields = _first_cpu(self._root.text("proc/cpuinfo") or "")
        maximum_khz = self._root.number("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
        frequency = f"{maximum_khz / 1000:.4f}" if maximum_khz else fields.get("cpu MHz", "")
        return Processor(
            model_name=fields.get("model name", ""),
            frequency_mhz=frequency,
            count=psutil.cpu_count(logical=True) or 1,
            architecture=platform.machine(),
            flags=tuple((fields.get("flags") or fields.get("Features") or "").split()),
            socket_count=_count_sockets(self._root.text("proc/cpuinfo") or ""),
        )

    def memory(self) -> MainMemory:
        """See :class:`agent.hardware.reading.MachineReader`; plugged-in memory from SMBIOS, ``None`` without it."""
        entries = self._root.at("sys/firmware/dmi/entries")
        sizes = [
            memory_device_mib(raw.read_bytes())
            for raw in sorted(entries.glob(f"{_MEMORY_DEVICE}-*/raw"))
        ]
        return MainMemory(
            total_bytes=psutil.virtual_memory().total, physical_mib=sum(sizes) or None
        )

    def identity(self) -> SystemIdentity:
        """See :class:`agent.hardware.reading.MachineReader`."""

        def dmi(name: str) -> str:
            return self._root.text("sys/class/dmi/id", name) or ""

        return SystemIdentity(
            product_name=dmi("product_name"),
            serial_number=dmi("product_serial"),
            manufacturer=dmi("sys_vendor"),
            system_uuid=dmi("product_uuid") or None,
            firmware_vendor=dmi("bios_vendor"),
            firmware_version=dmi("bios_version"),
            firmware_date=dmi("bios_date"),
        )

    def boot_environment(self) -> BootEnvironment:
        """See :class:`agent.hardware.reading.MachineReader`."""
        mode = "uefi" if self._root.at("sys/firmware/efi").exists() else "bios"
        # The ramdisk lays what virtual media say behind the kernel's own; elsewhere there is no such file.
        told = self._root.text("run/ingot/cmdline") or self._root.text("proc/cmdline") or ""
        return BootEnvironment(mode=mode, pxe_mac=pxe_mac(told))


def pxe_mac(kernel_arguments: str) -> str | None:
    """Return the MAC address of the kernel argument ``BOOTIF``."""
    return mac_of_bootif(parse_kernel_cmdline(kernel_arguments).get("BOOTIF") or "")


def memory_device_mib(record: bytes) -> int:
    """Return the size in MiB of one SMBIOS memory device record (type 17); 0 for an empty slot or an unknown size."""
    if len(record) < _SIZE_OFFSET + 2:
        return 0
    size = int.from_bytes(record[_SIZE_OFFSET : _SIZE_OFFSET + 2], "little")
    if size == _SIZE_UNKNOWN:
        return 0
    if size == _SIZE_IS_EXTENDED and len(record) >= _EXTENDED_SIZE_OFFSET + 4:
        extended = record[_EXTENDED_SIZE_OFFSET : _EXTENDED_SIZE_OFFSET + 4]
        return int.from_bytes(extended, "little") & 0x7FFFFFFF
    if size & _SIZE_IN_KIB_FLAG:
        return (size & ~_SIZE_IN_KIB_FLAG) // 1024
    return size


def _first_cpu(cpuinfo: str) -> dict[str, str]:
    first = cpuinfo.partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _count_sockets(cpuinfo: str) -> int | None:
    return len(set(re.findall(r"^physical id\s*:\s*(\d+)$", cpuinfo, re.MULTILINE))) or None
