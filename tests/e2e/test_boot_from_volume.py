"""Boot from iSCSI volumes: no image is written, no agent runs; the machine's system comes from a storage server at every start."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.test_instance_from_network import live_arguments, settings
from tests.lab.api_client import ApiClient
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.enrol import enrol, make_available
from tests.lab.hardware import Disk, Firmware
from tests.lab.iscsi_target import IscsiTarget, Volume
from tests.lab.lab import Lab
from tests.lab.live_guest import make_live_guest, make_live_image
from tests.lab.machine_event import EventKind

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(1200)]
INITIATOR = "iqn.2026-01.org.example:m1"
BOOT_S = 240


def attach(api: ApiClient, node: str, volume: Volume, *, boot_index: int = 0) -> None:
    body = {
        "node_uuid": node,
        "volume_type": "iscsi",
        "volume_id": f"v{boot_index}",
        "boot_index": boot_index,
        "properties": volume.properties,
    }
    api.call("POST", "/v1/volume/targets", body, ok=201)


@pytest.mark.parametrize(
    ("firmware", "login"),
    [(Firmware.BIOS, {"username": "ann", "password": "geheim-123456"}), (Firmware.UEFI, {})],
)
def test_a_machine_boots_its_volume_at_every_start(
    logs: Path, firmware: Firmware, login: dict[str, str]
) -> None:
    fetch_loaders()
    with Lab(workdir=logs) as lab:
        images = lab.scratch / "images"
        controller = lab.controller(settings=settings(images))
        volume = make_live_image(make_live_guest(images), "lab.word=volume")
        disk = Disk(size_bytes=64 << 20)
        machine = lab.machine(name="m1", firmware=firmware, memory_mib=768, disks=(disk,))
        with lab.network.inside(), closing(IscsiTarget(lab)) as storage:
            api = ApiClient(controller.url)
            node = enrol(api, machine, storage_interface="external", boot_interface="ipxe")
            connector = {"node_uuid": node["uuid"], "type": "iqn", "connector_id": INITIATOR}
            api.call("POST", "/v1/volume/connectors", connector, ok=201)
            attach(api, node["uuid"], storage.add(volume, initiator=INITIATOR, **login))
            make_available(api, "m1", clean=False)
            mark = machine.console.mark()
            api.provision("m1", "active")
            deployed = api.wait_for_state("m1", "active", timeout_s=120)
            assert deployed["last_error"] is None
            assert "lab.word=volume" in live_arguments(machine, mark)
            assert not any(machine.disks[0].path.read_bytes()), "something wrote to the disk"
            mark = machine.console.mark()
            machine.console.type("r\n")
            machine.wait_for_event(EventKind.GUEST_REBOOT, timeout_s=60)
            assert "lab.word=volume" in live_arguments(machine, mark)
            api.provision("m1", "deleted")
            api.wait_for_state("m1", "available", timeout_s=120)
            assert not machine.is_on
            assert api.call("GET", "/v1/volume/targets")["targets"] == []
            mark = machine.console.mark()
            machine.power_on()
            nothing = "Ingot: nothing to boot from the network"
            machine.console.wait_for(nothing, timeout_s=BOOT_S, since=mark)
        if login:
            said = controller.log.read_text() + machine.console.text
            assert not re.search(login["password"], said)
