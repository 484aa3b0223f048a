"""What Metal3's operator asks of Ironic for one host, in its order and with its bodies, from enrolment to deletion.

Source: baremetal-operator with gophercloud v2.13.0, pkg/provisioner/ironic (which cannot be built here): paths, bodies, the codes that
it takes for success, and the types that its structs decode. The same requests go to real Ironic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench.servers.start import has_real_ironic, real_ironic
from tests.integration.controller_process import controller_process
from tests.integration.faked_nodes import AS_SHIPPED, IRONIC_ALL_FAKE
from tests.lab.api_client import ApiClient

VERSION = "1.110"
"""The newest of those that the operator asks for."""
NODE = "metal3~host-1"
MAC = "52:54:00:7a:00:01"
RAID = {"logical_disks": [{"size_gb": "MAX", "raid_level": "1"}]}
KINDS = ("bios", "boot", "deploy", "firmware", "inspect", "management", "power", "raid", "vendor")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic"),
]

Checks = Callable[[Any], bool]


def anything(_document: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, the status that the operator takes for success, and what it reads of the answer."""

    method: str
    path: str
    status: int
    body: Any = None
    reads: Checks = anything
    then: str = ""
    """The provision state that it waits for."""


def patch(**values: Any) -> list[dict[str, Any]]:
    """The operator knows ``add`` and ``remove`` only; ``None`` removes."""
    return [
        {"op": "remove", "path": f"/{path.replace('__', '/')}"}
        if value is None
        else {"op": "add", "path": f"/{path.replace('__', '/')}", "value": value}
        for path, value in values.items()
    ]


def nullable(kind: type) -> Checks:
    return lambda value: value is None or isinstance(value, kind)


def exactly(kind: type) -> Checks:
    return lambda value: isinstance(value, kind)


GO_FIELDS: dict[str, Checks] = {
    **dict.fromkeys(("uuid", "driver", "provision_state"), exactly(str)),
    **dict.fromkeys(
        (
            *("name", "power_state", "target_power_state", "target_provision_state", "last_error"),
            *("maintenance_reason", "fault", "reservation", "instance_uuid", "health"),
            *("boot_interface", "deploy_interface", "inspect_interface", "created_at"),
        ),
        nullable(str),
    ),
    **dict.fromkeys(("maintenance", "disable_power_off"), exactly(bool)),
    "automated_clean": nullable(bool),
    **dict.fromkeys(
        (
            *("driver_info", "properties", "instance_info", "deploy_step", "clean_step"),
            *("service_step", "raid_config", "target_raid_config", "network_data"),
        ),
        exactly(dict),
    ),
    "links": exactly(list),
}


def decodes(node: Any) -> bool:
    """Whether a strict decoder of Go takes the node."""
    wrong = {name: node.get(name) for name, check in GO_FIELDS.items() if not check(node.get(name))}
    assert not wrong, wrong
    return True


def node_body() -> dict[str, Any]:
    return {
        "driver": "fake-hardware",
        "name": NODE,
        "driver_info": {"deploy_kernel": "http://127.0.0.1/kernel", "fake_password": "geheim"},
        "disable_power_off": False,
        "properties": {"capabilities": "boot_mode:uefi", "cpu_arch": "x86_64"},
        **{f"{kind}_interface": "fake" for kind in KINDS},
    }


def provision(target: str, then: str, **more: Any) -> Ask:
    path = f"/v1/nodes/{NODE}/states/provision"
    return Ask("PUT", path, 202, {"target": target, **more}, then=then)


NODE_PATH = f"/v1/nodes/{NODE}"


def the_order() -> list[Ask]:
    return [*enrolling(), *deploying(), *leaving()]


def enrolling() -> list[Ask]:
    node = NODE_PATH
    return [
        Ask("GET", "/v1/", 200, reads=lambda d: d["version"]["id"] == "v1"),
        Ask("GET", "/v1/drivers", 200, reads=lambda d: len(d["drivers"]) > 0),
        Ask("GET", node, 404),
        Ask("GET", "/v1/nodes/host-1", 404),
        Ask("GET", f"/v1/ports?fields=node_uuid,uuid,address&address={MAC}", 200),
        Ask("POST", "/v1/nodes", 201, node_body(), decodes),
        Ask("POST", "/v1/nodes", 409, node_body()),
        Ask("POST", "/v1/ports", 201, {"node_uuid": "", "address": MAC, "pxe_enabled": True}),
        Ask("GET", node, 200, reads=decodes),
        Ask("PATCH", node, 200, patch(automated_clean=False, properties__cpu_arch="aarch64")),
        provision("manage", "manageable"),
        Ask("GET", f"{node}/validate", 200, reads=lambda d: {"boot", "deploy"} <= d.keys()),
        Ask("GET", f"{node}/inventory", 404),
        provision("inspect", "manageable"),
        Ask("GET", f"{node}/bios?detail=true", 200, reads=lambda d: "bios" in d),
        Ask("GET", f"{node}/firmware", 200, reads=lambda d: "firmware" in d),
        Ask("PUT", f"{node}/states/raid", 204, RAID),
        provision("clean", "manageable", clean_steps=[{"interface": "power", "step": "power_on"}]),
    ]


def deploying() -> list[Ask]:
    node, power = NODE_PATH, f"{NODE_PATH}/states/power"
    drive = {"meta_data": {"name": "host-1"}, "network_data": {}, "user_data": "#!/bin/sh\n"}
    return [
        provision("provide", "available"),
        Ask(
            "PATCH",
            node,
            200,
            patch(
                instance_uuid="0a0a0a0a-0000-4000-8000-000000000001",
                instance_info__image_source="http://127.0.0.1/image.raw",
                instance_info__image_os_hash_algo="sha256",
                instance_info__image_os_hash_value="0" * 64,
                instance_info__image_disk_format="raw",
                instance_info__root_device={"name": "s== /dev/sda", "rotational": "false"},
                instance_info__capabilities={},
            ),
        ),
        Ask("PATCH", node, 200, patch(deploy_interface=None)),
        Ask("PATCH", node, 200, patch(deploy_interface="fake")),
        Ask("GET", "/v1/nodes?fields=uuid,name,provision_state,boot_interface", 200),
        provision("active", "active", configdrive=drive),
        Ask("GET", node, 200, reads=decodes),
        Ask("PUT", power, 202, {"target": "soft power off", "timeout": 180}, then="active"),
        Ask("PUT", power, 202, {"target": "power on"}, then="active"),
        Ask("PUT", f"{node}/maintenance", 202, {"reason": "fan"}),
        Ask("DELETE", f"{node}/maintenance", 202),
        provision("service", "active", service_steps=[{"interface": "power", "step": "reboot"}]),
    ]


def leaving() -> list[Ask]:
    node = NODE_PATH
    return [
        provision("deleted", "available"),
        Ask("PATCH", node, 200, patch(instance_info={})),
        provision("manage", "manageable"),
        provision("adopt", "active"),
        Ask("DELETE", node, 409),
        provision("deleted", "available"),
        Ask("DELETE", node, 204),
        Ask("DELETE", node, 404),
    ]


def play(url: str) -> list[str]:
    """Ask everything, and return what the operator would not take."""
    client = ApiClient(url, version=VERSION)
    wrong, uuid = [], ""
    for ask in the_order():
        body = ask.body | {"node_uuid": uuid} if ask.path == "/v1/ports" and ask.body else ask.body
        status, document = client.ask(ask.method, ask.path, body)
        what = f"{ask.method} {ask.path} {body}"
        if status != ask.status:
            wrong.append(f"{what}: {status}, not {ask.status}: {document}")
        elif not ask.reads(document):
            wrong.append(f"{what}: {document}")
        if ask.path == "/v1/nodes" and status == 201:
            uuid = document["uuid"]
        if ask.then:
            client.wait_until(NODE, at_rest_in(ask.then), timeout_s=90)
    return wrong


def at_rest_in(state: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a node has come to a state and nothing goes on with it."""
    free = (state, None, None, None)
    names = ("provision_state", "target_provision_state", "target_power_state", "reservation")
    return lambda node: tuple(node[name] for name in names) == free


def test_our_controller_takes_the_operators_order(tmp_path: Path) -> None:
    with controller_process(tmp_path, **AS_SHIPPED) as url:
        assert play(url) == []


def test_real_ironic_takes_the_same_order(tmp_path: Path) -> None:
    """So that the order is one that works with Ironic."""
    with real_ironic(tmp_path, options=IRONIC_ALL_FAKE) as server:
        assert play(server.url) == []
