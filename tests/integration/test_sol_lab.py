"""Serial over LAN of the laboratory's BMC, judged by ``ipmitool``."""

import os
import queue
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.bmc_doubles import LabMachine, lab_machine
from tests.integration.terminal import on_terminal
from tests.lab.serial_line import SerialLine

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
_PATIENCE_S = 30


class _Line:
    """A serial line with nothing but a queue behind it."""

    def __init__(self) -> None:
        self.typed: queue.Queue[bytes] = queue.Queue()
        self.serial = SerialLine(self.typed.put)

    def expect(self, wanted: bytes) -> None:
        got = b""
        while len(got) < len(wanted):
            got += self.typed.get(timeout=_PATIENCE_S)
        assert got == wanted


@pytest.fixture
def line() -> _Line:
    return _Line()


@pytest.fixture
def machine(tmp_path: Path, line: _Line) -> Iterator[LabMachine]:
    with lab_machine(tmp_path, line.serial) as made:
        yield made


def _words(machine: LabMachine, suite: int, *what: str) -> list[str]:
    bmc = machine.bmc
    words = ["ipmitool", "-I", "lanplus", "-H", bmc.address, "-U", bmc.username, "-P", bmc.password]
    return list(machine.network.command(*words, "-C", str(suite), "sol", *what))


def _said(machine: LabMachine, *what: str) -> str:
    """Return what ``ipmitool sol`` prints of what ends by itself."""
    done = subprocess.run(
        _words(machine, 17, *what), check=False, capture_output=True, text=True, timeout=_PATIENCE_S
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("suite", [3, 17])
def test_ipmitool_shows_the_line_and_types_on_it(
    machine: LabMachine, line: _Line, suite: int
) -> None:
    with on_terminal(_words(machine, suite, "activate"), os.environ) as terminal:
        terminal.wait_for("SOL Session operational")
        line.serial.show(b"".join(b"line %d\r\n" % number for number in range(200)), waits=True)
        terminal.wait_for("line 199\r\n")
        assert [f"line {number}\r\n" in terminal.seen for number in range(200)] == [True] * 200
        terminal.type("root")
        line.expect(b"root")
        line.serial.show(b"login: root\r\n", waits=True)
        terminal.wait_for("login: root")
        terminal.type("\r~.")
        assert terminal.end() == 0


def test_a_second_client_is_refused_until_the_first_is_put_off(
    machine: LabMachine, line: _Line
) -> None:
    with on_terminal(_words(machine, 17, "activate"), os.environ) as first:
        first.wait_for("SOL Session operational")
        assert "already active" in _said(machine, "activate")
        _said(machine, "deactivate")
    with on_terminal(_words(machine, 17, "activate"), os.environ) as second:
        second.wait_for("SOL Session operational")
        line.serial.show(b"still here\r\n", waits=True)
        second.wait_for("still here")


def test_the_configuration_can_be_read(machine: LabMachine) -> None:
    told = _said(machine, "info", "1")
    assert "Enabled                         : true" in told
    assert "Payload Port                    : 623" in told
