"""A loop device whose disk is a QEMU block node: one that fails, or one that keeps a log of what is written to it.

``qemu-storage-daemon`` serves the node as a file (FUSE), a loop device makes a disk of the file. Needs root and /dev/fuse.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.disks.block_nodes import Node
from tests.lab.errors import LabError
from tests.lab.program import Program, run

FUSE = Path("/dev/fuse")
_START_S = 30


@contextmanager
def served_disk(folder: Path, node: Node) -> Iterator[Path]:
    """Serve a node and return the loop device; at the end everything is on the node's file, and its log is complete.

    The page cache may answer reads, so faults of reads do not show here. Direct I/O between the loop device and FUSE is no way
    out: kernels mix up what is written at the same time.
    """
    name = f"served-{os.urandom(4).hex()}"
    file, ready = folder / name, folder / f"{name}.pid"
    file.touch()
    words = (
        *("qemu-storage-daemon", "--pidfile", str(ready)),
        *("--blockdev", json.dumps({**node, "node-name": "disk"})),
        *("--export", f"type=fuse,id=file,node-name=disk,mountpoint={file},writable=on"),
    )
    daemon = Program(name, words, log=folder / f"{name}.log")
    daemon.start()
    try:
        _wait_for(ready, daemon)
        device = run("losetup", "--find", "--show", str(file)).strip()
        try:
            yield Path(device)
        finally:
            run("losetup", "--detach", device)
    finally:
        daemon.stop()
        # only a daemon that had to be killed leaves its mount behind
        subprocess.run(("umount", "--lazy", str(file)), capture_output=True, check=False)
        file.unlink()


def _wait_for(ready: Path, daemon: Program) -> None:
    """Wait for the file that the daemon writes when it serves."""
    deadline = time.monotonic() + _START_S
    while not ready.exists():
        daemon.must_run()
        if time.monotonic() > deadline:
            raise LabError(f"{daemon.name} does not start; see {daemon.log}")
        time.sleep(0.02)
