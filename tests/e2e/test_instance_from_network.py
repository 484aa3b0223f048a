"""Instances of the deploy interface ``ramdisk``: a live system that a machine boots from the network at every start, and nothing on a disk.

The machine is found in its live system by what that prints on the serial line: the arguments that its kernel was given.
"""

import re
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.enrol import enrol, make_available, ramdisk_settings
from tests.lab.hardware import Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.live_guest import CONSOLE, READY, make_live_guest, make_live_image
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(1200)]
BOOT_S = 240
DISK = Disk(size_bytes=64 << 20)


def live_arguments(machine: Machine, since: int) -> str:
    """Wait for the live system and return its kernel's arguments."""
    line = machine.console.wait_for(READY, timeout_s=BOOT_S, since=since)
    found = re.search(READY, line.text)
    assert found
    return found[1]


def settings(images: Path) -> dict[str, str]:
    images.mkdir(exist_ok=True)
    return {**ramdisk_settings(), "image_directory": str(images)}


def live_through_every_start(api: ApiClient, machine: Machine, word: str) -> None:
    """Deploy; have the machine rebooted by itself, by its BMC and by the API; take the instance away."""
    mark = machine.console.mark()
    api.provision("m1", "active")
    node = api.wait_for_state("m1", "active", timeout_s=120)
    assert node["last_error"] is None
    assert node["power_state"] == "power on"
    assert word in live_arguments(machine, mark)
    for restart in ("guest", "api"):
        mark = machine.console.mark()
        if restart == "guest":
            machine.console.type("r\n")
            machine.wait_for_event(EventKind.GUEST_REBOOT, timeout_s=60)
        else:
            api.call("PUT", "/v1/nodes/m1/states/power", {"target": "rebooting"}, ok=202)
        assert word in live_arguments(machine, mark)
    assert api.node("m1")["provision_state"] == "active"
    api.provision("m1", "deleted")
    node = api.wait_for_state("m1", "available", timeout_s=120)
    assert node["instance_info"] == {}
    assert not machine.is_on
    mark = machine.console.mark()
    machine.power_on()
    machine.console.wait_for(
        "Ingot: nothing to boot from the network", timeout_s=BOOT_S, since=mark
    )


@pytest.mark.parametrize("firmware", list(Firmware))
def test_a_kernel_and_a_ramdisk_are_booted_at_every_start(logs: Path, firmware: Firmware) -> None:
    with Lab(workdir=logs) as lab:
        images = lab.scratch / "images"
        controller = lab.controller(settings=settings(images))
        guest = make_live_guest(images)
        machine = lab.machine(name="m1", firmware=firmware, memory_mib=768, disks=(DISK,))
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, deploy_interface="ramdisk")
            make_available(api, "m1", clean=False)
            api.set_instance(
                "m1",
                kernel=lab.http.publish("live.vmlinuz", guest.kernel),
                ramdisk=f"file://{guest.ramdisk}",
                kernel_append_params=f"{CONSOLE} lab.word=append",
                ramdisk_kernel_arguments="lab.more=one",
            )
            live_through_every_start(api, machine, "lab.word=append lab.more=one")


@pytest.mark.parametrize("firmware", list(Firmware))
def test_a_live_image_is_booted_at_every_start(logs: Path, firmware: Firmware) -> None:
    fetch_loaders()
    with Lab(workdir=logs) as lab:
        images = lab.scratch / "images"
        controller = lab.controller(settings=settings(images))
        image = make_live_image(make_live_guest(images), "lab.word=live")
        machine = lab.machine(name="m1", firmware=firmware, memory_mib=768, disks=(DISK,))
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, deploy_interface="ramdisk")
            make_available(api, "m1", clean=False)
            api.set_instance("m1", boot_iso=f"file://{image}")
            live_through_every_start(api, machine, "lab.word=live")
