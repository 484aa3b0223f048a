"""Runs a script in real Ironic's environment, which calls Ironic's own functions for each of many cases."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

_PEER = Path(__file__).parents[2] / "build/peers/ironic/bin/python"
NEEDS_IRONIC = (
    pytest.mark.interop,
    pytest.mark.skipif(not _PEER.exists(), reason="make build/stamps/peer-ironic"),
)


def answers(script: str, cases: list[Any]) -> list[Any]:
    """Return what ``script``, a file beside this one, prints for the cases that it reads: a JSON list each way."""
    done = subprocess.run(
        [_PEER, Path(__file__).with_name(script)],
        check=False,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[Any] = json.loads(done.stdout)
    return found
