"""Two controllers never run under one name or in one state directory, and a killed one starts again at once."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.store.state_lock import StateLock
from tests.lab.ports import free_port

PROGRAM = Path(sys.executable).with_name("ingot-controller")
_START_S = 60


class Controllers:
    """Controller processes on one database, each in a state directory of its own choice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "ingot.sqlite"
        self._processes: list[subprocess.Popen[str]] = []

    def launch(self, directory: str, hostname: str) -> subprocess.Popen[str]:
        arguments = {
            "state-directory": self.folder / directory,
            "database-url": f"sqlite:///{self.database}",
            "secrets-key-file": self.folder / "secrets.key",
            "hostname": hostname,
            "listen-port": free_port(),
        }
        words = [word for key, value in arguments.items() for word in (f"--{key}", str(value))]
        process = subprocess.Popen([PROGRAM, "serve", *words], stderr=subprocess.PIPE, text=True)
        self._processes.append(process)
        process.port = arguments["listen-port"]  # type: ignore[attr-defined]
        return process

    def start(self, directory: str, hostname: str) -> subprocess.Popen[str]:
        """Start one that must come up."""
        process = self.launch(directory, hostname)
        deadline = time.monotonic() + _START_S
        while True:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            try:
                requests.get(f"http://127.0.0.1:{process.port}", timeout=5)  # type: ignore[attr-defined]
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return process

    def refused(self, directory: str, hostname: str) -> str:
        """Start one that must not come up and return what it says."""
        process = self.launch(directory, hostname)
        _out, said = process.communicate(timeout=_START_S)
        assert process.returncode == 2, said
        return said

    def sql(self, statement: str) -> None:
        connection = sqlite3.connect(self.database, timeout=10)
        with connection:
            connection.execute(statement)
        connection.close()

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def controllers(tmp_path: Path) -> Iterator[Controllers]:
    made = Controllers(tmp_path)
    yield made
    made.close()


def end(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(20)


def test_a_second_controller_with_the_same_name_is_refused_until_the_first_has_ended(
    controllers: Controllers,
) -> None:
    first = controllers.start("a", "rack-1")
    said = controllers.refused("b", "rack-1")
    assert "hostname 'rack-1' runs on this database already" in said
    assert "Traceback" not in said
    assert first.poll() is None
    controllers.start("c", "rack-2")
    assert end(first, signal.SIGTERM) == 0
    controllers.start("b", "rack-1")


def test_a_state_directory_belongs_to_one_controller(controllers: Controllers) -> None:
    first = controllers.start("a", "rack-1")
    said = controllers.refused("a", "rack-2")
    assert f"in use by another controller (process {first.pid})" in said
    assert "Traceback" not in said


def test_a_killed_controller_starts_again_at_once_in_its_own_state_directory(
    controllers: Controllers,
) -> None:
    for _time in range(2):
        end(controllers.start("a", "rack-1"), signal.SIGKILL)
    said = controllers.refused("b", "rack-1")  # nobody knows there that it is dead
    assert "this one can start in" in said
    controllers.start("a", "rack-1")


def test_a_name_that_was_silent_for_long_is_free_and_who_lost_it_ends(
    controllers: Controllers,
) -> None:
    first = controllers.start("a", "rack-1")
    first.send_signal(signal.SIGSTOP)
    controllers.sql("UPDATE conductors SET seen_at = seen_at - 61")
    second = controllers.start("b", "rack-1")
    first.send_signal(signal.SIGCONT)
    _out, said = first.communicate(timeout=30)
    assert first.returncode == 2
    assert "another controller runs as 'rack-1' now" in said
    assert second.poll() is None


def test_the_lock_says_who_has_it(controllers: Controllers) -> None:
    process = controllers.start("a", "rack-1")
    text = (controllers.folder / "a/controller.lock").read_text()
    pid, instance = text.split()
    assert pid == str(process.pid)
    assert len(instance) == 36


def test_a_start_that_failed_in_between_does_not_make_the_next_one_wait(tmp_path: Path) -> None:
    killed = StateLock(tmp_path, "x")
    killed.announce()
    killed.settle()
    killed.close()
    failed = StateLock(tmp_path, "y")  # it found the database down
    failed.close()
    failed = StateLock(tmp_path, "z")  # it died in the moment that it wrote its name
    failed.announce()
    failed.close()
    now = StateLock(tmp_path, "w")
    now.close()
    assert set(now.predecessors) == {"z", "x"}
