"""Networks that are described instead of asked for: what a node's ``network_data`` says of a machine of the lab."""

from typing import Any

from tests.lab.machine import Machine
from tests.lab.network import Network


def network_data(machine: Machine, network: Network, host: int) -> dict[str, Any]:
    """Return a static address for the machine's first card, as OpenStack writes it.

    Args:
        machine: The machine.
        network: The lab's network.
        host: Last number of the address.
    """
    card = {"id": "card", "type": "phy", "ethernet_mac_address": machine.nics[0].mac}
    address = {
        "id": "network",
        "network_id": "lab",  # Ironic requires one
        "link": "card",
        "type": "ipv4",
        "ip_address": network.address(host),
        "netmask": "255.255.255.0",
        "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": network.gateway}],
    }
    return {"links": [card], "networks": [address], "services": []}
