"""A machine whose BMC speaks Redfish only, deployed by the controller: from power-on to the login prompt and back."""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.enrol import enrol, make_available, publish_os_image, ramdisk_settings
from tests.lab.hardware import BmcKind
from tests.lab.lab import Lab
from tests.lab.machine_event import EventKind

LOGIN = "login:"

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]


def test_a_machine_is_deployed_by_redfish(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        image = publish_os_image(lab)
        machine = lab.machine(name="m1", bmc=BmcKind.REDFISH)
        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine)
            make_available(api, "m1", clean=False)
            api.set_image("m1", image.url, image.sha256)
            api.provision("m1", "active")
            api.wait_for_state("m1", "active", timeout_s=600)
            machine.console.wait_for(LOGIN, timeout_s=300)
            shown = api.call("GET", "/v1/nodes/m1")
            assert (shown["driver"], shown["power_interface"]) == ("redfish", "redfish")
            assert shown["driver_info"]["redfish_password"] == "******"
            assert any(event.kind is EventKind.BOOT_DEVICE_SET for event in machine.events)
            api.provision("m1", "deleted")
            api.wait_for_state("m1", "available", timeout_s=120)
            assert not machine.is_on
