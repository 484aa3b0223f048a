"""Nothing of a lab outlives it, whatever ends it; and labs stand side by side."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.claim import sweep
from tests.lab.hardware import Disk
from tests.lab.lab import Lab
from tests.lab.network import Network
from tests.lab.program import run

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

_REPOSITORY = Path(__file__).resolve().parents[2]
_LAB_THAT_STAYS = """
import sys, time
from pathlib import Path
from tests.lab.hardware import Disk
from tests.lab.lab import Lab
with Lab(workdir=Path(sys.argv[1])) as lab:
    machine = lab.machine(memory_mib=128, disks=(Disk(size_bytes=1 << 20),))
    machine.power_on()
    print(lab.network.name, lab.scratch, machine.qemu_pid, flush=True)
    time.sleep(100)
"""


def has_ended(pid: int) -> bool:
    """Tell whether the process is gone, a zombie of somebody else counted as gone."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def leftovers(namespace: str, scratch: Path, number: int) -> list[str]:
    """Name what is still there of a lab."""
    places = {
        "namespace": Path("/run/netns", namespace),
        "host link": Path("/sys/class/net", f"ingot{number}"),
        "scratch": scratch,
    }
    return [what for what, path in places.items() if path.exists()]


def test_a_failure_inside_leaves_no_process_namespace_or_file(tmp_path: Path) -> None:
    pids: list[int] = []
    labs: list[Lab] = []

    def fail_inside() -> None:
        with Lab(workdir=tmp_path) as lab:
            labs.append(lab)
            machine = lab.machine(memory_mib=128, disks=(Disk(size_bytes=1 << 20),))
            machine.power_on()
            sleeper = lab.network.start("sleep", ("sleep", "100"), log=tmp_path / "sleep.log")
            pids.extend((machine.qemu_pid, sleeper.pid, machine.bmc.pid))
            assert not any(map(has_ended, pids))
            raise RuntimeError("a test that fails")

    with pytest.raises(RuntimeError, match="a test that fails"):
        fail_inside()
    assert all(map(has_ended, pids))
    network = labs[0].network
    assert leftovers(network.name, labs[0].scratch, network.number) == []
    assert (tmp_path / "m1.console.log").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    background = ("env", "--ignore-signal=INT")  # as a job that a script starts with &
    with subprocess.Popen(
        (*background, sys.executable, "-c", _LAB_THAT_STAYS, str(tmp_path)),
        cwd=_REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        namespace, scratch, qemu = process.stdout.readline().split()
        assert not has_ended(int(qemu))
        process.send_signal(number)
        process.wait(timeout=30)
    subnet = int(namespace.rsplit("-", 1)[1])
    assert wait_until(lambda: has_ended(int(qemu)))
    assert wait_until(lambda: not leftovers(namespace, Path(scratch), subnet)), leftovers(
        namespace, Path(scratch), subnet
    )


def test_sweeping_leaves_a_living_lab_alone(tmp_path: Path) -> None:
    with Lab(workdir=tmp_path) as lab:
        machine = lab.machine(memory_mib=128, disks=())
        machine.power_on()
        assert lab.network.name not in sweep()
        assert machine.is_on
        assert lab.network.name in run("ip", "netns", "list")


def test_labs_side_by_side_have_networks_of_their_own(tmp_path: Path) -> None:
    with Lab(workdir=tmp_path) as one, Lab(workdir=tmp_path) as other:
        assert one.network.cidr != other.network.cidr
        assert one.network.gateway in one.network.run("ip", "-brief", "address")
        assert one.network.gateway not in other.network.run("ip", "-brief", "address")


def test_the_host_reaches_into_the_lab_and_the_lab_has_its_own_loopback(tmp_path: Path) -> None:
    network = Network(scratch=tmp_path / "scratch")
    try:
        with network.listen("0.0.0.0") as listener:
            port = listener.getsockname()[1]
            for address in (network.outer_address, network.gateway):
                socket.create_connection((address, port), timeout=2).close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=2)
            with network.inside():
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
    finally:
        network.close()


def test_closing_a_lab_twice_is_fine(tmp_path: Path) -> None:
    lab = Lab(workdir=tmp_path)
    lab.close()
    lab.close()
