"""Every command of the ``baremetal`` client against our controller and against real Ironic: none fails here that works there."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bench.servers.start import has_real_ironic, real_ironic
from tests.integration.controller_process import controller_process
from tests.integration.faked_nodes import AS_SHIPPED, IRONIC_ALL_FAKE

CLIENT = Path(__file__).resolve().parents[2] / "build/peers/client"
SESSION = Path(__file__).with_name("baremetal_commands_session.py")
COMMANDS = Path(__file__).resolve().parents[1] / "data/baremetal-commands.txt"
ONLY_OURS = {"node inject nmi metal-1", "node rebuild metal-1"}
"""Ironic's fake hardware has no NMI, and its rebuild ends with an error of its server (500)."""
pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CLIENT.exists(), reason="make build/stamps/peer-client"),
    pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic"),
]


def commanded(url: str, conductor: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [CLIENT / "bin/python", SESSION, url, conductor],
        input=COMMANDS.read_text(),
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_no_command_fails_that_works_with_real_ironic(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    with controller_process(tmp_path / "ours", **AS_SHIPPED) as url:
        ours = commanded(url, "lab-1", tmp_path / "ours")
    with real_ironic(tmp_path / "theirs", options=IRONIC_ALL_FAKE) as server:
        theirs = commanded(server.url, "bench", tmp_path / "theirs")
    refused = {one["line"]: one["said"] for one in ours["done"] if one["refused"]}
    expected = {one["line"] for one in ours["done"] if one["line"][0] == "-"}
    assert refused.keys() == expected, refused
    there = {one["line"]: one["said"] for one in theirs["done"] if one["refused"]}
    assert there.keys() - ONLY_OURS == expected, there
    lines = [one["line"].removeprefix("- ") for one in ours["done"]]
    assert {name for name in ours["names"] if not any(_runs(line, name) for line in lines)} == set()


def _runs(line: str, name: str) -> bool:
    return line == name or line.startswith(f"{name} ")
