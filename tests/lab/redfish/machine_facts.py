"""What the lab's QEMU machines say of themselves to a Redfish BMC."""

from tests.lab.hardware import VNC_PORT, BootOverride, Bus, Firmware, Hardware
from tests.lab.redfish.facts import Drive, Facts, SecureBoot

_PROTOCOLS = {Bus.VIRTIO: "SAS", Bus.SATA: "SATA", Bus.NVME: "NVMe", Bus.SCSI: "SAS"}


def facts_of(
    hardware: Hardware,
    *,
    is_on: bool,
    boots: int,
    override: BootOverride | None,
    secure_boot: SecureBoot,
) -> Facts:
    """Return the machine at one moment."""
    return Facts(
        name=hardware.name,
        uuid=hardware.uuid,
        is_on=is_on,
        boots=boots,
        override=override,
        uefi=hardware.firmware is Firmware.UEFI,
        cpus=hardware.cpus,
        memory_mib=hardware.memory_mib,
        macs=tuple(nic.mac for nic in hardware.nics),
        drives=tuple(
            Drive(serial=disk.serial, size_bytes=disk.size_bytes, protocol=_PROTOCOLS[disk.bus])
            for disk in hardware.disks
        ),
        secure_boot=secure_boot,
        vnc_port=VNC_PORT if hardware.screen else None,
    )
