"""A serial line over a network that loses, doubles and delays packets: no byte is lost or doubled, in either direction."""

import contextlib
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from controller.bmc.ipmi_wire import Login
from controller.hardware.console import DENIED, FAILED, OPENED, SHOWN, TYPED
from controller.peers.fork_host import ForkHost
from tests.integration.bmc_doubles import LabMachine, lab_machine
from tests.lab.bad_wire import BadWire, Weather
from tests.lab.serial_line import SerialLine

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]
_PATIENCE_S = 120


class _Machine:
    """What is behind the serial line: it keeps what is typed."""

    def __init__(self) -> None:
        self.typed = bytearray()
        self.serial = SerialLine(self._take)
        self._grown = threading.Condition()

    def _take(self, data: bytes) -> None:
        with self._grown:
            self.typed += data
            self._grown.notify_all()

    def wait_for(self, size_bytes: int) -> bytes:
        with self._grown:
            assert self._grown.wait_for(lambda: len(self.typed) >= size_bytes, _PATIENCE_S)
            return bytes(self.typed)


@contextmanager
def _host() -> Iterator[ForkHost]:
    made = ForkHost("controller.bmc.sol_worker")
    try:
        yield made
    finally:
        made.close()


class _Wire(BadWire):
    """The wire to one of the lab's BMCs."""

    def __init__(self, lab: LabMachine, weather: Weather) -> None:
        super().__init__((lab.bmc.address, lab.bmc.port), weather)
        self.lab = lab


@contextmanager
def _opened(directory: Path, weather: Weather) -> Iterator[tuple[_Machine, socket.socket, _Wire]]:
    machine = _Machine()
    with lab_machine(directory, machine.serial) as lab, lab.network.inside(), _host() as host:
        wire = _Wire(lab, weather)
        try:
            yield machine, _open(host, lab, wire.address), wire
        finally:
            wire.close()


def _open(host: ForkHost, lab: LabMachine, address: tuple[str, int]) -> socket.socket:
    for _ in range(5):  # a login through such a network may fail; the controller tries again
        channel = _ordered(host, lab, address, lab.bmc.password)
        if channel.recv(4096) == OPENED:
            return channel
        channel.close()
    raise AssertionError("it could not be opened")


def _ordered(
    host: ForkHost, lab: LabMachine, address: tuple[str, int], password: str
) -> socket.socket:
    login = Login(
        address=address[0],
        port=address[1],
        username=lab.bmc.username,
        password=password,
        privilege_level=4,
        cipher_suite=None,
        kg=None,
    )
    channel = host.connect()
    channel.settimeout(_PATIENCE_S)
    channel.send(msgspec.msgpack.encode(login))
    return channel


def _read(channel: socket.socket, size_bytes: int) -> bytes:
    """Return what is shown: so much, and what comes in the second after it."""
    shown = bytearray()
    while len(shown) < size_bytes:
        message = channel.recv(4096)
        assert message.startswith(SHOWN), message
        shown += message[1:]
    channel.settimeout(1)
    with contextlib.suppress(TimeoutError):
        while message := channel.recv(4096):
            shown += message[1:]
    channel.settimeout(_PATIENCE_S)
    return bytes(shown)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_byte_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    printed, typed = chance.randbytes(6_000), chance.randbytes(2_000)
    weather = Weather(lost=0.1, doubled=0.1, late=0.1, seed=seed)
    with _opened(tmp_path, weather) as (machine, channel, wire):
        show = threading.Thread(target=machine.serial.show, args=(printed,), kwargs={"waits": True})
        show.start()
        for begin in range(0, len(typed), 40):
            channel.send(TYPED + typed[begin : begin + 40])
        assert _read(channel, len(printed)) == printed
        assert machine.wait_for(len(typed)) == typed
        show.join()
        assert min(wire.tally.lost, wire.tally.doubled, wire.tally.late) > 3
        channel.close()


def test_a_wrong_password_is_told_apart_from_other_failures(tmp_path: Path) -> None:
    machine = _Machine()
    with lab_machine(tmp_path, machine.serial) as lab, lab.network.inside(), _host() as host:
        channel = _ordered(host, lab, (lab.bmc.address, lab.bmc.port), "wrong")
        message = channel.recv(4096)
        channel.close()
    assert message.startswith(DENIED)
    assert b"wrong" not in message


def test_a_bmc_without_a_serial_line_says_so(tmp_path: Path) -> None:
    with lab_machine(tmp_path) as lab, lab.network.inside(), _host() as host:
        channel = _ordered(host, lab, (lab.bmc.address, lab.bmc.port), lab.bmc.password)
        message = channel.recv(4096)
        channel.close()
    assert message.startswith(FAILED)
    assert b"serial over LAN is refused" in message


def test_the_console_passes_to_who_opens_it_last(tmp_path: Path) -> None:
    with _opened(tmp_path, Weather()) as (machine, first, wire), _host() as host:
        second = _open(host, wire.lab, wire.address)
        assert first.recv(4096) == FAILED + b"the BMC has given the console to another client"
        assert first.recv(4096) == b""  # the child has ended, and given back what was its
        machine.serial.show(b"hello", waits=True)
        assert second.recv(4096) == SHOWN + b"hello"
        first.close()
        second.close()


def test_a_bmc_that_falls_silent_is_noticed_by_who_types(tmp_path: Path) -> None:
    with _opened(tmp_path, Weather()) as (_machine, channel, wire):
        wire.weather.lost = 1.0
        channel.send(TYPED + b"x")
        assert channel.recv(4096) == FAILED + b"the BMC has fallen silent"
        channel.close()
