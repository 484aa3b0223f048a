"""The entry point of the manager that offers the step ``inject_files``."""

from dataclasses import replace

from agent.hardware.capabilities import HardwareManager, Phase, Step, Support
from agent.hardware.wishes import Wishes
from agent.protocol.steps import ArgInfo
from agent.system.runner import Runner
from hardware_managers.inject_files.step import inject_files

NAME = "inject_files"
VERSION = "1.0"


def probe(_runner: Runner) -> HardwareManager:
    """Return the manager; every machine with a disk can have files put on it."""
    manager = HardwareManager(name=NAME, version=VERSION, support=Support.GENERIC, steps=(step(0),))

    def configure(wishes: Wishes) -> HardwareManager:
        return replace(manager, steps=(step(wishes.inject_files_priority),), configure=configure)

    return replace(manager, configure=configure)


def step(priority: int) -> Step:
    """Return the step with the operator's priority; 0 = only on request."""
    return Step(
        name="inject_files",
        interface="deploy",
        priorities={Phase.DEPLOY: priority, Phase.SERVICE: priority},
        run=inject_files,
        stoppable=True,
        args={
            "files": ArgInfo(
                description="Files beside those of properties.inject_files: objects with path, and content (base64 or URL)"
                " or deleted; partition, mode, dirmode, owner, group, checksum as wanted"
            ),
            "verify_ca": ArgInfo(description="Verify the certificates of servers; true by default"),
        },
    )
