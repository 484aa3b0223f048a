"""The entry point of the firmware manager."""

from collections.abc import Callable
from functools import partial
from typing import Any

from agent.hardware.capabilities import HardwareManager, Phase, Step, StepContext, Support
from agent.protocol.steps import ArgInfo
from agent.system.runner import Runner
from hardware_managers.firmware.fwupd import FwupdFirmware
from hardware_managers.firmware.nic_steps import update_images, update_settings
from hardware_managers.firmware.nics import NicFirmware
from hardware_managers.firmware.nvme import NvmeFirmware
from hardware_managers.firmware.update_step import update

NAME = "firmware"
VERSION = "1.0"


def probe(runner: Runner) -> HardwareManager:
    """Return the manager; an updater whose tool or hardware is missing has no components."""
    nics = NicFirmware(runner)
    has_cards = bool(nics.cards())
    return HardwareManager(
        name=NAME,
        version=VERSION,
        support=Support.MAINLINE if has_cards else Support.GENERIC,
        firmware_updaters=(NvmeFirmware(runner), nics, FwupdFirmware(runner)),
        steps=(*_UPDATES, *(_nic_steps(nics) if has_cards else ())),
    )


def _step(
    name: str, interface: str, run: Callable[[StepContext], Any], argument: str, text: str
) -> Step:
    return Step(
        name=name,
        interface=interface,
        priorities=dict.fromkeys(Phase, 0),
        run=run,
        reboot_requested=True,
        abortable=False,
        args={argument: ArgInfo(description=text, required=True)},
    )


_UPDATES = tuple(
    _step(
        name,
        interface,
        update,
        "settings",
        "List of {component, url, checksum, version, model}: which file goes onto which component",
    )
    for interface, name in (("firmware", "update"), ("deploy", "update_firmware"))
)
"""One step under two names: of a ramdisk, Ironic takes steps of the interfaces ``deploy`` and ``raid`` alone."""


def _nic_steps(nics: NicFirmware) -> tuple[Step, ...]:
    return (
        _step(
            "update_nvidia_nic_firmware_image",
            "deploy",
            partial(update_images, nics),
            "images",
            "List of {url, checksum, checksumType, componentFlavor, version}",
        ),
        _step(
            "update_nvidia_nic_firmware_settings",
            "deploy",
            partial(update_settings, nics),
            "settings",
            "List of {deviceID, globalConfig, function0Config, function1Config}",
        ),
    )
