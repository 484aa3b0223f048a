"""How the GRUB of a partition image becomes the boot loader of a machine without UEFI, decided from facts. Pure.

GRUB manual 2.06: "BIOS installation" (the gap behind an MBR, the BIOS boot partition of a GPT), "Invoking grub-install". PReP: OpenFirmware
starts what lies at the beginning of a partition of this kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from agent.disks.partition_table import Partition
from agent.errors import BootloaderError

SECTOR_BYTES = 512
_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
_FLAVOURS = ("grub2", "grub")
"""Names of GRUB 2 in an image: Fedora and SUSE have the first, everybody else the second, and some both for the old GRUB's sake."""
_KINDS = ("ext2", "ext3", "ext4", "xfs")
_LEAST_GAP_BYTES = 64 << 10
_BIOS = {"x86_64": "i386-pc"}
_PREP = {"ppc64le": "powerpc-ieee1275"}


def programs() -> tuple[str, ...]:
    """Return every place in an image where a program may be that this plan uses."""
    return tuple(
        f"{folder}/{flavour}-{action}"
        for flavour in _FLAVOURS
        for action in ("install", "mkconfig")
        for folder in _FOLDERS
    )


def modules_folder(platform: str) -> str:
    """Return where an image has the parts of GRUB for a platform; one of :func:`platforms`."""
    return f"/usr/lib/grub/{platform}"


def platforms() -> tuple[str, ...]:
    """Return GRUB's names of the platforms that this plan knows."""
    return (*_BIOS.values(), *_PREP.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFindings:
    """The disk: ``name`` is that of its node, ``reserved`` its BIOS boot or PReP partition, ``gap_end_byte`` where its first partition begins."""

    name: str
    sector_bytes: int
    is_gpt: bool
    reserved: Partition | None
    reserved_name: str = ""
    gap_end_byte: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFindings:
    """The root file system: its kind, which of :func:`programs` are there and for which processor, for which platforms it has GRUB's parts.

    ``processor`` is as ``uname -m`` names it, other text says what the program is instead. ``odd_folders`` are no folders.
    """

    kind: str
    processors: Mapping[str, str]
    platforms: frozenset[str]
    odd_folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BiosFindings:
    """Everything the plan depends on; ``machine`` is the processor as ``uname -m`` names it."""

    machine: str
    disk: DiskFindings
    root: RootFindings


@dataclass(frozen=True, slots=True, kw_only=True)
class GrubPlan:
    """What is run inside the image, and where its result must be found.

    ``core`` and ``configuration`` are files of the image; the core's copy lies between ``start_byte`` and ``end_byte`` of the disk and,
    unless ``is_prep``, the disk's first sector leads there.
    """

    install: tuple[str, ...]
    make_configuration: tuple[str, ...]
    core: str
    configuration: str
    start_byte: int
    end_byte: int
    is_prep: bool


def plan_bios_bootloader(findings: BiosFindings) -> GrubPlan:
    """Decide what to run.

    Raises:
        BootloaderError: This image cannot become bootable on this disk and machine; nothing was run.
    """
    disk, machine = findings.disk, findings.machine
    platform = _BIOS.get(machine) or _PREP.get(machine)
    if platform is None:
        raise BootloaderError(
            f"{disk.name}: machines with a {machine} processor have neither a BIOS nor OpenFirmware that this agent knows;"
            " set the node's boot_mode to uefi"
        )
    start_byte, end_byte = _room(disk, is_prep=machine in _PREP)
    root = findings.root
    _check_root(disk, root)
    install = _program(root, machine, "install")
    make_config = _program(root, machine, "mkconfig")
    if platform not in root.platforms:
        raise BootloaderError(
            f"{disk.name}: the image has no {modules_folder(platform)}, so its {install} knows nothing of this machine's firmware;"
            " put GRUB for it into the image (Debian: grub-pc, Fedora: grub2-pc-modules), or boot the machine in UEFI mode"
        )
    folder = f"/boot/{PurePosixPath(install).name.removesuffix('-install')}"
    is_prep = machine in _PREP
    target = disk.reserved_name if is_prep else disk.name
    options = ("--no-nvram",) if is_prep else ()
    return GrubPlan(
        install=(install, f"--target={platform}", "--recheck", *options, f"/dev/{target}"),
        make_configuration=(make_config, "-o", f"{folder}/grub.cfg"),
        core=f"{folder}/{platform}/core.{'elf' if is_prep else 'img'}",
        configuration=f"{folder}/grub.cfg",
        start_byte=start_byte,
        end_byte=end_byte,
        is_prep=is_prep,
    )


def _room(disk: DiskFindings, *, is_prep: bool) -> tuple[int, int]:
    """Return from where to where the disk has room for GRUB's core."""
    part = disk.reserved
    if is_prep and part is None:
        raise BootloaderError(
            f"{disk.name}: has no PReP partition, and OpenFirmware starts nothing else; deploy the image again, so that one is made"
        )
    if not is_prep and disk.sector_bytes != SECTOR_BYTES:
        raise BootloaderError(
            f"{disk.name}: a BIOS does not boot disks with sectors of {disk.sector_bytes} bytes; use UEFI, or another disk"
        )
    if part is not None:
        return part.start_byte, part.start_byte + part.size_bytes
    if disk.is_gpt:
        raise BootloaderError(
            f"{disk.name}: has a GPT without a BIOS boot partition, so there is no place for GRUB; deploy the image again in BIOS mode"
            " (the agent makes one), or with the capability disk_label:msdos"
        )
    if disk.gap_end_byte < _LEAST_GAP_BYTES:
        raise BootloaderError(
            f"{disk.name}: its first partition begins at byte {disk.gap_end_byte}, and GRUB needs {_LEAST_GAP_BYTES} before it;"
            " deploy the image again, so that the disk is partitioned anew"
        )
    return SECTOR_BYTES, disk.gap_end_byte


def check_kind(where: str, kind: str) -> None:
    """Check that GRUB can be installed from a root file system of this kind, as blkid names it.

    Raises:
        BootloaderError: It cannot.
    """
    if kind not in _KINDS:
        raise BootloaderError(
            f"{where}: the root file system is {kind or 'of an unknown kind'}; GRUB is installed from {', '.join(_KINDS)}:"
            " use an image with one of these, a whole-disk image, or UEFI"
        )


def _check_root(disk: DiskFindings, root: RootFindings) -> None:
    check_kind(disk.name, root.kind)
    if root.odd_folders:
        raise BootloaderError(
            f"{disk.name}: the image has something else in the place of its folders {', '.join(root.odd_folders)}, which"
            " no system boots with; rebuild it"
        )


def _program(root: RootFindings, machine: str, action: str) -> str:
    for flavour in _FLAVOURS:
        for folder in _FOLDERS:
            path = f"{folder}/{flavour}-{action}"
            if path not in root.processors:
                continue
            if root.processors[path] != machine:
                raise BootloaderError(
                    f"the image's {path} is for {root.processors[path]} and this machine is a {machine}; use an image for it"
                )
            return path
    raise BootloaderError(
        f"the image has no grub-{action} (nor grub2-{action}) in {', '.join(_FOLDERS)}; put GRUB into it (Debian: grub-pc), use a"
        " whole-disk image, or boot the machine in UEFI mode"
    )
