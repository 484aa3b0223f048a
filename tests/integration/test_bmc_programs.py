"""Programs that hang, flood, fork or ignore signals: every call ends, and nothing is left of them."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.ipmi_pool import WorkerPool
from controller.bmc.ipmitool import IpmitoolDriver
from controller.errors import BmcUnreachable, ProgramFailed, ProgramLate
from controller.peers import programs

pytestmark = pytest.mark.timeout(120)

IGNORING = "import signal,time;[signal.signal(n,signal.SIG_IGN) for n in (1,2,13,15)];"
HANGING = {
    "sleeps": "import time;time.sleep(600)",
    "ignores signals": f"{IGNORING}time.sleep(600)",
    "closes its streams": "import os,time;os.close(1);os.close(2);time.sleep(600)",
    "drips": f"{IGNORING}import sys\nwhile True: print('x',flush=True);time.sleep(0.01)",
    "leaves a child that holds the streams": "import os,time;os.fork() or time.sleep(600)",
    "leaves a child and ends": "import os,sys,time\nif os.fork(): os._exit(0)\ntime.sleep(600)",
}


def python(code: str, timeout_s: float, mark: str = "") -> programs.Finished:
    words = [sys.executable, "-c", code, mark]
    return programs.run(words, environment={"X": b"1"}, timeout_s=timeout_s)


def left(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if mark in process.cmdline() and process.pid != os.getpid() else []
        except psutil.Error:
            continue
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("kind", HANGING)
def test_a_program_that_hangs_is_ended_with_all_that_it_started(kind: str) -> None:
    mark = f"mark-{os.getpid()}-{abs(hash(kind))}"
    with pytest.raises(ProgramLate, match="did not end within 1 s"):
        python(HANGING[kind], 1, mark)
    while left(mark):
        time.sleep(0.01)


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_program_that_floods_is_ended(descriptor: int) -> None:
    with pytest.raises(ProgramFailed, match="printed more than 1048576 bytes"):
        python(f"import os\nwhile True: os.write({descriptor}, b'x' * 65536)", 60)


def test_what_a_program_prints_is_cleaned() -> None:
    done = python(r"import os;os.write(1,b'a\x00\x1b[2J\xe9\n');os.write(2,b'rootpwd=x\n')", 60)
    assert done.output == "a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}\n"
    assert done.errors == "rootpwd=******\n"
    assert python("import sys;sys.exit(3)", 60).exit_code == 3


def test_a_program_that_cannot_be_started_is_an_error_that_is_told(tmp_path: Path) -> None:
    for name in ("no-such-program", str(tmp_path)):
        with pytest.raises(ProgramFailed, match=name):
            programs.run([name], environment={}, timeout_s=1)


def test_a_program_reads_what_it_is_given_and_nothing_from_the_controllers_terminal() -> None:
    copy = [sys.executable, "-c", "import sys;print(len(sys.stdin.read()))"]
    for given in (b"", b"x" * 1_000_000):  # more than a pipe holds
        done = programs.run(copy, environment={}, timeout_s=60, given=given)
        assert done.output == f"{len(given)}\n"


def test_an_ipmitool_that_hangs_is_a_bmc_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ipmitool"
    program.write_text("#!/bin/sh\ntrap '' TERM INT HUP\nwhile :; do sleep 1; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    bmc = IpmitoolDriver().connect({"ipmi_address": "127.0.0.1", "ipmi_password": "geheim"})
    with pytest.raises(BmcUnreachable, match="no answer within") as raised:
        bmc.power_state(timeout_s=0.5)
    assert "geheim" not in str(raised.value)


def test_a_host_of_sessions_that_hangs_is_replaced_and_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = WorkerPool()
    driver = IpmiDriver(pool)
    bmc = driver.connect({"ipmi_address": "127.0.0.1", "ipmi_port": 9})
    try:
        with pytest.raises(BmcUnreachable):
            bmc.power_state(timeout_s=0.5)
        (host,) = [
            child
            for child in psutil.Process().children()
            if "ipmi_worker" in " ".join(child.cmdline())
        ]
        host.suspend()
        with pytest.raises(BmcUnreachable, match="no answer within"):
            bmc.power_state(timeout_s=0.5)
    finally:
        driver.close()
    assert not host.is_running()
