"""The way into a machine that is rescued: its address, and SSH with a password."""

import os
import re
import subprocess
from pathlib import Path

from tests.lab.machine import Machine


def address_of(machine: Machine, since: int) -> str:
    """Return the address that the ramdisk has told on its console."""
    line = machine.console.wait_for(
        r"ingot: network up after \S+ s \(\S+ [\d.]+/", timeout_s=900, since=since
    )
    found = re.search(r"\(\S+ ([\d.]+)/", line.text)
    assert found
    return found[1]


def by_password(folder: Path, address: str, password: str, script: str) -> tuple[int, str]:
    """Run a script by SSH as the user ``rescue``; return its exit status and output."""
    asker = folder / "asker"
    asker.write_text('#!/bin/sh\necho "$SSH_PASSWORD"\n')
    asker.chmod(0o700)
    environment = {**os.environ, "SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}
    options = [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "NumberOfPasswordPrompts=1",
        "PubkeyAuthentication=no",
    ]
    argv = ["ssh", *(f"-o{option}" for option in options), f"rescue@{address}", "sh -s"]
    done = subprocess.run(
        argv,
        input=script,
        capture_output=True,
        text=True,
        env={**environment, "SSH_PASSWORD": password},
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
