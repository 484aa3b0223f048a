"""Machines without a BMC, from nothing to the login prompt: on a switched PDU."""

from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.road import Image
from tests.lab.enrol import make_available, publish_os_image, ramdisk_settings
from tests.lab.hardware import BootDevice
from tests.lab.lab import Lab
from tests.lab.machine import EventKind, Machine
from tests.lab.pdu.pdu import Pdu

LOGIN = "login:"
_PDU_HOST = 150

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(1200)]


def network_first(lab: Lab) -> Machine:
    """Return a machine whose firmware tries the network first, and that nobody can tell what to boot."""
    machine = lab.machine(name="m1")
    machine.set_boot_device(BootDevice.PXE, persistent=True)
    return machine


def enrol(api: ApiClient, machine: Machine, driver: str, info: dict[str, object]) -> None:
    """Create a node for it with its cards' MAC addresses."""
    document = {
        "name": machine.name,
        "driver": driver,
        "driver_info": info,
        "properties": {"capabilities": "boot_mode:bios", "cpu_arch": "x86_64"},
    }
    api.create_node(document, macs=tuple(nic.mac for nic in machine.nics))


def deploy(api: ApiClient, machine: Machine, image: Image) -> None:
    """Take the node to ``active`` and see its system come up."""
    make_available(api, machine.name, clean=False)
    api.set_image(machine.name, image.url, image.sha256)
    api.provision(machine.name, "active")
    api.wait_for_state(machine.name, "active", timeout_s=700)
    machine.console.wait_for(LOGIN, timeout_s=300)


def test_a_machine_on_a_pdu_is_deployed_and_taken_down(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        machine = network_first(lab)
        pdu = Pdu(
            "apc_rackpdu",
            {7: machine},
            folder=logs / "pdu",
            network=lab.network,
            address=lab.network.address(_PDU_HOST),
        )
        with pdu:
            controller = lab.controller(settings=ramdisk_settings())
            image = publish_os_image(lab)
            with lab.network.inside():
                api = ApiClient(controller.url)
                info = {**pdu.driver_info, "snmp_driver": "auto", "snmp_outlet": 7}
                enrol(api, machine, "snmp", info)
                deploy(api, machine, image)
                assert pdu.is_on(7)
                shown = api.call("GET", "/v1/nodes/m1")
                assert shown["driver_info"]["snmp_community_write"] == "******"
                assert shown["power_state"] == "power on"
                api.provision("m1", "deleted")
                api.wait_for_state("m1", "available", timeout_s=120)
                assert not pdu.is_on(7)
                assert not machine.is_on
        told = [event for event in machine.events if event.kind is EventKind.BOOT_DEVICE_SET]
        assert len(told) == 1, "only the test set the firmware"
