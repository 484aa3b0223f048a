"""A machine that the operator's program switches, from power-on to the login prompt: the how-to's own example, which asks ipmitool."""

import shutil
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.enrol import enrol, make_available, publish_os_image, ramdisk_settings
from tests.lab.lab import Lab
from tests.lab.machine_event import EventKind

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/how-to/example-command/bmc-by-ipmitool"
LOGIN = "login:"

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]


def test_a_program_switches_a_machine_to_its_login_prompt(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        commands = lab.scratch / "commands"
        commands.mkdir()
        shutil.copy(EXAMPLE, commands)
        settings = {**ramdisk_settings(), "command_directory": str(commands)}
        controller = lab.controller(settings=settings)
        image = publish_os_image(lab)
        machine = lab.machine(name="m1")
        with lab.network.inside():
            api = ApiClient(controller.url)
            info = {
                "command_program": EXAMPLE.name,
                "command_arguments": [machine.bmc.address, str(machine.bmc.port)],
                "command_password": machine.bmc.password,
            }
            enrol(api, machine, driver="command", driver_info=info)
            make_available(api, "m1", clean=False)
            api.set_image("m1", image.url, image.sha256)
            api.provision("m1", "active")
            api.wait_for_state("m1", "active", timeout_s=600)
            machine.console.wait_for(LOGIN, timeout_s=300)
            shown = api.call("GET", "/v1/nodes/m1")["driver_info"]
            assert shown["command_password"] == "******"
            assert any(event.kind is EventKind.BOOT_DEVICE_SET for event in machine.events)
            api.provision("m1", "deleted")
            api.wait_for_state("m1", "available", timeout_s=120)
            assert not machine.is_on
