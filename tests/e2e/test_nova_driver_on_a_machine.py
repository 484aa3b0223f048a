"""Nova's own ``IronicDriver``, unmodified, has our controller spawn, reboot, rescue and destroy an instance on a machine.

Every part of the life is ordered by a session of its own, as if the compute service were restarted in between.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rescue_login import address_of, by_password
from tests.lab.api_client import ApiClient
from tests.lab.demo.keys import SshKey, make_key
from tests.lab.demo.proof import wait_for_system
from tests.lab.enrol import (
    BUILD,
    enrol,
    make_available,
    publish_os_image,
    ramdisk_settings,
    register_image,
)
from tests.lab.hardware import Disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine

NOVA = BUILD / "peers/nova/bin/python"
SESSION = Path(__file__).parents[1] / "integration/nova_driver_session.py"
HOSTNAME = "first"  # this and the next two are the session's
TRAIT = "CUSTOM_FAST"
PASSWORD = "geheim"  # a test's
RUNNING, SHUTDOWN = 1, 4  # as nova.compute.power_state counts
BOOT_S = 600

pytestmark = [
    pytest.mark.vm,
    pytest.mark.long,
    pytest.mark.interop,
    pytest.mark.skipif(not NOVA.exists(), reason="make build/stamps/peer-nova"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """Nova's compute service for one node, and the machine that the node is."""

    lab: Lab
    url: str
    machine: Machine
    node: str
    image: str
    key: SshKey

    def does(self, *calls: str) -> dict[str, Any]:
        """Make calls of the driver in Nova's own process; return what each gives. None may raise."""
        said = self.lab.network.run(
            *(str(NOVA), str(SESSION), self.url, self.node),
            *("--image", self.image, "--public-key", self.key.public, "--only", *calls),
            timeout_s=900,
        )
        found: dict[str, dict[str, Any]] = json.loads(said)
        assert all("gives" in one for one in found.values()), json.dumps(found, indent=1)
        return {name: one["gives"] for name, one in found.items()}

    def sees_it_boot_after(self, *calls: str) -> dict[str, Any]:
        """Make calls; see the instance's own system come up to its login prompt."""
        mark = self.machine.console.mark()
        found = self.does(*calls)
        wait_for_system(self.machine, hostname=HOSTNAME, key=self.key, since=mark, timeout_s=BOOT_S)
        return found


def be_restarted(nova: Compute) -> None:
    """Reboot the instance, turn it off and on."""
    nova.sees_it_boot_after("reboot, soft")
    assert nova.does("power_off, soft", "get_info, off")["get_info, off"] == SHUTDOWN
    assert not nova.machine.is_on
    assert nova.sees_it_boot_after("power_on", "get_info")["get_info"] == RUNNING


def be_rescued(nova: Compute) -> None:
    """Log in to the instance's machine with the password that Nova gave, and let its own system start again."""
    mark = nova.machine.console.mark()
    nova.does("rescue")
    address = address_of(nova.machine, mark)
    status, said = by_password(nova.lab.scratch, address, PASSWORD, "id -u")
    assert (status, said) == (0, "0\n")
    nova.sees_it_boot_after("unrescue")


def be_destroyed(nova: Compute, api: ApiClient) -> None:
    """Destroy the instance; its node is cleaned by the ramdisk and free again."""
    patch = [{"op": "add", "path": "/automated_clean", "value": True}]
    api.call("PATCH", "/v1/nodes/m1", patch)
    mark = nova.machine.console.mark()
    nova.does("destroy")
    node = api.wait_for_state("m1", "available", timeout_s=BOOT_S)
    assert address_of(nova.machine, mark), "cleaned by nobody"
    assert (node["instance_uuid"], node["instance_info"], node["last_error"]) == (None, {}, None)
    assert node["power_state"] == "power off"
    assert not nova.machine.is_on
    found = nova.does("instance_exists, after", "get_available_nodes", "prepare_for_spawn")
    assert found["instance_exists, after"] is False
    assert found["get_available_nodes"] is True


def test_novas_driver_takes_an_instance_through_its_life_on_a_machine(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(name="m1", memory_mib=1024, disks=(Disk(size_bytes=8 << 30),))
        image, key = publish_os_image(lab), make_key(lab.scratch)
        with lab.network.inside():
            api = ApiClient(controller.url)
            node = enrol(api, machine, resource_class="metal")
            api.call("PUT", "/v1/nodes/m1/traits", {"traits": [TRAIT]}, ok=204)
            make_available(api, "m1", clean=False)
            nova = Compute(
                lab=lab,
                url=controller.url,
                machine=machine,
                node=node["uuid"],
                image=register_image(api, "debian", image)["uuid"],
                key=key,
            )
            found = nova.does("init_host", "get_available_nodes", "prepare_for_spawn")
            assert found["get_available_nodes"] is True
            nova.sees_it_boot_after("prepare_networks_before_block_device_mapping", "spawn")
            deployed = api.node("m1")
            assert deployed["provision_state"] == "active"
            assert deployed["instance_info"]["display_name"] == HOSTNAME
            be_restarted(nova)
            be_rescued(nova)
            be_destroyed(nova, api)
