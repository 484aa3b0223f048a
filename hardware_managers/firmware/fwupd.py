"""Whatever fwupd knows, by ``fwupdtool``: no daemon, no D-Bus, no network; the cabinet comes from the operator.

Source: fwupdtool(1) of fwupd 2.0; device flags of libfwupd (``updatable``, ``needs-reboot``, ``needs-activation``).
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.errors import CommandFailed, FirmwareError
from agent.hardware.tools import StepTools
from agent.hardware.updating import FirmwareComponent, FirmwareEvidence
from agent.protocol.commands import Progress
from agent.system.runner import Runner

_LIST_S = 120.0
_INSTALL_S = 1800.0
_PENDING = frozenset({"needs-reboot", "needs-activation", "needs-shutdown"})
_NOT_HERE = frozenset({"nvme"})
"""fwupd plug-ins whose devices another updater of this ramdisk serves."""


def parse_devices(listing: str) -> tuple[FirmwareComponent, ...]:
    """Return the devices of ``fwupdtool get-devices --json`` that can be updated.

    Raises:
        FirmwareError: The listing cannot be read.
    """
    try:
        devices = json.loads(listing[listing.index("{") :])["Devices"]
        return tuple(_component(device) for device in devices if _is_ours(device))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FirmwareError(
            f"fwupdtool: its list of devices cannot be read ({type(error).__name__}: {error})"
        ) from error


def waits_for_reboot(listing: str, device_id: str) -> bool:
    """Say whether what was installed on a device runs only after a reboot, by the flags that it has after the update."""
    devices: Any = json.loads(listing[listing.index("{") :])["Devices"]
    return any(
        d.get("DeviceId") == device_id and _PENDING & set(d.get("Flags", ())) for d in devices
    )


class FwupdFirmware:
    """The updater of everything that fwupd has a plug-in for; nothing where the ramdisk has no fwupd."""

    name = "fwupd"

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def components(self) -> Sequence[FirmwareComponent]:
        """Return the devices that fwupd can update."""
        return parse_devices(self._list()) if shutil.which("fwupdtool") else ()

    def update(
        self, component: FirmwareComponent, file: Path, tools: StepTools
    ) -> FirmwareEvidence:
        """Install the cabinet ``file`` on the device and see another version there, or one that waits for a reboot.

        Raises:
            FirmwareError: fwupd refused it, or said that it was done and the device has the version from before.
        """
        device_id = component.id.partition(":")[2]
        tools.progress(Progress(phase="firmware", message=f"{component.id}: install"))
        install = ("install", str(file), device_id, "--json", "--assume-yes", "--no-reboot-check")
        try:
            self._runner.run("fwupdtool", *install, timeout_s=_INSTALL_S)
        except CommandFailed as error:
            raise FirmwareError(
                f"{component.id} ({component.model}, {component.version}): not updated: {error}"
            ) from error
        listing = self._list()
        after = next((c for c in parse_devices(listing) if c.id == component.id), None)
        is_pending = waits_for_reboot(listing, device_id)
        if after is None:
            raise FirmwareError(
                f"{component.id} ({component.model}): after the update the device does not show up any more; "
                "power the machine off and on, then look at it again"
            )
        if after.version == component.version and not is_pending:
            raise FirmwareError(
                f"{component.id} ({component.model}): fwupd reported success and the device still has {after.version}; "
                "the cabinet may bring the same version, or the device ignored it"
            )
        return FirmwareEvidence(
            component=component,
            before=component.version,
            after=after.version,
            reboot_needed=is_pending,
        )

    def _list(self) -> str:
        return self._runner.run("fwupdtool", "get-devices", "--json", timeout_s=_LIST_S).stdout


def _is_ours(device: Any) -> bool:
    return "updatable" in device.get("Flags", ()) and device.get("Plugin") not in _NOT_HERE


def _component(device: Any) -> FirmwareComponent:
    return FirmwareComponent(
        id=f"fwupd:{device['DeviceId']}",
        kind="fwupd",
        model=str(device.get("Name", "")),
        serial=device.get("Serial"),
        version=device.get("Version"),
        aliases=tuple(f"fwupd:{guid}" for guid in device.get("Guid", ())),
    )
