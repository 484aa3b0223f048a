"""What a client of a console's TCP port may cost: one that vanishes, idles, creeps or chatters, and a process without descriptors."""

import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.consoles.number_file import NumberFile
from controller.consoles.port_numbers import PortRange
from controller.consoles.ring_log import RingLog
from controller.consoles.shared_line import LineState, SharedLine
from controller.consoles.tcp_ports import ConsolePorts
from tests.integration.waiting import wait_until
from tests.lab.ports import free_port

pytestmark = [pytest.mark.timeout(150)]
_PATIENCE_S = 60
_TCP_REPAIR = 19
Make = Callable[[float], tuple[SharedLine, int]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Open the port of a console with nothing behind it; the argument is how long a connection may idle."""
    made: list[ConsolePorts] = []

    def open_port(idle_s: float) -> tuple[SharedLine, int]:
        line = SharedLine(RingLog(tmp_path / "x.log", 1 << 26), lambda: None)
        line.set_state(LineState.OPEN)
        number = free_port()
        ports = PortRange(address="127.0.0.1", first=number, last=number, idle_s=idle_s)
        made.append(ConsolePorts({"a": line}.get, ports))
        made[-1].keep_alive()
        made[-1].want({"a": None})
        wait_until(lambda: made[-1].url_of("a") is not None, _PATIENCE_S, "its port")
        return line, number

    yield open_port
    for one in made:
        one.stop()


def test_who_has_which_port_is_written_down(tmp_path: Path) -> None:
    line = SharedLine(RingLog(tmp_path / "x.log", 1 << 20), lambda: None)
    line.set_state(LineState.OPEN)
    number, file = free_port(), tmp_path / "ports.json"
    only = PortRange(address="127.0.0.1", first=number, last=number)
    ports = ConsolePorts({"a": line}.get, only, NumberFile(file))
    ports.keep_alive()
    ports.want({"a": None})
    wait_until(lambda: ports.url_of("a") is not None, _PATIENCE_S, "its port")
    ports.stop()
    assert NumberFile(file).read() == {number: "a"}


def _connect(number: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", number), timeout=_PATIENCE_S)


def _watchers(line: SharedLine, count: int) -> None:
    wait_until(lambda: line.standing().watchers == count, _PATIENCE_S, f"{count} connections")


@pytest.mark.long
@pytest.mark.root  # a socket that goes without a word
def test_a_client_that_vanished_without_a_word_gives_its_place_back(make: Make) -> None:
    line, number = make(0.0)
    link = _connect(number)
    _watchers(line, 1)
    link.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    link.close()
    _watchers(line, 0)
    with _connect(number):
        _watchers(line, 1)


def test_a_connection_on_which_nothing_moves_is_ended(make: Make) -> None:
    line, number = make(2.0)
    with _connect(number) as link:
        assert link.recv(1) == b""
    _watchers(line, 0)


@pytest.mark.long
def test_who_takes_a_byte_now_and_then_is_slow(make: Make) -> None:
    line, number = make(0.0)
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        link.connect(("127.0.0.1", number))
        _watchers(line, 1)
        for _ in range(1024):
            line.show(b"x" * 16384)
        link.settimeout(_PATIENCE_S)
        deadline = time.monotonic() + 2 * _PATIENCE_S
        while line.standing().watchers:
            assert link.recv(50)
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_who_types_in_vain_is_told_and_not_once_for_each_piece(make: Make) -> None:
    line, number = make(0.0)
    line.take_keyboard("ann", by_force=False)
    with _connect(number) as link:
        _watchers(line, 1)
        for _ in range(300):
            link.sendall(b"x")
            time.sleep(0.005)
        line.show(b"the end")
        told = b""
        while b"the end" not in told:
            told += link.recv(4096)
        assert 1 <= told.count(b"ann types on this console") < 30


def test_without_descriptors_the_thread_rests_and_goes_on_later(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    line, number = make(0.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as link:
        resource.setrlimit(resource.RLIMIT_NOFILE, (link.fileno() + 1, hard))
        held = _fill()
        try:
            with caplog.at_level(logging.WARNING):
                link.connect(("127.0.0.1", number))
                before = _computed_s()
                time.sleep(2.5)
                spent = _computed_s() - before
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for one in held:
                os.close(one)
        told = [one.message for one in caplog.records if "can be accepted" in one.message]
        assert 1 <= len(told) <= 5
        assert spent < 1.0, "it is a busy loop"
        _watchers(line, 1)


def _fill() -> list[int]:
    held: list[int] = []
    while True:
        try:
            held.append(os.dup(0))
        except OSError:
            return held


def _computed_s() -> float:
    """Return what this process has computed, in seconds."""
    return time.process_time()
