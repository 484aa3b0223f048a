"""Magic packets as they are on the wire, and nodes that are woken or asked for by the controller."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from controller.bmc.wake_on_lan import WakeOnLanDriver
from controller.errors import BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import PowerControl, PoweredNode, PowerState
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from tests.integration.bmc_doubles import Chassis
from tests.lab.magic_packets import MagicPackets
from tests.lab.network import Network

pytestmark = pytest.mark.root
MACS = ("52:54:00:12:34:56", "52:54:00:ab:cd:ef")
S = 5.0


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    made = Network(scratch=tmp_path_factory.mktemp("lab"))
    try:
        yield made
    finally:
        made.close()


def connect(macs: tuple[str, ...] = MACS, **info: Any) -> PowerControl:
    node = PoweredNode(
        uuid="u", label="one", driver_info=info, macs=macs, power_state=None, agent=None
    )
    return WakeOnLanDriver().connect_node(node)


@pytest.mark.parametrize("port", [None, 7])
def test_every_card_of_the_node_is_woken_on_the_wire(network: Network, port: int | None) -> None:
    machines = [Chassis(), Chassis()]
    stranger = Chassis()
    network.add_tap("asleep")
    sleepers = [*zip(MACS, machines, strict=True), ("52:54:00:00:00:01", stranger)]
    with MagicPackets(network, sleepers) as packets:
        with network.inside():
            connect(wol_host=network.address(255), wol_port=port).power_on(timeout_s=S)
        ends_at = time.monotonic() + 10
        while not all(one.is_on for one in machines) and time.monotonic() < ends_at:
            time.sleep(0.01)
    network.remove_tap("asleep")
    assert all(one.is_on for one in machines)
    assert not stranger.is_on
    for frame in packets.frames:
        assert frame[:6] == b"\xff" * 6, "sent to every card"
        assert int.from_bytes(frame[36:38], "big") == (port or 9), "UDP port"
        assert len(frame) == 14 + 20 + 8 + 102


def test_what_cannot_be_sent_is_told(network: Network) -> None:
    with network.inside(), pytest.raises(BmcUnreachable, match=r"203\.0\.113\.9.*wol_host"):
        connect(wol_host="203.0.113.9").power_on(timeout_s=S)
    with pytest.raises(BmcError, match="has no port"):
        connect(macs=()).power_on(timeout_s=S)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"wol_host": "everybody.example"}, "give an IP address"),
        ({"wol_host": "1.2.3"}, "wol_host"),
        ({"wol_host": ["x"]}, "must be a text"),
        ({"wol_port": 0}, "wol_port"),
        ({"wol_port": "x"}, "wol_port"),
    ],
)
def test_what_is_malformed_is_refused(info: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        connect(**info)


@pytest.mark.parametrize("driver", ["wol", "manual-management"])
def test_the_hardware_types_leave_the_boot_device_alone(driver: str) -> None:
    found = load_catalog(Settings()).interfaces_of(driver, {})
    assert found.names["management"] == "noop"
    assert found.names["power"] == {"wol": "wol", "manual-management": "agent"}[driver]


def test_a_machine_of_which_nothing_is_known_counts_as_off() -> None:
    assert connect().power_state(timeout_s=S) is PowerState.OFF
