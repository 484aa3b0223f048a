"""Devices of the machine as plain values, in our own words; ``agent.inspection`` turns them into wire types."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDevice:
    """A whole disk, or an array or multipath device that is used like one; ``None`` = the device does not say.

    ``serials`` and ``wwns`` hold every known spelling (lsblk, udev short and long), ``by_paths`` every link below
    ``/dev/disk/by-path``; ``serial``, ``wwn`` and ``by_path`` the preferred one. ``paths`` are other device nodes of the same disk (a
    LUN with several paths), which the kernel has joined if ``is_mapped``; ``below`` the disks that an array stands on. ``volume_names`` are those of
    the RAID arrays that the disk or a partition of it is a member of; ``has_unnamed_volume`` = it is a member of one whose name only RAID
    tools can read. ``label`` is that of a filesystem on the whole device, not of one on a partition.
    """

    path: Path
    size_bytes: int
    logical_sector_bytes: int
    physical_sector_bytes: int
    is_rotational: bool
    is_read_only: bool = False
    is_removable: bool = False
    model: str | None = None
    vendor: str | None = None
    serial: str | None = None
    serials: tuple[str, ...] = ()
    wwn: str | None = None
    wwns: tuple[str, ...] = ()
    wwn_with_extension: str | None = None
    wwn_vendor_extension: str | None = None
    hctl: str | None = None
    by_path: str | None = None
    by_paths: tuple[str, ...] = ()
    transport: str | None = None
    paths: tuple[Path, ...] = ()
    is_mapped: bool = False
    below: tuple[Path, ...] = ()
    volume_names: tuple[str, ...] = ()
    has_unnamed_volume: bool = False
    label: str | None = None

    @property
    def nodes(self) -> tuple[Path, ...]:
        """Every device node through which the disk can be written; one, if the kernel has joined its paths."""
        return (self.path,) if self.is_mapped else (self.path, *self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface:
    """A network card, or a VLAN or bond of cards; ``speed_mbps`` in Mbit/s.

    ``mac`` is the address that the card was made with, lower-case with colons, 6 octets of InfiniBand cards too.
    """

    name: str
    mac: str
    has_carrier: bool
    ipv4: str | None = None
    ipv6: str | None = None
    vendor: str | None = None
    product: str | None = None
    bios_name: str | None = None
    """What the firmware calls a card of the main board, in the form of biosdevname(1): ``em1`` (SMBIOS type 41)."""
    pci_address: str | None = None
    client_id: str | None = None
    """DHCP client identifier that an InfiniBand card uses."""
    driver: str | None = None
    speed_mbps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """All processors of the machine together; ``frequency_mhz`` as text, empty if unknown."""

    model_name: str
    frequency_mhz: str
    count: int
    architecture: str
    flags: tuple[str, ...]
    socket_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MainMemory:
    """Main memory: what the kernel can use and what is plugged in."""

    total_bytes: int
    physical_mib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemIdentity:
    """What DMI says of the machine; empty text where it says nothing."""

    product_name: str
    serial_number: str
    manufacturer: str
    firmware_vendor: str = ""
    firmware_version: str = ""
    firmware_date: str = ""
    system_uuid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BootEnvironment:
    """How this ramdisk was booted: ``mode`` is ``bios`` or ``uefi``; ``pxe_mac`` from BOOTIF."""

    mode: str
    pxe_mac: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcAddresses:
    """Where the machine's own BMC answers, ``None`` = none or unknown."""

    ipv4: str | None = None
    ipv6: str | None = None
    mac: str | None = None
