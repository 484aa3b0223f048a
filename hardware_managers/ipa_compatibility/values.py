"""What ``ironic_python_agent.hardware`` calls the parts of a machine; made from this agent's values."""

from dataclasses import asdict, dataclass, field
from typing import Any

from agent.hardware.devices import (
    BlockDevice as NativeDisk,
)
from agent.hardware.devices import (
    BootEnvironment,
    MainMemory,
    Processor,
    SystemIdentity,
)
from agent.hardware.devices import NetworkInterface as NativeNic


class HardwareSupport:
    """How well a manager knows the hardware; any larger number wins as well."""

    NONE = 0
    GENERIC = 1
    MAINLINE = 2
    SERVICE_PROVIDER = 3


@dataclass
class _Serializable:
    def serialize(self) -> dict[str, Any]:
        """Return the value as a dictionary."""
        return asdict(self)


@dataclass
class BlockDevice(_Serializable):
    """A disk: ``name`` is its device path, ``size`` in bytes."""

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
    uuid: str | None = None
    partuuid: str | None = None
    logical_sectors: int | None = None
    physical_sectors: int | None = None
    tran: str | None = None


@dataclass
class NetworkInterface(_Serializable):
    """A network interface; the second argument is called ``mac_addr`` where it is made and ``mac_address`` where it is read."""

    name: str
    mac_addr: str
    ipv4_address: str | None = None
    ipv6_address: str | None = None
    has_carrier: bool = True
    lldp: Any = None
    vendor: str | None = None
    product: str | None = None
    client_id: str | None = None
    biosdevname: str | None = None
    speed_mbps: int | None = None
    pci_address: str | None = None
    driver: str | None = None

    @property
    def mac_address(self) -> str:
        """The MAC address."""
        return self.mac_addr

    def serialize(self) -> dict[str, Any]:
        """Return the value as a dictionary."""
        shown = asdict(self)
        return {"mac_address": shown.pop("mac_addr"), **shown}


@dataclass
class CPU(_Serializable):
    """All processors together; ``frequency`` in MHz, as text."""

    model_name: str
    frequency: str
    count: int
    architecture: str
    flags: list[str] = field(default_factory=list)
    socket_count: int | None = None


@dataclass
class Memory(_Serializable):
    """``total`` in bytes, ``physical_mb`` in MiB."""

    total: int
    physical_mb: int | None = None


@dataclass
class SystemFirmware(_Serializable):
    """The machine's firmware."""

    vendor: str
    version: str
    build_date: str


@dataclass
class SystemVendorInfo(_Serializable):
    """Who made the machine."""

    product_name: str
    serial_number: str
    manufacturer: str
    firmware: SystemFirmware | None = None


@dataclass
class BootInfo(_Serializable):
    """``current_boot_mode`` is ``bios`` or ``uefi``."""

    current_boot_mode: str
    pxe_interface: str | None = None


@dataclass
class USBInfo(_Serializable):
    """A USB device."""

    product: str
    vendor: str
    handle: str


def block_device(disk: NativeDisk) -> BlockDevice:
    """Return a disk as plug-ins of Ironic's agent know it."""
    return BlockDevice(
        name=str(disk.path),
        model=disk.model,
        size=disk.size_bytes,
        rotational=disk.is_rotational,
        wwn=disk.wwn,
        serial=disk.serial,
        vendor=disk.vendor,
        wwn_with_extension=disk.wwn_with_extension,
        wwn_vendor_extension=disk.wwn_vendor_extension,
        hctl=disk.hctl,
        by_path=disk.by_path,
        logical_sectors=disk.logical_sector_bytes,
        physical_sectors=disk.physical_sector_bytes,
        tran=disk.transport,
    )


def network_interface(nic: NativeNic) -> NetworkInterface:
    """Return an interface as plug-ins of Ironic's agent know it."""
    return NetworkInterface(
        name=nic.name,
        mac_addr=nic.mac,
        ipv4_address=nic.ipv4,
        ipv6_address=nic.ipv6,
        has_carrier=nic.has_carrier,
        vendor=nic.vendor,
        product=nic.product,
        client_id=nic.client_id,
        speed_mbps=nic.speed_mbps,
        pci_address=nic.pci_address,
        driver=nic.driver,
    )


def cpu(processor: Processor) -> CPU:
    """Return the processors as plug-ins of Ironic's agent know them."""
    return CPU(
        model_name=processor.model_name,
        frequency=processor.frequency_mhz,
        count=processor.count,
        architecture=processor.architecture,
        flags=list(processor.flags),
        socket_count=processor.socket_count,
    )


def memory(main: MainMemory) -> Memory:
    """Return the main memory as plug-ins of Ironic's agent know it; they calculate with ``physical_mb``, so it is never ``None``."""
    physical = main.physical_mib if main.physical_mib is not None else main.total_bytes >> 20
    return Memory(total=main.total_bytes, physical_mb=physical)


def system_vendor_info(identity: SystemIdentity) -> SystemVendorInfo:
    """Return the machine's maker as plug-ins of Ironic's agent know it."""
    return SystemVendorInfo(
        product_name=identity.product_name,
        serial_number=identity.serial_number,
        manufacturer=identity.manufacturer,
        firmware=SystemFirmware(
            vendor=identity.firmware_vendor,
            version=identity.firmware_version,
            build_date=identity.firmware_date,
        ),
    )


def boot_info(environment: BootEnvironment) -> BootInfo:
    """Return how the machine was booted as plug-ins of Ironic's agent know it."""
    return BootInfo(current_boot_mode=environment.mode, pxe_interface=environment.pxe_mac)
