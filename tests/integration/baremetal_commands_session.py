"""Runs commands of the ``baremetal`` client one after the other in one process, in its own environment.

``baremetal_commands_session.py URL CONDUCTOR < LINES``; prints JSON: for each command its words, whether it was refused, what it said,
and the names of all commands that there are. Starting the program anew for each would take longer than the commands.
"""

import contextlib
import io
import json
import shlex
import sys
import time
from importlib import metadata
from pathlib import Path

from ironicclient.shell import (  # type: ignore[import-not-found,unused-ignore]
    main as baremetal,
)

TIMEOUT_S = 90


def run(url: str, words: list[str]) -> tuple[int, str]:
    """Run one command as the program would, and return its exit status and what it printed."""
    sys.argv[1:] = ["--os-auth-type", "none", "--os-endpoint", url, *words]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = baremetal(sys.argv[1:])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return status, said.getvalue()


def wait(url: str, state: str, node: str) -> str:
    """Wait until a node is in a state, and return the state that it came to."""
    end = time.monotonic() + TIMEOUT_S
    found = ""
    while time.monotonic() < end and found != state:
        _, said = run(url, ["node", "show", node, "--fields", "provision_state", "-f", "value"])
        found = said.strip()
        if found.endswith(("failed", "error")) or found == state:
            break
        time.sleep(0.2)
    return found


def session(url: str, conductor: str, lines: list[str]) -> list[dict[str, object]]:
    """Run every line."""
    done: list[dict[str, object]] = []
    for line in lines:
        words = shlex.split(line.format(conductor=conductor) if "{conductor}" in line else line)
        if words[0] == "wait":
            state = wait(url, words[1], words[2])
            done.append({"line": line, "refused": state != words[1], "said": state})
            continue
        status, said = run(url, words[words[0] == "-" :])
        done.append({"line": line, "refused": status != 0, "said": said[-600:]})
    return done


def main() -> None:
    """Run what stands on standard input."""
    Path("nodes.json").write_text(
        json.dumps({"nodes": [{"driver": "fake-hardware", "name": "metal-3"}]})
    )
    lines = [line.strip() for line in sys.stdin if line.strip() and not line.startswith("#")]
    done = session(sys.argv[1], sys.argv[2], lines)
    found = metadata.entry_points(group="openstack.baremetal.v1")
    names = sorted({one.name.removeprefix("baremetal_").replace("_", " ") for one in found})
    sys.__stdout__.write(json.dumps({"done": done, "names": names}))  # type: ignore[union-attr]


main()
