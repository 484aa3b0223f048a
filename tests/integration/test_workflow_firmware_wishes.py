"""Boot mode and Secure Boot as an instance wants them: set before the machine is powered on, or refused before anything is done."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.hardware.bmc import BootMode
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)


class FirmwareBmc(MachineBmc):
    """One that can switch the firmware, and keeps in ``calls`` when it did."""

    mode, secure = BootMode.BIOS, False

    def boot_mode(self, *, timeout_s: float) -> BootMode:
        return self.mode

    def set_boot_mode(self, mode: BootMode, *, timeout_s: float) -> None:
        self._call(f"set_boot_mode {mode}")
        self.mode = mode

    def secure_boot(self, *, timeout_s: float) -> bool:
        return self.secure

    def set_secure_boot(self, is_on: bool, *, timeout_s: float) -> None:
        self._call(f"set_secure_boot {is_on}")
        self.secure = is_on


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    for name in ("kernel", "ramdisk"):
        (tmp_path / name).write_bytes(b"boot file")
    files = {
        "deploy_kernel": str(tmp_path / "kernel"),
        "deploy_ramdisk": str(tmp_path / "ramdisk"),
    }
    with running_controller(tmp_path, **files) as running:
        yield running


def wanting(**capabilities: str) -> dict[str, Any]:
    return {"instance_info": {**IMAGE, "capabilities": capabilities}}


def test_the_firmware_is_set_before_the_machine_is_powered_on(
    controller: RunningController,
) -> None:
    plain = controller.enrol("m1", **wanting(boot_mode="uefi", secure_boot="true"))
    bmc = FirmwareBmc(plain.machine)
    controller.driver.bmcs["m1"] = bmc
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    changes = [
        call for call in bmc.calls if call.startswith(("set_boot_mode", "set_secure", "power_on"))
    ]
    assert changes[:3] == ["set_boot_mode uefi", "set_secure_boot True", "power_on"]
    node = controller.node("m1")
    assert (node.boot_mode, node.secure_boot) == ("uefi", True)
    told = [event.message for event in controller.events("m1") if "Secure Boot" in event.message]
    assert told[0].endswith("Secure Boot was switched on, as the instance wants it")


def test_what_the_bmc_cannot_do_is_refused_before_the_machine_is_touched(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", **wanting(boot_mode="uefi", secure_boot="true"))
    with pytest.raises(Exception, match="cannot switch Secure Boot"):
        controller.ask("m1", "active")
    assert not [call for call in bmc.calls if call.startswith(("power_o", "set_"))]
