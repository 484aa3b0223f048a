"""The entry point of the container manager: there where podman or docker is in the ramdisk."""

import shutil
from dataclasses import replace
from pathlib import Path

from agent.hardware.capabilities import HardwareManager, Support
from agent.hardware.wishes import Wishes
from agent.protocol.containers import ContainerRules
from agent.system.runner import Runner
from hardware_managers.container.bootc.installer import BootcInstaller
from hardware_managers.container.rules import read_rules
from hardware_managers.container.step_file import FileStep, parse_step_file
from hardware_managers.container.steps import NAMES, file_steps, named_steps

NAME = "container_hardware_manager"
VERSION = "2"
"""Name and version of the manager of Ironic's agent that has these steps."""
_MOST_BYTES = 1 << 20


def probe(runner: Runner) -> HardwareManager | None:
    """Return the manager, with Ironic's defaults until the controller has said what it allows; ``None`` = no runner here.

    Bootable containers take podman: bootc asks it for the image that it is started from.
    """
    if not (shutil.which("podman") or shutil.which("docker")):
        return None
    steps = with_rules(ContainerRules())
    if not shutil.which("podman"):
        return steps

    def configure(wishes: Wishes) -> HardwareManager:
        return replace(
            with_rules(read_rules(wishes.containers)),
            container_installer=BootcInstaller(runner, wishes.images),
            configure=configure,
        )

    return replace(
        steps, container_installer=BootcInstaller(runner, Wishes().images), configure=configure
    )


def with_rules(rules: ContainerRules) -> HardwareManager:
    """Return the manager with the steps that ``rules`` allow.

    Raises:
        PluginError: The ramdisk's step file cannot be used.
    """
    manager = HardwareManager(
        name=NAME,
        version=VERSION,
        support=Support.MAINLINE,
        steps=(
            *named_steps(rules),
            *file_steps(rules, _listed(Path(rules.container_steps_file))),
        ),
    )

    def configure(wishes: Wishes) -> HardwareManager:
        return with_rules(read_rules(wishes.containers))

    return replace(manager, configure=configure)


def _listed(file: Path) -> tuple[FileStep, ...]:
    if not file.is_file():
        return ()
    with file.open("rb") as opened:
        text = opened.read(_MOST_BYTES).decode(errors="replace")
    return parse_step_file(text, str(file), frozenset(NAMES))
