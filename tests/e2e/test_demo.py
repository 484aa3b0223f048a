"""The demonstration itself, in a terminal: what it promises to show, and what it leaves behind: nothing."""

import os
import pty
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

pytestmark = pytest.mark.vm

_REPOSITORY = Path(__file__).resolve().parents[2]
_NAMESPACES = Path("/run/netns")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_DEADLINE_S = 1400
_CTRL_C = b"\x03"


class Demonstration:
    """``python -m tests.lab.demo`` in a terminal of its own; every process that it starts carries a mark."""

    def __init__(self, *options: str) -> None:
        self._mark = f"DEMONSTRATION={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        words = [sys.executable, "-m", "tests.lab.demo", *options]
        wide = {"TERM": "xterm-256color", "COLUMNS": "160"}
        environment = {**os.environ, **wide, "PYTHONPATH": str(_REPOSITORY), name: value}
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(_REPOSITORY)
            os.execve(words[0], words, environment)
        self.status: int | None = None
        self._shown = bytearray()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """Everything that the terminal has shown, without colours and movements."""
        return _ESCAPES.sub("", self._shown.decode(errors="replace"))

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def has_ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self._reader.join(30)
        return self.status is not None

    def processes(self) -> dict[int, str]:
        """Return the command lines of the demonstration's processes that live."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # processes end while one looks
                if self._mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = line.decode()
        return found

    def namespaces(self) -> set[int]:
        """Return the network namespaces that its processes live in, other than ours."""
        found = set()
        for pid in self.processes():
            with suppress(OSError):
                found.add(Path(f"/proc/{pid}/ns/net").stat().st_ino)
        return found - {Path("/proc/self/ns/net").stat().st_ino}

    def scratch(self) -> set[Path]:
        """Return the folders that hold its disks and its controller's state."""
        lines = " ".join(self.processes().values())
        return {Path(name) for name in re.findall(r"/var/tmp/ingot-lab-[^/ ,]+", lines)}

    def close(self) -> None:
        """End it whatever happened in the test; its laboratory sees to the rest."""
        if not self.has_ended():
            self.type(_CTRL_C)
            wait_for(self.has_ended, 120, "the end after Ctrl-C")
        os.close(self._terminal)

    def _read(self) -> None:
        with suppress(OSError):  # how a terminal says that nobody is at its other end any more
            while data := os.read(self._terminal, 65536):
                self._shown += data


def wait_for(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"no sign of {what} after {timeout_s} s"
        time.sleep(0.1)


@pytest.fixture
def demonstration(logs: Path, request: pytest.FixtureRequest) -> Iterator[Demonstration]:
    made = Demonstration(*getattr(request, "param", ()))
    yield made
    made.close()
    (logs / "terminal.txt").write_text(made.text)


@pytest.mark.parametrize(
    "demonstration",
    [
        pytest.param((), id="ipmi"),
        pytest.param(("--bmc", "redfish"), id="redfish", marks=pytest.mark.long),
        pytest.param(
            ("--bmc", "redfish", "--media", "virtual"),
            id="redfish-by-virtual-media",
            marks=pytest.mark.long,
        ),
    ],
    indirect=True,
)
def test_it_shows_a_machine_from_power_off_to_the_login_prompt_of_its_system(
    demonstration: Demonstration,
) -> None:
    wait_for(demonstration.has_ended, _DEADLINE_S, "the end")
    text = demonstration.text
    assert demonstration.status == 0, text[-4000:]
    for state in ("manageable", "available", "active"):
        assert f"node-1: {state}" in text
    assert "step erase_devices_metadata" in text
    assert re.search(r"━.*MB of .*MB/s.*s left", text), "no live bar of the image write"
    assert "node-1-deployed login:" in text
    assert "INGOT-OS-READY hostname=node-1-deployed keys=1" in text
    for title in ("manage", "clean", "deploy", "first boot"):
        # a line of the live display, whose cursor movements are taken out, may stand before it
        assert re.search(rf"(?:^| ){title} *$", text, re.MULTILINE), f"no table {title!r}"
    for row in ("firmware", "agent start", "step write_image", "first boot to login prompt"):
        assert re.search(rf"{row} +[0-9.]+ s", text), f"no time for {row!r}"
    assert re.search(r"enrolled to login prompt: [0-9.]+ s", text)
    wait_for(lambda: not demonstration.processes(), 30, "the end of all of its processes")


def _runs(demonstration: Demonstration, program: str) -> bool:
    return any(program in line for line in demonstration.processes().values())


def _runs_or_ended(demonstration: Demonstration, program: str) -> bool:
    return _runs(demonstration, program) or demonstration.has_ended()


def test_ctrl_c_ends_it_and_leaves_nothing_behind(demonstration: Demonstration) -> None:
    for program in ("dnsmasq", "ingot-controller", "qemu-system"):
        wait_for(partial(_runs_or_ended, demonstration, program), 300, program)
        assert _runs(demonstration, program), demonstration.text[-4000:]
    namespaces, scratch = demonstration.namespaces(), demonstration.scratch()
    assert len(namespaces) == 1
    assert [any(folder.glob("*.disk0")) for folder in scratch] == [True]
    demonstration.type(_CTRL_C)
    wait_for(demonstration.has_ended, 120, "the end after Ctrl-C")
    assert demonstration.status == 130, demonstration.text[-4000:]
    assert "interrupted; everything that was started is gone" in demonstration.text
    wait_for(lambda: not demonstration.processes(), 30, "the end of all of its processes")
    assert not any(folder.exists() for folder in scratch)
    left = {name for name in _NAMESPACES.iterdir() if name.stat().st_ino in namespaces}
    assert left == set()
