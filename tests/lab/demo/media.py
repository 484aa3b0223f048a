"""How the demonstration's machines get the ramdisk: by network boot, or by virtual media of their BMC in a network without DHCP."""

from enum import StrEnum

from tests.lab.api_client import Document
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.controller import Setting
from tests.lab.described import network_data
from tests.lab.enrol import document_of
from tests.lab.machine import Machine
from tests.lab.network import Network

_FIRST_HOST = 30


class Media(StrEnum):
    """The choices."""

    NETWORK = "network"
    VIRTUAL = "virtual"


def media_settings(media: str) -> dict[str, Setting]:
    """Return what the controller's settings are for it; signed boot loaders are fetched where they are needed."""
    if media == Media.NETWORK:
        return {}
    return {"dhcp": "off", "grub_directory": str(fetch_loaders())}


def node_of(machine: Machine, network: Network, media: str, number: int) -> Document:
    """Return what the node is created with; ``number`` is the machine's, from 0."""
    if media == Media.NETWORK:
        return document_of(machine)
    return document_of(
        machine,
        boot_interface="redfish-virtual-media",
        network_data=network_data(machine, network, _FIRST_HOST + number),
    )
