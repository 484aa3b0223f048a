"""Put the calling thread into a network namespace (setns(2)), and remove a namespace with all that lives in it."""

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.program import run

_CLONE_NEWNET = 0x40000000
_NAMESPACES = Path("/run/netns")


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Work inside the namespace ``name`` in this thread; threads started meanwhile stay in it.

    A socket belongs to the namespace it was opened in, whoever uses it later.
    """
    with (
        Path("/proc/thread-self/ns/net").open("rb") as before,
        (_NAMESPACES / name).open("rb") as there,
    ):
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(descriptor: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise LabError(f"setns: {os.strerror(number)}; the lab needs root")


def remove(name: str) -> None:
    """Kill every process in the namespace and delete it, and so its bridge, taps and veth."""
    if not (_NAMESPACES / name).exists():
        return
    deadline = time.monotonic() + 10
    while members := _members(name):
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabError(f"namespace {name}: processes {members} survive SIGKILL")
        time.sleep(0.02)
    run("ip", "netns", "delete", name)


def _members(name: str) -> list[int]:
    """Return the processes whose main thread is in the namespace, zombies (which have no namespace) left out."""
    return [pid for pid in map(int, run("ip", "netns", "pids", name).split()) if pid != os.getpid()]
