"""Whether the deployed system can be started without the firmware, and with what. Pure: findings in, plan or reason out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.boot.kexec.volumes import LinuxBoot, Volume
from agent.system.kernel_cmdline import split_arguments

_MOST_COMMAND_LINE = 2047
"""``COMMAND_LINE_SIZE`` of x86 and arm64 is 2048, with the zero at its end."""
_SPARE_BYTES = 64 << 20
_COPIES = 2
"""The kernel keeps a file twice while it loads it: as it was read, and where it will run."""
_TAGS = {
    "uuid": "uuid",
    "label": "label",
    "partuuid": "part_uuid",
    "partlabel": "part_label",
}
"""Of ``root=``, and the field of a volume that has it."""
_ENCRYPTED = ("rd.luks", "luks.", "cryptdevice", "cryptopts")
_ON_ARRAY = ("rd.md.uuid", "md.uuid")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineState:
    """What the running ramdisk says of its machine; ``None`` = not known."""

    architecture: str
    """As ``uname -m`` names it."""
    is_uefi: bool
    secure_boot: bool | None
    lockdown: str | None
    """The kernel's lockdown mode: ``none``, ``integrity``, ``confidentiality``."""
    can_kexec: bool
    """The ramdisk's kernel has the call at all."""
    is_disabled: bool
    """``kernel.kexec_load_disabled``, or no load is left by ``kernel.kexec_load_limit_reboot``."""
    available_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that the plan is made of."""

    machine: MachineState
    disk: str
    """Path of the written disk."""
    is_on_array: bool
    volumes: tuple[Volume, ...]
    boot: LinuxBoot | str
    """What the disk's boot loader starts, or why that is not known."""
    kernel_architecture: str | None = None
    kernel_bytes: int = 0
    initrd_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KexecPlan:
    """What is loaded and started."""

    boot: LinuxBoot

    def shown(self) -> dict[str, object]:
        """Return it for the controller; the command line may hold secrets and stays here but for the root."""
        boot = self.boot
        return {
            "found_by": boot.source,
            "kernel": str(boot.kernel),
            "initrds": [str(one) for one in boot.initrds],
            "root": root_of(boot.command_line),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Why the machine has to boot through its firmware."""

    reason: str


def plan_kexec(findings: Findings) -> KexecPlan | WhyNot:
    """Decide whether the deployed system can be started by kexec; the first obstacle is the answer."""
    for reason in _obstacles(findings):
        return WhyNot(reason=reason)
    if isinstance(findings.boot, str):
        return WhyNot(reason=findings.boot)
    for reason in _obstacles_of(findings.boot, findings):
        return WhyNot(reason=reason)
    return KexecPlan(boot=findings.boot)


def obstacle_of_machine(machine: MachineState) -> str | None:
    """Return what speaks against it whatever is on the disk; ``None`` = nothing."""
    checks = (
        (
            machine.secure_boot is True,
            "Secure Boot is on, and only the firmware's way checks what it starts",
        ),
        (
            machine.lockdown not in {None, "none"},
            f"the ramdisk's kernel is locked down ({machine.lockdown})",
        ),
        (not machine.can_kexec, "the ramdisk's kernel cannot start another one"),
        (
            machine.is_disabled,
            "loading a kernel is switched off (kernel.kexec_load_disabled or kexec_load_limit_reboot)",
        ),
    )
    return next((reason for applies, reason in checks if applies), None)


def root_of(command_line: str) -> str | None:
    """Return the last ``root=`` of a command line; ``None`` = there is none."""
    found = [value for name, value in split_arguments(command_line) if name == "root" and value]
    return found[-1] if found else None


def _obstacles(findings: Findings) -> Iterator[str]:
    machine = obstacle_of_machine(findings.machine)
    if machine:
        yield machine
    kinds = {volume.kind for volume in findings.volumes}
    if findings.is_on_array or "linux_raid_member" in kinds:
        yield "the system is on software RAID, whose disks each have a boot loader"
    if "crypto_LUKS" in kinds:
        yield "the disk has an encrypted partition, whose key may depend on how the machine was booted"


def _obstacles_of(boot: LinuxBoot, findings: Findings) -> Iterator[str]:
    machine = findings.machine
    if findings.kernel_architecture != machine.architecture:
        found = findings.kernel_architecture
        what = f"for {found}" if found else "in a form that is not known here"
        yield f"{boot.kernel}: the kernel is {what}, and the machine is {machine.architecture}"
    length = len(boot.command_line.encode())
    if length > _MOST_COMMAND_LINE:
        yield f"the command line has {length} bytes, more than {_MOST_COMMAND_LINE}"
    if any(ord(letter) < ord(" ") for letter in boot.command_line):
        yield "the command line has control characters"
    names = [name for name, _value in split_arguments(boot.command_line)]
    if any(name.startswith(_ENCRYPTED) for name in names):
        yield "the root file system is encrypted"
    if any(name.startswith(_ON_ARRAY) for name in names):
        yield "the root file system is on software RAID"
    yield from _obstacles_of_root(boot.command_line, findings)
    needed = _COPIES * (findings.kernel_bytes + findings.initrd_bytes) + _SPARE_BYTES
    if len(boot.initrds) > 1:  # they are put into one file before
        needed += findings.initrd_bytes
    available = machine.available_bytes
    if available is not None and needed > available:
        yield (
            f"the machine has {available >> 20} MiB of memory left, and loading the kernel and its initial"
            f" ramdisk takes {needed >> 20}"
        )


def _obstacles_of_root(command_line: str, findings: Findings) -> Iterator[str]:
    root = root_of(command_line)
    if root is None:
        yield "the command line names no root, which the boot loader or the firmware would have to tell"
        return
    tag, equals, value = root.partition("=")
    value = value.strip('"')
    field = _TAGS.get(tag.lower())
    has_lvm = any(volume.kind == "LVM2_member" for volume in findings.volumes)
    if equals and field:
        if not _is_known(findings.volumes, field, value) and not has_lvm:
            yield f"root={root} is no partition of {findings.disk}"
    elif root.startswith("/dev/md"):
        yield "the root file system is on software RAID"
    elif not _is_partition_of(root, findings) and not (has_lvm and root.startswith("/dev/")):
        yield f"root={root} is no partition of {findings.disk}"


def _is_known(volumes: Sequence[Volume], field: str, value: str) -> bool:
    return any(
        getattr(volume, field).lower() == value.lower() and value != "" for volume in volumes
    )


def _is_partition_of(root: str, findings: Findings) -> bool:
    """Say whether a device's name is that of a partition of the written disk, as the ramdisk names it."""
    between = "p" if findings.disk[-1:].isdecimal() else ""
    return root in {f"{findings.disk}{between}{volume.number}" for volume in findings.volumes}
