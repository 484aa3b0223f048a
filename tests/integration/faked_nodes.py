"""Nodes that are fake in every interface, in our controller and in real Ironic: what clients of other projects are tried on."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.integration.with_ramdisk import WITH_RAMDISK
from tests.lab.api_client import ApiClient

AS_SHIPPED: Mapping[str, str] = MappingProxyType(dict.fromkeys(WITH_RAMDISK, ""))
"""Settings of our controller with which ``fake-hardware`` is fake in everything."""
IRONIC_ALL_FAKE: Mapping[str, str] = MappingProxyType(
    {
        f"enabled_{kind}_interfaces": f"fake,no-{kind}"
        for kind in ("bios", "console", "firmware", "inspect", "raid", "rescue", "vendor")
    }
    | {"enabled_deploy_interfaces": "fake,direct"}
)
"""The same of real Ironic."""


def available_node(client: ApiClient, name: str, mac: str, **more: Any) -> str:
    """Make a node that is available and powered off, and return its UUID."""
    document = {"driver": "fake-hardware", "name": name, "automated_clean": False, **more}
    uuid = str(client.create_node(document, macs=(mac,))["uuid"])
    for verb, state in (("manage", "manageable"), ("provide", "available")):
        client.provision(name, verb)
        client.wait_for_state(name, state, timeout_s=60)
    client.call("PUT", f"/v1/nodes/{name}/states/power", {"target": "power off"}, ok=202)
    client.wait_until(name, _is_off_and_free, timeout_s=60)
    return uuid


def _is_off_and_free(node: dict[str, Any]) -> bool:
    wanted = ("power off", None, None)
    return (node["power_state"], node["target_power_state"], node["reservation"]) == wanted
