"""The part of the generic hardware manager that is there at the lookup: it reads the machine's disks, network cards and identity."""

from agent.hardware.capabilities import HardwareManager, Support
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.generic.disks import LsblkDiskLister
from hardware_managers.generic.ethtool import permanent_address
from hardware_managers.generic.machine import LinuxMachineReader
from hardware_managers.generic.nics import SysfsNicLister, netifaces_addresses
from hardware_managers.generic.udev import block_properties

NAME = "generic_hardware_manager"
VERSION = "1.0"


def probe(runner: Runner) -> HardwareManager:
    """Return the part; every Linux machine is its hardware."""
    sys_root = SysRoot()
    return HardwareManager(
        name=NAME,
        version=VERSION,
        support=Support.GENERIC,
        disk_lister=LsblkDiskLister(runner, block_properties, sys_root),
        nic_lister=SysfsNicLister(sys_root, netifaces_addresses, permanent_address),
        machine_reader=LinuxMachineReader(sys_root),
        is_part=True,
    )
