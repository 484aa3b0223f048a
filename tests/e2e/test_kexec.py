"""Kexec on real firmware: the deployed system runs, and no firmware was started for it; ``seconds.json`` has the times from the request on."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import make_key
from tests.lab.demo.proof import Proof, wait_for_system
from tests.lab.enrol import config_drive, make_deployable, publish_os_image, ramdisk_settings
from tests.lab.hardware import Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind

pytestmark = [pytest.mark.vm, pytest.mark.long]
_FIRMWARE_SAYS = re.compile(r"SeaBIOS|iPXE|BdsDxe")
"""What a start through the firmware leaves on the serial line here, in BIOS and in UEFI machines."""


def deploy(
    lab: Lab, logs: Path, machine: Machine, **settings: bool
) -> tuple[Proof, list[str], str]:
    """Deploy by kexec; return what the system says, the history's words about it, and the console's since the request."""
    controller = lab.controller(settings={**ramdisk_settings(), "kexec": True, **settings})
    image, key = publish_os_image(lab), make_key(lab.scratch)
    with lab.network.inside():
        api = ApiClient(controller.url)
        make_deployable(api, machine, image, clean=bool(settings))
        mark, began = machine.console.mark(), time.monotonic()
        api.provision("m1", "active", configdrive=config_drive("started", key))
        proof = wait_for_system(machine, hostname="started", key=key, since=mark, timeout_s=900)
        seconds = {"login": time.monotonic() - began}
        api.wait_for_state("m1", "active", timeout_s=60)
        seconds["active"] = time.monotonic() - began
        history: list[dict[str, Any]] = api.history("m1")
    (logs / "seconds.json").write_text(json.dumps(seconds))
    told = [one["event"] for one in history if one["event"].startswith("kexec: ")]
    console = "\n".join(line.text for line in machine.console.lines if line.number >= mark)
    return proof, told, console


def starts(machine: Machine) -> list[str]:
    """What was done with the machine's power and boots."""
    kinds = set(EventKind) - {EventKind.BOOT_DEVICE_SET}
    return [str(event.kind) for event in machine.events if event.kind in kinds]


def test_with_fast_track_a_deployment_needs_no_boot_at_all(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        machine = lab.machine(name="m1", memory_mib=1024, disks=(Disk(size_bytes=8 << 30),))
        _proof, told, console = deploy(lab, logs, machine, fast_track=True)
        assert starts(machine) == ["power on", "boot"]  # that of the cleaning
        assert "the deployed system runs, without a boot" in str(told)
        assert _FIRMWARE_SAYS.search(machine.console.text)
        assert not _FIRMWARE_SAYS.search(console)


def test_a_uefi_machine_boots_the_ramdisk_and_nothing_after_it(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        machine = lab.machine(
            name="m1",
            firmware=Firmware.UEFI,
            memory_mib=1024,
            disks=(Disk(size_bytes=8 << 30, bus=Bus.NVME),),
        )
        proof, told, _console = deploy(lab, logs, machine)
        assert "firmware=uefi" in proof.ready_line
        assert starts(machine) == ["power on", "boot"]
        assert "the deployed system runs, without a boot" in str(told)
