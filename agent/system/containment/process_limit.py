"""A control group that holds how many processes a foreign program may have at a time; ``inside`` joins it before anything else.

The limit of a user (``RLIMIT_NPROC``) does not hold root. Source: the kernel's Documentation/admin-guide/cgroup-v2.rst, "PID", and
cgroup-v1/pids.rst.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)
ROOT = Path("/sys/fs/cgroup")
MOST_PROCESSES = 512
"""Threads count too. ``grub-mkconfig`` of Debian has at most a dozen at a time."""
_CONTROLLER = "pids"
_END_S = 5.0


@contextmanager
def process_limit(root: Path = ROOT) -> Iterator[Path | None]:
    """Make a group in which a process that joins it, and all that it starts, are ``MOST_PROCESSES`` at most; it is removed at the end.

    ``None`` = this machine has no control groups for that, which is logged.
    """
    try:
        group = _made(root)
    except OSError as error:
        log.warning(
            "no control group for processes: a foreign program may start any number",
            extra={"looked_in": str(root), "reason": error.strerror},
        )
        yield None
        return
    try:
        yield group
    finally:
        _remove(group)


def _made(root: Path) -> Path:
    group = Path(tempfile.mkdtemp(prefix=f"contained-{os.getpid()}-", dir=_hierarchy(root)))
    (group / "pids.max").write_text(str(MOST_PROCESSES))
    return group


def _hierarchy(root: Path) -> Path:
    """Return the folder in which groups of processes can be made: of version 2, where the controller is switched on if need be, or 1.

    Raises:
        OSError: There is none.
    """
    controllers = root / "cgroup.controllers"
    if controllers.exists() and _CONTROLLER in controllers.read_text().split():
        handed_on = root / "cgroup.subtree_control"
        if _CONTROLLER not in handed_on.read_text().split():
            handed_on.write_text(f"+{_CONTROLLER}")
        return root
    (root / _CONTROLLER / "cgroup.procs").stat()  # version 1
    return root / _CONTROLLER


def _remove(group: Path) -> None:
    """Remove the group when the kernel has ended what is in it."""
    kill = group / "cgroup.kill"
    if kill.exists():  # version 1 has none; the end of the namespaces ends them there
        kill.write_text("1")
    until = time.monotonic() + _END_S
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > until:
                log.warning("a control group is not empty yet", extra={"group": str(group)})
                return
            time.sleep(0.02)
        else:
            return
