"""Machines without a BMC, from nothing to the login prompt: on a switched PDU, woken by magic packets, switched on by a person."""

import threading
import time
from pathlib import Path

import pytest

from tests.lab.api_client import ApiClient
from tests.lab.demo.road import Image
from tests.lab.enrol import make_available, publish_os_image, ramdisk_settings
from tests.lab.hardware import BootDevice
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind
from tests.lab.magic_packets import MagicPackets
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


def history(api: ApiClient, name: str) -> list[str]:
    """Return what the node's history says, oldest first."""
    found = api.call("GET", f"/v1/nodes/{name}/history?detail=true")["history"]
    return [str(one["event"]) for one in reversed(found)]


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


def test_a_machine_is_woken_by_magic_packets_and_switched_off_by_its_agent(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        machine = network_first(lab)
        controller = lab.controller(settings=ramdisk_settings())
        image = publish_os_image(lab)
        with (
            MagicPackets(lab.network, [(machine.nics[0].mac, machine)]) as packets,
            lab.network.inside(),
        ):
            api = ApiClient(controller.url)
            enrol(api, machine, "wol", {"wol_host": lab.network.address(255)})
            deploy(api, machine, image)
            kinds = [event.kind for event in machine.events]
            assert kinds.count(EventKind.POWER_ON) == 2, "the ramdisk, and the system"
            assert EventKind.GUEST_SHUTDOWN in kinds
            assert EventKind.POWER_OFF not in kinds, "nobody cut the power"
            assert len(packets.frames) >= 2
            said = history(api, "m1")
        assert any("magic packets for" in one for one in said)


def test_a_person_switches_a_machine_on_when_the_node_asks_for_it(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        machine = network_first(lab)
        controller = lab.controller(settings=ramdisk_settings())
        image = publish_os_image(lab)
        ends = threading.Event()
        answered: list[str] = []

        def person() -> None:
            """Look at the node's history now and then, and do what it asks for."""
            with lab.network.inside():
                watched = ApiClient(controller.url)
                while not ends.is_set():
                    asked = [
                        one for one in history(watched, "m1") if "switch the machine on" in one
                    ]
                    if len(asked) > len(answered) and not machine.is_on:
                        answered.append(asked[-1])
                        machine.power_on()
                    time.sleep(1)

        with lab.network.inside():
            api = ApiClient(controller.url)
            enrol(api, machine, "manual-management", {})
            thread = threading.Thread(target=person, daemon=True)
            thread.start()
            try:
                deploy(api, machine, image)
            finally:
                ends.set()
                thread.join()
        assert len(answered) == 2, "for the ramdisk, and for the system"
