"""What a virtual server is made of, and the QEMU command line that makes it. Pure: values in, words out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.lab.accelerator import TCG
from tests.lab.errors import LabError
from tests.lab.virtual_media import USB, medium_arguments

UEFI_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
UEFI_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
SECURE_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.ms.fd")
SECURE_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")
"""With Microsoft's keys enrolled: Secure Boot is on, and what is not signed does not start."""
WITHOUT_IPV4_PXE = ("-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n")
WITHOUT_PXE = (
    *WITHOUT_IPV4_PXE,
    *("-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"),
)
"""More arguments: OVMF boots by HTTP at once, which it otherwise tries after minutes of PXE."""
VNC_PORT = 5900
_VIRTIO_SERIAL_CHARACTERS = 20


class Firmware(StrEnum):
    """What starts the machine: SeaBIOS with the network card's iPXE, or OVMF with its own network stack."""

    BIOS = "bios"
    UEFI = "uefi"


class BootDevice(StrEnum):
    """What the firmware tries; DEFAULT is its own order: disks, then network (UEFI: the order in its NVRAM)."""

    DEFAULT = "default"
    PXE = "pxe"
    DISK = "disk"
    CDROM = "cdrom"
    HTTP = "http"
    SETUP = "setup"


@dataclass(frozen=True, slots=True, kw_only=True)
class BootOverride:
    """The BMC's boot flags; ``persistent=False`` is used up by one boot."""

    device: BootDevice
    persistent: bool
    uefi: bool = False
    http_uri: str | None = None
    """What a UEFI HTTP boot fetches, as the BMC was told; ``None`` = what DHCP names."""


class BmcKind(StrEnum):
    """What a machine's BMC speaks."""

    IPMI = "ipmi"
    REDFISH = "redfish"
    BOTH = "both"


class Bus(StrEnum):
    """How a disk is attached."""

    VIRTIO = "virtio"
    SATA = "sata"
    NVME = "nvme"
    SCSI = "scsi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk as wished for; ``image`` is raw or qcow2 content to start with, None = empty."""

    size_bytes: int = 4 << 30
    bus: Bus = Bus.VIRTIO
    serial: str | None = None
    logical_block_bytes: int = 512
    image: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDisk:
    """A disk of a machine; ``path`` is the sparse raw file with its content."""

    path: Path
    size_bytes: int
    bus: Bus
    serial: str
    logical_block_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Nic:
    """A network card: virtio, fixed MAC (lower case, colons), on a tap of the lab's bridge."""

    mac: str
    tap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A graphics card, and its picture by VNC at ``address`` in the lab's network, port 5900, as at a BMC with KVM over IP.

    QEMU takes keys and mouse there, too. VNC's own authentication has passwords of 8 characters.
    """

    address: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Everything about a machine that does not change while it exists."""

    name: str
    uuid: str
    firmware: Firmware
    memory_mib: int
    cpus: int
    disks: tuple[InstalledDisk, ...]
    nics: tuple[Nic, ...]
    accelerator: str = TCG
    uefi_variables: Path | None = None
    secure_boot: bool = False
    """UEFI with Secure Boot on, in system management mode, where the guest cannot reach it."""
    usb: bool = False
    """It has USB, which virtual media need."""
    screen: Screen | None = None
    """``None`` = it has no graphics card: the serial line is all."""
    extra_arguments: tuple[str, ...] = ()


def qemu_arguments(
    hardware: Hardware,
    boot: BootDevice,
    *,
    qmp_descriptor: int,
    media: Mapping[str, Path] | None = None,
) -> tuple[str, ...]:
    """Return the QEMU command line for one power-on with ``boot`` as the boot device.

    ``media`` are slots of virtual media and the images in them.

    The serial line is QEMU's standard input and output. A reset by the guest ends QEMU (``-no-reboot``): the lab starts
    it again, with the boot device that holds by then, as firmware reads its BMC's boot flags at every start.
    """
    media = media or {}
    disk_indexes, nic_indexes = boot_order(hardware, boot, media=len(media))
    words = [
        *("qemu-system-x86_64", "-name", hardware.name, "-nodefaults", "-no-user-config"),
        # graphics=off makes SeaBIOS, and iPXE through it, print on the serial line
        *("-machine", f"q35,graphics=off,smm={'on' if hardware.secure_boot else 'auto'}"),
        *_screen_arguments(hardware.screen),
        *("-accel", hardware.accelerator, "-cpu", "max", "-smp", str(hardware.cpus)),
        *("-m", f"{hardware.memory_mib}M", "-uuid", hardware.uuid, "-rtc", "base=utc"),
        *(
            "-smbios",
            f"type=1,manufacturer=Ingot,product=Lab,serial={hardware.name},uuid={hardware.uuid}",
        ),
        *("-smbios", f"type=3,manufacturer=Ingot,serial={hardware.name}"),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *("-chardev", f"socket,id=qmp,fd={qmp_descriptor}", "-mon", "chardev=qmp,mode=control"),
        *("-boot", f"strict=on,menu={'on' if boot is BootDevice.SETUP else 'off'}", "-no-reboot"),
    ]
    words += _firmware_arguments(hardware)
    if any(disk.bus is Bus.SCSI for disk in hardware.disks):
        words += ["-device", "virtio-scsi-pci,id=scsi"]
    for number, disk in enumerate(hardware.disks):
        words += _disk_arguments(number, disk, disk_indexes[number])
    for number, nic in enumerate(hardware.nics):
        words += _nic_arguments(number, nic, nic_indexes[number], hardware.firmware)
    if hardware.usb:
        words += USB
        booted = boot is BootDevice.CDROM
        words += medium_arguments(media, [n if booted else None for n in range(len(media))])
    if boot is BootDevice.HTTP:
        words += WITHOUT_PXE
    return (*words, *hardware.extra_arguments)


def _screen_arguments(screen: Screen | None) -> Sequence[str]:
    """Return the words for the graphics card; QEMU refuses everybody until it is told the password over its control connection."""
    if screen is None:
        return ("-display", "none", "-vga", "none")
    return ("-vga", "std", "-display", f"vnc={screen.address}:0,password=on")


def _firmware_arguments(hardware: Hardware) -> list[str]:
    """Return the words for UEFI's code and variables; SeaBIOS is what QEMU has by itself."""
    if hardware.firmware is not Firmware.UEFI:
        return []
    code = SECURE_CODE if hardware.secure_boot else UEFI_CODE
    words = ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]
    words += ["-drive", f"if=pflash,unit=1,format=raw,file={hardware.uefi_variables}"]
    if hardware.secure_boot:
        words += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    return words


def boot_order(
    hardware: Hardware, boot: BootDevice, *, media: int = 0
) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
    """Return QEMU's ``bootindex`` of every disk and every network card; None = not to be booted from.

    The first ``media`` numbers are those of virtual media where these are to be booted from.
    """
    disks = len(hardware.disks)
    nics = len(hardware.nics)
    nothing: tuple[tuple[int | None, ...], tuple[int | None, ...]] = (
        (None,) * disks,
        (None,) * nics,
    )
    match boot:
        case BootDevice.PXE | BootDevice.HTTP:
            return tuple(range(nics, nics + disks)), tuple(range(nics))
        case BootDevice.CDROM if media:
            return tuple(range(media, media + disks)), (None,) * nics
        case BootDevice.DISK:
            return tuple(range(disks)), (None,) * nics
        case BootDevice.DEFAULT if hardware.firmware is Firmware.BIOS:
            return tuple(range(disks)), tuple(range(disks, disks + nics))
        case _:  # UEFI keeps its own order in NVRAM; no medium is in; set-up is no device
            return nothing


def check_disk(disk: Disk) -> None:
    """Refuse a disk that QEMU cannot make.

    Raises:
        LabError: A serial number that is too long, or a block size that the bus does not have.
    """
    if disk.bus is Bus.VIRTIO and len(disk.serial or "") > _VIRTIO_SERIAL_CHARACTERS:
        raise LabError(
            f"serial {disk.serial!r}: a virtio disk holds {_VIRTIO_SERIAL_CHARACTERS} characters"
        )
    if disk.bus is Bus.SATA and disk.logical_block_bytes != 512:
        raise LabError("a SATA disk of QEMU has blocks of 512 bytes; use virtio, scsi or nvme")


def _disk_arguments(number: int, disk: InstalledDisk, boot_index: int | None) -> Sequence[str]:
    device = {
        Bus.VIRTIO: "virtio-blk-pci",
        Bus.SATA: f"ide-hd,bus=ide.{number}",
        Bus.NVME: "nvme",
        Bus.SCSI: "scsi-hd,bus=scsi.0",
    }[disk.bus]
    words = f"{device},drive=disk{number},serial={disk.serial}"
    if disk.logical_block_bytes != 512:
        words += f",logical_block_size={disk.logical_block_bytes},physical_block_size={disk.logical_block_bytes}"
    # cache=unsafe: a flush of the guest costs nothing here, and what it wrote outlives QEMU in the host's page cache
    file = f"if=none,id=disk{number},format=raw,file={disk.path},cache=unsafe,discard=unmap,aio=threads"
    return ("-drive", file, "-device", words + _boot_index(boot_index))


def _nic_arguments(
    number: int, nic: Nic, boot_index: int | None, firmware: Firmware
) -> Sequence[str]:
    device = f"virtio-net-pci,netdev=nic{number},mac={nic.mac}"
    if firmware is Firmware.UEFI:
        device += ",romfile="  # OVMF has a network stack of its own, as a server's firmware has
    netdev = f"tap,id=nic{number},ifname={nic.tap},script=no,downscript=no"
    return ("-netdev", netdev, "-device", device + _boot_index(boot_index))


def _boot_index(boot_index: int | None) -> str:
    return "" if boot_index is None else f",bootindex={boot_index}"
