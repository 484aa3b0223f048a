"""The entry point of the burn-in manager: steps that any machine can take, if the programs are in the ramdisk."""

from agent.hardware.capabilities import HardwareManager, Support
from agent.system.runner import Runner
from hardware_managers.burnin.steps import STEPS

NAME = "burnin"
VERSION = "1.0"


def probe(_runner: Runner) -> HardwareManager:
    """Return the manager; a step whose program is missing says with which element the ramdisk has to be built."""
    return HardwareManager(name=NAME, version=VERSION, support=Support.GENERIC, steps=STEPS)
