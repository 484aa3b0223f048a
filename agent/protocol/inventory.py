"""The inventory as it travels (Ironic agent API ``poll.get_hardware_info`` and ``/v1/continue_inspection``).

Sizes: disk ``size`` and memory ``total`` in bytes, ``physical_mb`` in MiB, ``speed_mbps`` in Mbit/s.
"""

from typing import Any

import msgspec


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """A network interface."""

    name: str
    mac_address: str
    ipv4_address: str | None = None
    ipv6_address: str | None = None
    has_carrier: bool = False
    lldp: list[Any] | None = None
    vendor: str | None = None
    product: str | None = None
    client_id: str | None = None
    biosdevname: str | None = None
    speed_mbps: int | None = None
    pci_address: str | None = None
    driver: str | None = None


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """The processors."""

    model_name: str
    frequency: str
    count: int
    architecture: str
    flags: list[str]
    socket_count: int | None = None


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """A whole disk."""

    name: str
    model: str | None
    size: int
    rotational: bool
    wwn: str | None = None
    serial: str | None = None
    vendor: str | None = None
    wwn_with_extension: str | None = None
    wwn_vendor_extension: str | None = None
    hctl: str | None = None
    by_path: str | None = None
    logical_sectors: int | None = None
    physical_sectors: int | None = None
    tran: str | None = None
    paths: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Other device nodes of the same disk, ours: told of a LUN with several paths only."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The main memory."""

    total: int
    physical_mb: int | None = None


class Firmware(msgspec.Struct, frozen=True, kw_only=True):
    """The system firmware."""

    vendor: str = ""
    version: str = ""
    build_date: str = ""


class SystemVendor(msgspec.Struct, frozen=True, kw_only=True):
    """Who made the machine."""

    product_name: str
    serial_number: str
    manufacturer: str
    firmware: Firmware = Firmware()
    system_uuid: str | None = None
    """SMBIOS, as the kernel writes it; Ironic's agent does not send it."""


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """How the ramdisk was booted; ``pxe_interface`` is a MAC address."""

    current_boot_mode: str
    pxe_interface: str | None = None


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the agent knows of the machine."""

    interfaces: list[Interface]
    cpu: Cpu
    disks: list[Disk]
    memory: Memory
    bmc_address: str | None
    bmc_v6address: str | None
    system_vendor: SystemVendor
    boot: Boot
    hostname: str
    bmc_mac: str | None = None
