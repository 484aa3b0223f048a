"""What a machine boots that belongs to its instance: its disk, or from the network a kernel and a ramdisk, an ISO image or volumes.

Values, and the lines of iPXE's script that load each. Pure. Source: Ironic's ``ipxe_config.template``.
"""

from dataclasses import dataclass

from controller.boot.iscsi import InstanceVolumes, IscsiVolume
from controller.boot.script_text import ipxe_url, ipxe_words

_FIRST_DRIVE = 0x80
"""The number of the first disk under BIOS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRamdisk:
    """A system that runs in memory."""

    kernel_url: str
    ramdisk_url: str
    arguments: str
    """Kernel arguments, as the operator and the user wish them."""

    @property
    def words(self) -> str:
        """All kernel arguments, for no loader's language yet."""
        return f"root=/dev/ram0 text {self.arguments}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceIso:
    """A live system on an ISO image, which the machine sees as a disk."""

    url: str


Instance = InstanceRamdisk | InstanceIso | InstanceVolumes


def loading(instance: Instance) -> tuple[str, ...]:
    """Return the lines that load and start it; each goes to ``retry`` where it fails.

    Raises:
        Invalid: A URL cannot stand in a script.
    """
    if isinstance(instance, InstanceVolumes):
        return _attaching(instance)
    if isinstance(instance, InstanceIso):
        url = ipxe_url(instance.url, "instance_info/boot_iso")
        return (f"sanboot --no-describe {url} || goto retry",)
    kernel = ipxe_url(instance.kernel_url, "instance_info/kernel")
    ramdisk = ipxe_url(instance.ramdisk_url, "instance_info/ramdisk")
    return (
        f"kernel {kernel} {ipxe_words(instance.words)} initrd=ramdisk || goto retry",
        f"initrd --name ramdisk {ramdisk} || goto retry",
        "boot || goto retry",
    )


def _attaching(instance: InstanceVolumes) -> tuple[str, ...]:
    """Return the lines that attach every volume under its drive number, and boot the first."""
    lines = [f"set initiator-iqn {instance.initiator} || goto retry"] if instance.initiator else []
    for number, volume in enumerate(instance.volumes):
        lines += _login(volume)
        lines.append(
            f"sanhook --drive 0x{_FIRST_DRIVE + number:x} {' '.join(volume.urls)} || goto retry"
        )
    if len(instance.volumes) > 1:
        lines += _login(instance.volumes[0])
    lines.append(f"sanboot --no-describe --drive 0x{_FIRST_DRIVE:x} || goto retry")
    return tuple(lines)


def _login(volume: IscsiVolume) -> list[str]:
    """Return the lines that set the CHAP login of what is attached next, or take that of the volume before away."""
    return [
        f"set {name} {value}" if value else f"clear {name} ||"
        for name, value in (("username", volume.username), ("password", volume.password))
    ]
