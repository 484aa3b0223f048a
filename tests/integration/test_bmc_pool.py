"""The pool of pyghmi sessions: many BMCs at once, few processes, nothing left behind, no password to be seen."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmi_pool import WorkerPool
from controller.errors import BmcUnreachable
from controller.hardware.bmc import PowerState
from tests.integration.bmc_doubles import PASSWORD, PlainBmcs

pytestmark = pytest.mark.timeout(120)
_BMCS = 50


@pytest.fixture(scope="module")
def bmcs() -> Iterator[PlainBmcs]:
    made = PlainBmcs(count=_BMCS)
    yield made
    made.stop()


def workers(parent: psutil.Process) -> list[psutil.Process]:
    """Return the host's children: the processes that have a session."""
    hosts = [child for child in parent.children() if "ipmi_worker" in " ".join(child.cmdline())]
    return [child for host in hosts for child in host.children()]


def wait_for_workers(parent: psutil.Process, count: int) -> None:
    end = time.monotonic() + 10
    while len(workers(parent)) != count and time.monotonic() < end:
        time.sleep(0.05)
    assert len(workers(parent)) == count


def test_fifty_bmcs_are_asked_at_once_and_only_a_few_sessions_stay(bmcs: PlainBmcs) -> None:
    driver = IpmiDriver(WorkerPool(limit=8))
    try:
        with ThreadPoolExecutor(_BMCS) as threads:
            machines = [driver.connect(bmcs.info(number)) for number in range(_BMCS)]
            states = list(threads.map(lambda bmc: bmc.power_state(timeout_s=30), machines))
        assert states == [PowerState.OFF] * _BMCS
        wait_for_workers(psutil.Process(), 8)
    finally:
        driver.close()
    assert not workers(psutil.Process())


def test_an_idle_session_ends_and_the_next_call_makes_another(bmcs: PlainBmcs) -> None:
    driver = IpmiDriver(WorkerPool(idle_s=0.3))
    try:
        first = driver.connect(bmcs.info(0))
        first.power_state(timeout_s=10)
        time.sleep(0.4)
        driver.connect(bmcs.info(1)).power_state(timeout_s=10)
        wait_for_workers(psutil.Process(), 1)
        assert first.power_state(timeout_s=10) is PowerState.OFF
    finally:
        driver.close()


def test_sessions_end_without_any_call_when_the_controller_is_idle(bmcs: PlainBmcs) -> None:
    driver = IpmiDriver(WorkerPool(idle_s=0.3))
    try:
        driver.connect(bmcs.info(0)).power_state(timeout_s=10)
        wait_for_workers(psutil.Process(), 0)
    finally:
        driver.close()


def test_a_worker_and_even_the_host_that_die_are_replaced(bmcs: PlainBmcs) -> None:
    driver = IpmiDriver()
    try:
        bmc = driver.connect(bmcs.info(0))
        bmc.power_state(timeout_s=10)
        for process in (*workers(psutil.Process()), *psutil.Process().children()):
            if "ipmi_worker" in " ".join(process.cmdline()):
                process.kill()
        assert bmc.power_state(timeout_s=10) is PowerState.OFF
    finally:
        driver.close()


def test_a_call_that_must_wait_for_another_to_the_same_bmc_keeps_its_own_deadline(
    bmcs: PlainBmcs,
) -> None:
    driver = IpmiDriver()
    empty = driver.connect(bmcs.info(ipmi_port=9))
    first = threading.Thread(target=_ignore_unreachable, args=(empty, 5))
    first.start()
    try:
        wait_for_workers(psutil.Process(), 1)  # the first call has begun
        with pytest.raises(BmcUnreachable, match="earlier command to this BMC"):
            empty.power_state(timeout_s=0.5)
    finally:
        first.join()
        driver.close()


def _ignore_unreachable(bmc: object, timeout_s: float) -> None:
    with pytest.raises(BmcUnreachable):
        bmc.power_state(timeout_s=timeout_s)  # type: ignore[attr-defined]


def test_a_controller_that_is_killed_leaves_no_process(bmcs: PlainBmcs) -> None:
    program = (
        "import sys, time\n"
        "from controller.bmc.ipmi import IpmiDriver\n"
        f"bmc = IpmiDriver().connect({bmcs.info(0)!r})\n"
        "bmc.power_state(timeout_s=10)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    controller = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert controller.stdout is not None
    assert controller.stdout.readline() == "ready\n"
    family = psutil.Process(controller.pid).children(recursive=True)
    assert len(family) == 2
    controller.send_signal(signal.SIGKILL)
    controller.communicate()
    gone, alive = psutil.wait_procs(family, timeout=5)
    assert not alive
    assert len(gone) == 2


def test_the_password_is_in_no_argument_and_no_environment(bmcs: PlainBmcs) -> None:
    driver = IpmiDriver()
    try:
        driver.connect(bmcs.info(0)).power_state(timeout_s=10)
        family = psutil.Process().children(recursive=True)
        ours = [process for process in family if "ipmi_worker" in " ".join(process.cmdline())]
        assert len(ours) == 2
        for process in ours:
            assert PASSWORD not in " ".join(process.cmdline())
            assert PASSWORD.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
    finally:
        driver.close()


def test_a_worker_costs_little_memory(bmcs: PlainBmcs) -> None:
    driver = IpmiDriver()
    try:
        for number in range(8):
            driver.connect(bmcs.info(number)).power_state(timeout_s=10)
        own = [process.memory_full_info().uss for process in workers(psutil.Process())]
        assert len(own) == 8
        assert sum(own) / len(own) < 8_000_000
    finally:
        driver.close()
    assert os.getpid() == psutil.Process().pid
