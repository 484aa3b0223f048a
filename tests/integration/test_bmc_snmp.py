"""Outlets of PDUs as machines' power switches: every kind against a real snmpd, every way to log in, and PDUs that misbehave."""

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.bmc.noop import NoopManagement
from controller.bmc.snmp import SnmpDriver, SnmpOutlet
from controller.bmc.snmp_outlets import TABLES
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.bmc import BootDevice, BootMode, PowerState
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from tests.integration.bmc_doubles import Chassis
from tests.lab.pdu.models import MODELS
from tests.lab.pdu.pdu import AUTH_KEY, PRIV_KEY, READ_COMMUNITY, USER, Pdu

S = 20.0
DRIVERS: list[SnmpDriver] = []
QUICK = {"snmp_outlet": 7, "snmp_off_seconds": 0}

NONSENSE = (b"\x30\x82", b"HTTP/1.1 200 OK", b"\x30" + b"\xff" * 60_000)


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pdu]:
    with Pdu(
        "apc_rackpdu", {7: Chassis(), 8: Chassis()}, folder=tmp_path_factory.mktemp("p")
    ) as pdu:
        yield pdu


@pytest.fixture
def pdu(rack: Pdu) -> Iterator[Pdu]:
    """The rack's PDU with everything off and no faults, before and after."""
    for outlet in rack.outlets.values():
        outlet.is_on = outlet.wanted = False
    rack.asked.clear()
    yield rack
    rack.faults = type(rack.faults)()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """End what the test's drivers keep."""
    yield
    while DRIVERS:
        DRIVERS.pop().wire.close()


def usual(cases: Iterable[Any], *chosen: Any) -> list[Any]:
    """Return the parameters, all but the chosen ones for the long tests alone."""
    return [
        pytest.param(
            *(one if isinstance(one, tuple) else (one,)),
            marks=() if one in chosen or one[0] in chosen else pytest.mark.long,
        )
        for one in cases
    ]


def outlet(pdu: Pdu, **changes: Any) -> SnmpOutlet:
    DRIVERS.append(SnmpDriver())
    return DRIVERS[-1].connect({**pdu.driver_info, **QUICK, **changes})


def test_every_kind_of_pdu_is_modelled_here() -> None:
    assert {table.name for table in TABLES} == set(MODELS)


@pytest.mark.parametrize(
    "kind", usual(sorted(MODELS), "apc_rackpdu", "eatonpower", "servertech_sentry4", "teltronix")
)
def test_an_outlet_of_every_kind_is_switched_and_tells_its_state(tmp_path: Path, kind: str) -> None:
    machine, neighbour = Chassis(), Chassis(is_on=True)
    with Pdu(kind, {7: machine, 8: neighbour}, folder=tmp_path) as pdu:
        found = outlet(pdu)
        by_itself = outlet(pdu, snmp_driver="auto")
        assert found.power_state(timeout_s=S) is PowerState.OFF
        found.power_on(timeout_s=S)
        assert machine.is_on
        assert by_itself.power_state(timeout_s=S) is PowerState.ON
        by_itself.power_off(timeout_s=S)
        assert not machine.is_on
        assert found.power_state(timeout_s=S) is PowerState.OFF
        assert neighbour.is_on
        assert all(f".{7}" in line for line in pdu.asked)


@pytest.mark.parametrize(
    "kind", usual(sorted(kind for kind, model in MODELS.items() if model.pending), "eatonpower")
)
def test_an_outlet_that_is_about_to_switch_has_not_switched(tmp_path: Path, kind: str) -> None:
    machine = Chassis()
    with Pdu(kind, {7: machine}, folder=tmp_path) as pdu:
        found = outlet(pdu)
        pdu.faults.takes_s = 3600
        found.power_on(timeout_s=S)
        assert found.power_state(timeout_s=S) is not PowerState.ON
        pdu.outlets[7].is_on = pdu.outlets[7].wanted = True
        found.power_off(timeout_s=S)
        assert found.power_state(timeout_s=S) is not PowerState.OFF


@pytest.mark.parametrize(
    ("auth", "priv", "info"),
    usual(
        [
            ("MD5", "DES", {}),
            ("SHA", "AES", {"snmp_auth_protocol": "sha", "snmp_priv_protocol": "aes"}),
            ("SHA-224", "AES", {"snmp_auth_protocol": "sha224", "snmp_priv_protocol": "aes"}),
            ("SHA-256", "AES", {"snmp_auth_protocol": "SHA256", "snmp_priv_protocol": "AES"}),
            ("SHA-384", "AES", {"snmp_auth_protocol": "sha384", "snmp_priv_protocol": "aes"}),
            ("SHA-512", "AES", {"snmp_auth_protocol": "sha512", "snmp_priv_protocol": "aes"}),
        ],
        "MD5",
        "SHA-256",
    ),
)
def test_version_3_authenticates_and_encrypts(
    tmp_path: Path, auth: str, priv: str, info: dict[str, Any]
) -> None:
    machine = Chassis()
    keys = {"snmp_auth_key": AUTH_KEY, "snmp_priv_key": PRIV_KEY}
    with Pdu("apc_rackpdu", {7: machine}, folder=tmp_path, auth=auth, priv=priv) as pdu:
        found = outlet(pdu, snmp_version=3, snmp_user=USER, **keys, **info)
        found.power_on(timeout_s=S)
        assert machine.is_on
        assert found.power_state(timeout_s=S) is PowerState.ON


def test_version_3_goes_on_with_a_pdu_that_was_replaced(tmp_path: Path) -> None:
    keys = {"snmp_auth_key": AUTH_KEY, "snmp_priv_key": PRIV_KEY, "snmp_priv_protocol": "aes"}
    with Pdu("apc_rackpdu", {7: Chassis()}, folder=tmp_path) as pdu:
        found = outlet(pdu, snmp_version=3, snmp_user=USER, snmp_auth_protocol="sha256", **keys)
        assert found.power_state(timeout_s=S) is PowerState.OFF
        pdu.stop()
        pdu.start()  # it has another engine now, which does not know the old one's name
        assert found.power_state(timeout_s=S) is PowerState.OFF


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"snmp_user": "bob"}, BmcAuthenticationFailed),
        ({"snmp_auth_key": "wrong-wrong"}, BmcAuthenticationFailed),
        ({"snmp_priv_key": "wrong-wrong"}, BmcError),
        ({"snmp_priv_protocol": "none", "snmp_priv_key": None}, BmcError),
    ],
)
def test_a_wrong_login_of_version_3_is_told_without_the_keys(
    pdu: Pdu, info: dict[str, Any], kind: type[BmcError]
) -> None:
    good = {
        "snmp_version": 3,
        "snmp_user": USER,
        "snmp_auth_protocol": "sha256",
        "snmp_auth_key": AUTH_KEY,
        "snmp_priv_protocol": "aes",
        "snmp_priv_key": PRIV_KEY,
    }
    found = outlet(pdu, **{**good, **info})
    with pytest.raises(kind, match="outlet 7") as error:
        found.power_on(timeout_s=1.5)
    assert not any(key in str(error.value) for key in (AUTH_KEY, PRIV_KEY, "wrong-wrong"))
    outlet(pdu, **good).power_on(timeout_s=S)
    assert pdu.is_on(7)


def test_a_user_that_was_refused_is_not_tried_again_at_once(tmp_path: Path) -> None:
    keys = {"snmp_auth_key": AUTH_KEY, "snmp_priv_key": PRIV_KEY, "snmp_priv_protocol": "aes"}
    with Pdu("apc_rackpdu", {7: Chassis()}, folder=tmp_path) as pdu:
        good = {"snmp_version": 3, "snmp_user": USER, "snmp_auth_protocol": "sha256", **keys}
        right = outlet(pdu, **good)
        driver = DRIVERS[-1]
        wrong = {**pdu.driver_info, **QUICK, **good, "snmp_auth_key": "wrong-wrong"}
        with pytest.raises(BmcAuthenticationFailed, match="refuses user"):
            driver.connect(wrong).power_state(timeout_s=S)
        assert right.power_state(timeout_s=S) is PowerState.OFF
        pdu.stop()  # whoever asks now gets no answer
        for number in (7, 8):
            with pytest.raises(BmcAuthenticationFailed, match=r"tried again in (60|5\d) s"):
                driver.connect({**wrong, "snmp_outlet": number}).power_state(timeout_s=S)


@pytest.mark.parametrize("version", ["1", "2c"])
def test_a_community_that_may_only_read_switches_nothing(pdu: Pdu, version: str) -> None:
    found = outlet(pdu, snmp_version=version, snmp_community_write=READ_COMMUNITY)
    assert found.power_state(timeout_s=S) is PowerState.OFF
    with pytest.raises(BmcError, match="snmp_community_write"):
        found.power_on(timeout_s=S)
    assert not pdu.is_on(7)


@pytest.mark.parametrize("version", ["1", "2c"])
def test_an_outlet_that_is_not_there_is_named(pdu: Pdu, version: str) -> None:
    found = outlet(pdu, snmp_version=version, snmp_outlet=99)
    with pytest.raises(BmcError, match=r"outlet 99.*no such outlet"):
        found.power_state(timeout_s=S)
    with pytest.raises(BmcError, match="outlet 99"):
        found.power_off(timeout_s=S)


def test_no_answer_is_a_pdu_that_cannot_be_reached_now(pdu: Pdu) -> None:
    for changes in ({"snmp_community_read": "guess"}, {"snmp_port": 1}):
        began = time.monotonic()
        with pytest.raises(BmcUnreachable, match="outlet 7: no answer") as error:
            outlet(pdu, **changes).power_state(timeout_s=1)
        assert time.monotonic() - began < 30
        assert "guess" not in str(error.value)


def test_a_name_that_no_name_server_knows_is_told(pdu: Pdu) -> None:
    with pytest.raises(BmcUnreachable, match="check its address"):
        outlet(pdu, snmp_address="pdu.invalid").power_state(timeout_s=S)


def test_a_lost_datagram_is_sent_again(pdu: Pdu) -> None:
    """Something in between loses the first of every request."""
    seen: list[bytes] = []
    between = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    between.bind(("127.0.0.1", 0))

    def carry() -> None:
        onward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        onward.settimeout(10)
        with onward:
            for _ in range(2):
                packet, peer = between.recvfrom(1 << 16)
                seen.append(packet)
            onward.sendto(packet, ("127.0.0.1", pdu.port))
            between.sendto(onward.recv(1 << 16), peer)

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    found = outlet(pdu, snmp_port=between.getsockname()[1])
    assert found.power_state(timeout_s=S) is PowerState.OFF
    assert len(seen) == 2
    between.close()


@pytest.mark.parametrize(
    ("version", "packet"),
    usual(
        [(version, packet) for version in ("1", "2c", "3") for packet in NONSENSE],
        *zip(("1", "2c", "3"), NONSENSE, strict=True),
    ),
)
def test_nonsense_is_no_answer_and_leaves_nothing_behind(
    pdu: Pdu, version: str, packet: bytes
) -> None:
    liar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    liar.bind(("127.0.0.1", 0))
    threads = threading.active_count()

    def lie() -> None:
        while True:
            try:
                _, peer = liar.recvfrom(1 << 16)
                liar.sendto(packet, peer)
            except OSError:
                return

    threading.Thread(target=lie, daemon=True).start()
    login = {"snmp_user": USER, "snmp_auth_key": AUTH_KEY, "snmp_priv_key": PRIV_KEY}
    found = outlet(pdu, snmp_version=version, snmp_port=liar.getsockname()[1], **login)
    with pytest.raises(BmcError, match="outlet 7"):
        found.power_state(timeout_s=0.4)
    liar.close()
    assert threading.active_count() <= threads + 1


def test_an_unknown_machine_is_not_taken_for_a_pdu(pdu: Pdu, tmp_path: Path) -> None:
    with Pdu("teltronix", {7: Chassis()}, folder=tmp_path) as other:
        other.stop()
        settings = tmp_path / "snmpd.conf"
        settings.write_text(settings.read_text().replace("23620.1\n", "8072.3.2.10\n"))
        other.start()
        with pytest.raises(BmcError, match=r"1\.3\.6\.1\.4\.1\.8072\.3\.2\.10.*snmp_driver"):
            outlet(other, snmp_driver="auto").power_on(timeout_s=S)
        assert not other.is_on(7)


def test_a_reset_is_off_a_wait_and_on(pdu: Pdu) -> None:
    found = outlet(pdu, snmp_off_seconds=1)
    found.power_on(timeout_s=S)
    pdu.asked.clear()
    began = time.monotonic()
    found.reset(timeout_s=S)
    assert time.monotonic() - began >= 1
    orders = [line.rpartition(" ")[2] for line in pdu.asked if line.startswith("set")]
    assert orders == ["2", "1"]
    assert pdu.is_on(7)


def test_a_reset_does_not_switch_on_what_did_not_go_off(pdu: Pdu) -> None:
    found = outlet(pdu)
    found.power_on(timeout_s=S)
    pdu.faults.ignores_orders = True
    with pytest.raises(BmcUnreachable, match="is not off"):
        found.reset(timeout_s=2)
    assert pdu.is_on(7)


def test_outlets_are_switched_side_by_side_one_call_at_a_time(pdu: Pdu) -> None:
    driver = SnmpDriver()
    errors: list[BmcError] = []

    def switch(number: int) -> None:
        found = driver.connect({**pdu.driver_info, **QUICK, "snmp_outlet": number})
        try:
            for _ in range(10):
                found.power_on(timeout_s=S)
                found.power_off(timeout_s=S)
            found.power_on(timeout_s=S)
        except BmcError as error:
            errors.append(error)

    threads = [threading.Thread(target=switch, args=(number,)) for number in (7, 8, 7, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert pdu.is_on(7)
    assert pdu.is_on(8)


def test_a_pdu_asks_no_operating_system(pdu: Pdu) -> None:
    with pytest.raises(BmcError, match="cannot ask the operating system"):
        outlet(pdu).soft_power_off(timeout_s=S)


def test_nodes_of_the_hardware_type_have_noop_management(pdu: Pdu) -> None:
    found = load_catalog(Settings()).interfaces_of("snmp", {})
    assert found.names["management"] == "noop"
    management = found.management.connect({})
    assert isinstance(management, NoopManagement)
    management.set_boot_device(BootDevice.PXE, mode=BootMode.BIOS, persistent=False, timeout_s=S)
    assert management.boot_device(timeout_s=S).device is None
    found.power.connect({**pdu.driver_info, **QUICK}).power_on(timeout_s=S)
    assert pdu.is_on(7)
