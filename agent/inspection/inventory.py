"""The inventory: what the hardware managers found, in the words of the wire (Ironic agent API, ``poll.get_hardware_info``)."""

from typing import Protocol

import msgspec

from agent.hardware.devices import BlockDevice, BmcAddresses, NetworkInterface
from agent.hardware.reading import MachineReader
from agent.protocol.inventory import (
    Boot,
    Cpu,
    Disk,
    Firmware,
    Interface,
    Inventory,
    Memory,
    SystemVendor,
)


class InventorySource(Protocol):
    """The part of the hardware chain that an inventory is made from."""

    def disks(self) -> tuple[BlockDevice, ...]:
        """List disks."""

    def nics(self) -> tuple[NetworkInterface, ...]:
        """List network interfaces."""

    def machine_reader(self) -> MachineReader:
        """Return who reads processors, memory, identity and boot environment."""

    def bmc_addresses(self) -> BmcAddresses:
        """Return where the machine's own BMC answers."""


def collect(hardware: InventorySource, hostname: str) -> Inventory:
    """Ask the hardware chain for everything and return it as one document.

    Raises:
        AgentError: No manager offers a part that every machine has, or reading it failed.
    """
    reader = hardware.machine_reader()
    processor, memory = reader.processor(), reader.memory()
    identity, boot = reader.identity(), reader.boot_environment()
    bmc = hardware.bmc_addresses()
    return Inventory(
        interfaces=[describe_nic(nic) for nic in hardware.nics()],
        cpu=Cpu(
            model_name=processor.model_name,
            frequency=processor.frequency_mhz,
            count=processor.count,
            architecture=processor.architecture,
            flags=list(processor.flags),
            socket_count=processor.socket_count,
        ),
        disks=[describe_disk(disk) for disk in hardware.disks()],
        memory=Memory(total=memory.total_bytes, physical_mb=memory.physical_mib),
        bmc_address=bmc.ipv4,
        bmc_v6address=bmc.ipv6,
        bmc_mac=bmc.mac,
        system_vendor=SystemVendor(
            product_name=identity.product_name,
            serial_number=identity.serial_number,
            manufacturer=identity.manufacturer,
            system_uuid=identity.system_uuid,
            firmware=Firmware(
                vendor=identity.firmware_vendor,
                version=identity.firmware_version,
                build_date=identity.firmware_date,
            ),
        ),
        boot=Boot(current_boot_mode=boot.mode, pxe_interface=boot.pxe_mac),
        hostname=hostname,
    )


def describe_disk(disk: BlockDevice) -> Disk:
    """Return ``disk`` as it travels."""
    return Disk(
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
        paths=[str(path) for path in disk.paths] or msgspec.UNSET,
    )


def describe_nic(nic: NetworkInterface) -> Interface:
    """Return ``nic`` as it travels."""
    return Interface(
        name=nic.name,
        mac_address=nic.mac,
        ipv4_address=nic.ipv4,
        ipv6_address=nic.ipv6,
        has_carrier=nic.has_carrier,
        vendor=nic.vendor,
        product=nic.product,
        client_id=nic.client_id,
        biosdevname=nic.bios_name,
        pci_address=nic.pci_address,
        driver=nic.driver,
        speed_mbps=nic.speed_mbps,
    )
