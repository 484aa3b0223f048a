"""The entry point of the manager of SCSI drives."""

from agent.hardware.capabilities import HardwareManager, Support
from agent.system.runner import Runner
from hardware_managers.scsi.eraser import ScsiEraser

NAME = "scsi"
VERSION = "1.0"


def probe(runner: Runner) -> HardwareManager:
    """Return the manager; a drive may be plugged in later, so it is offered on every machine."""
    return HardwareManager(
        name=NAME,
        version=VERSION,
        support=Support.MAINLINE,
        erasers=(ScsiEraser(runner),),
    )
