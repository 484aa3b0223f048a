"""A run of tests that is ended leaves none of its programs behind, whatever ends it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.processes import is_running
from tests.integration.waiting import wait_until

ROOT = Path(__file__).parents[2]
TEST_THAT_STAYS = """
import subprocess, time
from pathlib import Path
import pytest

@pytest.fixture(scope="module")
def child():
    with subprocess.Popen(["sleep", "100"]) as process:
        yield process
        process.kill()

def test_that_stays(child):
    file = Path(__file__).with_name("child")
    file.with_suffix(".new").write_text(str(child.pid))
    file.with_suffix(".new").rename(file)
    time.sleep(100)
"""
PROGRAM_THAT_STAYS = """
import subprocess, sys, time
own = "import time; from tests.integration.processes import end_with_parent; end_with_parent(); time.sleep(100)"
print(subprocess.Popen([sys.executable, "-c", own]).pid, flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_told_to_end_ends_its_fixtures(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "test_stays.py").write_text(TEST_THAT_STAYS)
    words = ["-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-c"]
    run = subprocess.Popen(
        [sys.executable, *words, ROOT / "pyproject.toml", tmp_path / "test_stays.py"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    wait_until((tmp_path / "child").exists, 30, "the test in the run")
    child = int((tmp_path / "child").read_text())
    run.send_signal(number)
    assert run.wait(60) == pytest.ExitCode.INTERRUPTED
    assert not is_running(child)


def test_a_program_that_watches_its_parent_ends_with_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM_THAT_STAYS], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        time.sleep(0.5)
        assert is_running(child)
        parent.kill()
        parent.wait(30)
        wait_until(lambda: not is_running(child), 30, "the end of the program")
