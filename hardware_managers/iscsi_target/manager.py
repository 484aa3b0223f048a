"""The entry point of the manager that exports disks."""

from agent.hardware.capabilities import HardwareManager, Support
from agent.system.runner import Runner
from hardware_managers.iscsi_target.exporter import LioExporter

NAME = "iscsi_target"
VERSION = "1.0"


def probe(runner: Runner) -> HardwareManager:
    """Return the manager; the kernel's modules are loaded when a disk is exported, on any machine."""
    return HardwareManager(
        name=NAME,
        version=VERSION,
        support=Support.MAINLINE,
        disk_exporter=LioExporter(runner),
    )
