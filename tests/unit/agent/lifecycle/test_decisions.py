"""What the life of the agent is decided by, apart from the network."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import pytest

from agent.commands.identity import Identity
from agent.daemon import parse_bind
from agent.errors import ControllerRefused, LookupFailed, SettingError
from agent.hardware.devices import NetworkInterface
from agent.hardware.registry import Hardware
from agent.lifecycle.addresses import callback_url, interface_address
from agent.lifecycle.controller_client import ControllerClient, older, refusal_text
from agent.lifecycle.heartbeat import next_beat_in
from agent.lifecycle.lookup import Patience, delay_after, look_up
from agent.lifecycle.readiness import order_macs, wait_for_addresses, wait_for_macs
from agent.protocol.lookup import LookupResponse


def high(_low: float, high: float) -> float:
    return high


def low(low: float, _high: float) -> float:
    return low


def test_the_pause_between_lookups_doubles_up_to_a_minute() -> None:
    longest = [delay_after(n, 404, 1.0, high) for n in range(1, 9)]
    assert longest == [2, 4, 8, 16, 32, 60, 60, 60]
    assert delay_after(8, 404, 1.0, low) == 1.0
    assert delay_after(10_000, None, 1.0, high) == 60


def test_a_node_that_is_being_worked_on_is_asked_for_again_soon() -> None:
    assert [delay_after(n, 409, 1.0, high) for n in range(1, 6)] == [2, 5, 10, 30, 30]


def test_the_controller_hears_of_us_two_to_three_times_in_its_timeout() -> None:
    assert next_beat_in(failures=0, heartbeat_timeout_s=300, uniform=low) == 90
    assert next_beat_in(failures=0, heartbeat_timeout_s=300, uniform=high) == 180


@pytest.mark.parametrize(
    ("timeout_s", "pauses"),
    [(300, [5, 10, 20, 40, 45, 45]), (60, [5, 9, 9, 9, 9, 9]), (10, [5, 5, 5, 5, 5, 5])],
)
def test_an_agent_that_is_refused_asks_ever_more_rarely_and_within_the_limit(
    timeout_s: float, pauses: list[float]
) -> None:
    found = [
        next_beat_in(failures=number, heartbeat_timeout_s=timeout_s, uniform=lambda low, _high: low)
        for number in (1, 2, 3, 4, 5, 5000)
    ]
    assert found == pauses


def test_versions_are_numbers_and_not_text() -> None:
    assert older("1.115", "1.68") == "1.68"
    assert older("1.9", "1.68") == "1.9"


@pytest.mark.parametrize(
    "body",
    [
        b'{"error_message": "{\\"faultcode\\": \\"Client\\", \\"faultstring\\": \\"no such node\\"}"}',
        b'{"error_message": {"faultcode": "Client", "faultstring": "no such node"}}',
        b'{"error_message": "no such node"}',
        b"no such node\n",
    ],
)
def test_what_the_controller_said_is_found_in_every_shape_of_error(body: bytes) -> None:
    assert refusal_text(body) == "no such node"


def test_an_ipv6_address_is_put_into_brackets() -> None:
    assert callback_url("https", "fd00::1", 9999) == "https://[fd00::1]:9999"
    assert callback_url("http", "192.0.2.1", 80) == "http://192.0.2.1:80"


def nic(name: str, mac: str, ipv4: str | None = None) -> NetworkInterface:
    return NetworkInterface(name=name, mac=mac, has_carrier=True, ipv4=ipv4)


def test_the_interface_the_machine_was_booted_from_comes_first() -> None:
    nics = [nic("a", "00:00:00:00:00:01"), nic("b", "00:00:00:00:00:02"), nic("c", "")]
    assert order_macs(nics, "00:00:00:00:00:02") == ("00:00:00:00:00:02", "00:00:00:00:00:01")
    assert order_macs(nics, None) == ("00:00:00:00:00:01", "00:00:00:00:00:02")
    assert order_macs([], "00:00:00:00:00:02") == ()


class LateNics:
    """A machine whose ``later`` interfaces appear after ``after_s`` on a clock that only waiting moves."""

    def __init__(self, first: list[NetworkInterface], later: list[NetworkInterface]) -> None:
        self._first = first
        self._later = later
        self.now_s = 0.0
        self.after_s = 5.0

    def nics(self) -> list[NetworkInterface]:
        return self._first + (self._later if self.now_s >= self.after_s else [])

    def wait(self, seconds: float) -> bool:
        self.now_s += seconds
        return False

    def wait_for_macs(self, boot_mac: str | None) -> None:
        wait_for_macs(cast("Hardware", self), boot_mac, self.wait, lambda: self.now_s)


ONE, TWO = nic("a", "00:00:00:00:00:01"), nic("b", "00:00:00:00:00:02")


@pytest.mark.parametrize(
    ("first", "later", "boot_mac", "waited_s"),
    [
        ([ONE], [TWO], TWO.mac, 5),
        ([ONE], [TWO], ONE.mac, 0),
        ([ONE], [TWO], None, 0),
        ([], [TWO], None, 5),
        ([ONE], [], TWO.mac, 15),
        ([], [ONE], TWO.mac, 15),
    ],
)
def test_the_interface_the_machine_was_booted_from_is_waited_for_but_not_without_end(
    first: list[NetworkInterface],
    later: list[NetworkInterface],
    boot_mac: str | None,
    waited_s: float,
) -> None:
    machine = LateNics(first, later)
    machine.wait_for_macs(boot_mac)
    assert machine.now_s == waited_s


def test_a_machine_without_network_interfaces_is_said_to_be_so_after_a_minute() -> None:
    machine = LateNics([], [])
    with pytest.raises(LookupFailed, match="no network interface after 60 s"):
        machine.wait_for_macs(None)
    assert 60 <= machine.now_s <= 61


class SlowDhcp:
    """A machine whose interface ``a`` has an address after two waits; ``b`` has a carrier and never one, ``c`` has neither."""

    A = replace(nic("a", "00:00:00:00:00:01"), has_carrier=True)
    B = replace(nic("b", "00:00:00:00:00:02"), has_carrier=True)
    C = replace(nic("c", "00:00:00:00:00:03"), has_carrier=False)

    def __init__(self, *, ends: bool = False) -> None:
        self.waits = 0
        self._ends = ends

    def nics(self) -> list[NetworkInterface]:
        first = replace(self.A, ipv6="fd00::1") if self.waits >= 2 else self.A
        return [first, self.B, self.C]

    def wait(self, _seconds: float) -> bool:
        self.waits += 1
        return self._ends

    def wait_for_addresses(self, mac: str | None, timeout_s: float) -> int:
        wait_for_addresses(cast("Hardware", self), mac, timeout_s, self.wait)
        return self.waits


def test_an_inspection_waits_for_the_address_of_the_interface_it_was_booted_from() -> None:
    assert SlowDhcp().wait_for_addresses(SlowDhcp.A.mac, 60) == 2
    assert SlowDhcp().wait_for_addresses("", 60) == 0  # it is not known
    assert SlowDhcp().wait_for_addresses("00:00:00:00:00:09", 60) == 0  # it is not there


def test_an_inspection_goes_on_without_an_address(caplog: pytest.LogCaptureFixture) -> None:
    assert SlowDhcp().wait_for_addresses(SlowDhcp.B.mac, 0) == 0
    assert SlowDhcp(ends=True).wait_for_addresses(None, 60) == 1
    told = [record.__dict__["interfaces"] for record in caplog.records]
    assert told == ["b", "a, b"]


class KnowsOneMac(ControllerClient):
    """A controller that knows the node by the address of :data:`TWO` alone."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def lookup(self, macs: Sequence[str], node_uuid: str | None) -> LookupResponse:
        self.asked.append(tuple(macs))
        if TWO.mac not in macs:
            raise ControllerRefused("lookup: no such node", answered=404)
        body = {
            "node": {"uuid": "u"},
            "config": {"heartbeat_timeout": 300, "agent_token": "t" * 43},
        }
        return msgspec.convert(body, LookupResponse)


def test_an_interface_that_appears_late_is_looked_up_as_well(tmp_path: Path) -> None:
    machine = LateNics([ONE], [TWO])
    client = KnowsOneMac()
    patience = Patience(timeout_s=60, interval_s=1, uniform=high, wait=machine.wait)
    found = look_up(
        client,
        lambda: order_macs(machine.nics(), TWO.mac),
        None,
        Identity(tmp_path / "token", ""),
        patience,
    )
    assert found.node.uuid == "u"
    assert client.asked == [(ONE.mac,), (ONE.mac,), (TWO.mac, ONE.mac)]


def test_the_address_of_a_named_interface_is_taken_or_the_others_are_listed() -> None:
    nics = [nic("eth0", "x"), nic("eth1", "y", "192.0.2.7")]
    assert interface_address(nics, "eth1") == "192.0.2.7"
    with pytest.raises(LookupFailed, match=r"eth0 \(no address\), eth1 \(192\.0\.2\.7\)"):
        interface_address(nics, "eth0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", {"listen_host": "127.0.0.1"}),
        ("127.0.0.1:0", {"listen_host": "127.0.0.1", "listen_port": 0}),
        ("[::1]:99", {"listen_host": "::1", "listen_port": 99}),
        ("[::1]", {"listen_host": "::1"}),
        ("::1", {"listen_host": "::1"}),
        (":9999", {"listen_host": "", "listen_port": 9999}),
    ],
)
def test_an_address_to_serve_on_is_a_host_with_or_without_a_port(
    text: str, expected: dict[str, object]
) -> None:
    assert parse_bind(text) == expected


def test_a_port_is_a_number() -> None:
    with pytest.raises(SettingError, match="'http' is not a port number"):
        parse_bind("127.0.0.1:http")
