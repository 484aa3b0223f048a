"""A program of ours that died is started again, also after a while in which the machine had no room for a process."""

import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from controller.boot.child import Child
from tests.integration.waiting import wait_until


def test_a_program_comes_back_after_the_machine_had_no_room_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, refused = list[str](), threading.Event()
    script = tmp_path / "program"
    script.write_text('#!/bin/sh\necho "serves $$" >&2\nexec sleep 600\n')
    script.chmod(0o755)
    child = Child("program", [str(script)], serves_when="serves", on_line=lines.append)
    assert child.start(timeout_s=20)
    start = subprocess.Popen

    def full(*_arguments: Any, **_named: Any) -> Any:
        refused.set()
        raise BlockingIOError("Resource temporarily unavailable")

    try:
        monkeypatch.setattr(subprocess, "Popen", full)
        child.signal(9)
        assert refused.wait(20)
        monkeypatch.setattr(subprocess, "Popen", start)
        wait_until(lambda: len(lines) == 2 and child.check(), 20, "the program")
    finally:
        child.stop()
