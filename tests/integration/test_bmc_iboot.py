"""Outlets of iBoot PDUs, against a server that was written by the protocol's description; no real PDU was there."""

import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from controller.bmc.iboot import IbootDriver, IbootOutlet
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import PowerState
from controller.hardware.registry import load_catalog
from controller.settings import Settings

S = 20.0
LOGIN = {"iboot_username": "admin", "iboot_password": "geheim"}


class Iboot:
    """Speaks DxP for three relays; ends connections without an answer whose numbers are in ``silent_ends``, counted from 1; of ``lost_answers`` it carries out the order before."""

    def __init__(self) -> None:
        self.relays = [0, 0, 0]
        self.lie: bytes | None = None
        self.is_stuck = False
        self.stays_open = False
        self.silent_ends: list[int] = []
        self.lost_answers: list[int] = []
        self.told: list[int] = []
        self.kept: list[Any] = []
        self.connections = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections += 1
            if self.stays_open:
                self.kept.append(connection.dup())
            with connection, connection.makefile("rwb") as stream:
                if self.lie is not None:
                    stream.write(self.lie)
                else:
                    self._talk(stream)

    def _talk(self, stream: Any) -> None:
        assert stream.read(9) == b"hello-000"
        stream.write(struct.pack("<H", 0xFFFF))
        stream.flush()
        command, user, password, what, zero, number = struct.unpack("<B21s21sBBH", stream.read(47))
        assert (command, zero, number) == (3, 0, 0)
        if (user.rstrip(b"\0"), password.rstrip(b"\0")) != (b"admin", b"geheim"):
            return
        self.told.append(what)
        if self.connections in self.silent_ends:
            return
        if what == 4:
            stream.write(bytes(self.relays))
            return
        relay, state = stream.read(2)
        if relay > len(self.relays):
            stream.write(b"\1")
            return
        if not self.is_stuck:
            self.relays[relay - 1] = state
        if self.connections not in self.lost_answers:
            stream.write(b"\0")


@contextmanager
def iboot() -> Iterator[Iboot]:
    found = Iboot()
    try:
        yield found
    finally:
        found.server.shutdown(socket.SHUT_RDWR)
        found.server.close()
        for one in found.kept:
            one.close()


def outlet(pdu: Iboot, **info: Any) -> IbootOutlet:
    return IbootDriver(off_s=0.1).connect(
        {"iboot_address": "127.0.0.1", "iboot_port": pdu.port, **LOGIN, **info}
    )


def test_an_outlet_is_switched_and_tells_its_state() -> None:
    with iboot() as pdu:
        found = outlet(pdu, iboot_relay_id="2")
        found.power_on(timeout_s=S)
        assert pdu.relays == [0, 1, 0]
        assert found.power_state(timeout_s=S) is PowerState.ON
        assert outlet(pdu).power_state(timeout_s=S) is PowerState.OFF
        found.power_off(timeout_s=S)
        assert found.power_state(timeout_s=S) is PowerState.OFF
        found.reset(timeout_s=S)
        assert pdu.relays == [0, 1, 0]
        with pytest.raises(BmcError, match="cannot ask the operating system"):
            found.soft_power_off(timeout_s=S)


def test_what_goes_wrong_is_told_without_the_password() -> None:
    with iboot() as pdu:
        with pytest.raises(BmcError, match="refuses the order"):
            outlet(pdu, iboot_relay_id=9).power_on(timeout_s=S)
        with pytest.raises(
            BmcAuthenticationFailed, match=r"ended the connection.*iboot_password"
        ) as error:
            outlet(pdu, iboot_password="wrong-wrong").power_on(timeout_s=S)
        assert "wrong-wrong" not in str(error.value)
        for lie in (b"", b"x"):
            pdu.lie = lie
            with pytest.raises(BmcUnreachable, match="no answer"):
                outlet(pdu).power_state(timeout_s=S)
        port = pdu.port
    with pytest.raises(BmcUnreachable, match="no answer"):
        IbootDriver().connect({"iboot_address": f"127.0.0.1:{port}", **LOGIN}).power_on(timeout_s=S)


@pytest.mark.parametrize("stays_open", [False, True])
@pytest.mark.parametrize("relay", [4, 9, 32])
def test_a_relay_that_is_not_there_is_told_with_their_number_and_at_once(
    relay: int, stays_open: bool
) -> None:
    with iboot() as pdu:
        pdu.stays_open = stays_open
        with pytest.raises(BmcError, match=rf"relay {relay}: it has 3 relays; set driver_info"):
            outlet(pdu, iboot_relay_id=relay).power_state(timeout_s=600)
        assert outlet(pdu, iboot_relay_id=3).power_state(timeout_s=S) is PowerState.OFF


def test_an_outlet_that_does_not_go_off_was_not_reset() -> None:
    with iboot() as pdu:
        found = outlet(pdu)
        found.power_on(timeout_s=S)
        pdu.is_stuck = True
        with pytest.raises(BmcError, match="the outlet is not off"):
            found.reset(timeout_s=S)


def test_an_outlet_is_switched_on_again_although_it_could_not_be_seen_to_be_off() -> None:
    with iboot() as pdu:
        found = outlet(pdu)
        found.power_on(timeout_s=S)
        pdu.silent_ends = [3]
        with pytest.raises(BmcUnreachable, match=r"ended the connection.*took this login before"):
            found.reset(timeout_s=S)
        assert pdu.told == [1, 1, 4, 1]
        assert pdu.relays == [1, 0, 0]
        found.reset(timeout_s=S)
        pdu.silent_ends = list(range(9, 99))
        with pytest.raises(BmcError, match="switch it on when it answers again"):
            found.reset(timeout_s=S)


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_reset_whose_first_answer_is_lost_leaves_no_machine_off(is_taken: bool) -> None:
    with iboot() as pdu:
        found = outlet(pdu)
        found.power_on(timeout_s=S)
        if is_taken:
            pdu.lost_answers = [2]
            found.reset(timeout_s=S)
            assert pdu.told == [1, 1, 4, 1]
        else:
            pdu.silent_ends = [2]
            with pytest.raises(BmcUnreachable, match="without an answer"):
                found.reset(timeout_s=S)
            assert pdu.told == [1, 1, 4]
        assert pdu.relays == [1, 0, 0]


def test_one_end_without_an_answer_is_no_wrong_login_if_it_was_good_before_and_two_are() -> None:
    with iboot() as pdu:
        driver = IbootDriver()
        info = {"iboot_address": "127.0.0.1", "iboot_port": pdu.port, **LOGIN}
        first, other = (driver.connect({**info, "iboot_relay_id": relay}) for relay in (1, 2))
        pdu.silent_ends = [2, 4, 6, 7]
        for _ in range(2):
            first.power_on(timeout_s=S)
            with pytest.raises(BmcUnreachable, match="try again"):
                other.power_on(timeout_s=S)
        first.power_on(timeout_s=S)
        with pytest.raises(BmcUnreachable, match="try again"):
            other.power_on(timeout_s=S)
        with pytest.raises(BmcAuthenticationFailed, match="as after a wrong login"):
            first.power_on(timeout_s=S)
        with pytest.raises(BmcAuthenticationFailed, match="it is tried again in"):
            other.power_on(timeout_s=S)
        assert pdu.connections == 7


def test_a_wrong_login_is_tried_once_by_all_outlets_of_a_pdu() -> None:
    with iboot() as pdu:
        driver = IbootDriver()
        info = {"iboot_address": "127.0.0.1", "iboot_port": pdu.port, **LOGIN}
        wrong = {**info, "iboot_password": "wrong"}

        def call(number: int) -> None:
            with pytest.raises(BmcAuthenticationFailed):
                driver.connect({**wrong, "iboot_relay_id": 1 + number % 3}).power_on(timeout_s=S)

        with ThreadPoolExecutor(24) as pool:
            list(pool.map(call, range(24)))
        assert pdu.connections == 1
        driver.connect(info).power_on(timeout_s=S)


def test_a_pdu_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        info = {"iboot_address": "127.0.0.1", "iboot_port": silent.getsockname()[1], **LOGIN}
        with pytest.raises(BmcUnreachable, match="timed out"):
            IbootDriver().connect(info).power_state(timeout_s=0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"iboot_address": None},
        {"iboot_username": None},
        {"iboot_password": None},
        {"iboot_password": "x" * 21},
        {"iboot_relay_id": 0},
        {"iboot_relay_id": 33},
        {"iboot_port": "x"},
    ],
)
def test_what_is_missing_or_malformed_is_named(change: dict[str, Any]) -> None:
    (key,) = change
    with pytest.raises(Invalid, match=key):
        IbootDriver().connect({"iboot_address": "192.0.2.9", **LOGIN, **change})


def test_the_hardware_type_leaves_the_boot_device_alone() -> None:
    found = load_catalog(Settings()).interfaces_of("iboot", {})
    assert (found.names["power"], found.names["management"]) == ("iboot", "noop")
