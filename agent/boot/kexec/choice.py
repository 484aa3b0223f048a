"""Which boot loader starts the deployed system, and what it starts. Pure, but for the files that it reads.

What the firmware would start is known by where it looks: UEFI starts a loader of the EFI system partition, BIOS the boot sector, which
belongs to GRUB. Where two answers are possible there is none: an ordinary boot will tell.
"""

from collections.abc import Sequence

from agent.boot.grub_configs import CONFIG_PLACES
from agent.boot.kexec.grub_menu import what_grub_boots
from agent.boot.kexec.loader_entries import by_specification, matching, read_entries
from agent.boot.kexec.volumes import (
    MOST_CONFIG_BYTES,
    FilePlace,
    LinuxBoot,
    NoBootConfig,
    Volume,
)

_GRUB_CONFIGS = (*CONFIG_PLACES, "/@/boot/grub/grub.cfg")
"""The last one as Ubuntu has it on Btrfs."""
_ENTRIES = "/loader/entries"
_MOST_VENDORS = 50
_ARCHITECTURES = {
    "x86_64": ("x64", "x86-64"),
    "aarch64": ("aa64", "arm64"),
    "i686": ("ia32", "x86"),
}
"""Words of the Boot Loader Specification for what ``uname -m`` says."""


def choose_boot(volumes: Sequence[Volume], *, is_uefi: bool, machine: str) -> LinuxBoot:
    """Return what the disk's boot loader would start if nobody touches its menu.

    Args:
        volumes: Every partition of the disk, mounted as far as possible.
        is_uefi: The machine's firmware is UEFI.
        machine: Its processor, as ``uname -m`` names it.

    Raises:
        NoBootConfig: There is none that is known here, there are several, or it starts something else than Linux.
        FileSystemError: A file that counts is too large or cannot be read.
    """
    if is_uefi:
        on_esp = [place for one in volumes if one.is_esp for place in _configs_of_esp(one)]
        systemd = [one for one in volumes if one.is_esp and _has_systemd_boot(one)]
        if systemd and (on_esp or _configs(volumes)):
            raise NoBootConfig(
                "both GRUB and systemd-boot are there, and only the firmware knows which one it starts"
            )
        if systemd:
            return _systemd_boot(systemd[0], volumes, machine)
        if on_esp:
            return _the_only_one(volumes, on_esp, is_uefi=True)
    found = _configs(volumes)
    if not found:
        raise NoBootConfig(
            f"no configuration of GRUB{' or systemd-boot' * is_uefi}: {_looked_at(volumes)}"
        )
    return _the_only_one(volumes, found, is_uefi=is_uefi)


def _the_only_one(
    volumes: Sequence[Volume], configs: Sequence[FilePlace], *, is_uefi: bool
) -> LinuxBoot:
    boots = [what_grub_boots(volumes, config, is_uefi=is_uefi) for config in configs]
    different = {(str(boot.kernel), boot.initrds, boot.command_line) for boot in boots}
    if len(different) > 1:
        names = ", ".join(map(str, configs))
        raise NoBootConfig(f"several configurations of GRUB that start different systems: {names}")
    return boots[0]


def _configs(volumes: Sequence[Volume]) -> list[FilePlace]:
    return [
        FilePlace(volume=volume, path=path)
        for volume in volumes
        for path in _GRUB_CONFIGS
        if volume.files is not None and volume.files.size_bytes(path)
    ]


def _configs_of_esp(esp: Volume) -> list[FilePlace]:
    if esp.files is None:
        raise NoBootConfig(f"the EFI system partition cannot be read: {esp.why}")
    paths = [f"/EFI/{name}/grub.cfg" for name in esp.files.names("EFI", _MOST_VENDORS)]
    return [FilePlace(volume=esp, path=path) for path in paths if esp.files.size_bytes(path)]


def _has_systemd_boot(esp: Volume) -> bool:
    files = esp.files
    return files is not None and (
        files.has_folder("EFI/systemd") or files.size_bytes("/loader/loader.conf") is not None
    )


def _systemd_boot(esp: Volume, volumes: Sequence[Volume], machine: str) -> LinuxBoot:
    known = _ARCHITECTURES.get(machine, (machine,))
    places = [esp, *(one for one in volumes if one is not esp and not one.is_esp)]
    found = [
        (entry, volume)
        for volume in places
        if volume.files is not None
        for entry in read_entries(volume.files, _ENTRIES)
        if entry.architecture in {"", *known}
    ]
    ordered = by_specification([entry for entry, _volume in found])
    if not ordered:
        raise NoBootConfig("systemd-boot has no entry for this machine in /loader/entries")
    content = (
        esp.files.read("/loader/loader.conf", MOST_CONFIG_BYTES) if esp.files else None
    ) or b""
    default = _default_of(content.decode("utf-8", "replace"))
    if default.startswith("@"):
        raise NoBootConfig(
            f"systemd-boot's default is {default}, which only the firmware's variables tell"
        )
    entry = (matching(ordered, default) if default else None) or ordered[0]
    volume = next(volume for one, volume in found if one is entry)
    return entry.boot_from(volume, source="systemd-boot")


def _default_of(loader_conf: str) -> str:
    words = [line.split(None, 1) for line in loader_conf.splitlines()]
    found = [line[1].strip() for line in words if len(line) > 1 and line[0] == "default"]
    return found[-1] if found else ""


def _looked_at(volumes: Sequence[Volume]) -> str:
    texts = [
        f"partition {one.number} ({one.kind or 'no file system'}): {one.why or 'nothing there'}"
        for one in volumes
    ]
    return "; ".join(texts) or "the disk has no partitions"
