"""Where podman keeps an image while it is installed: memory of its own, bounded, and gone afterwards with all that was in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import CommandFailed, ImageError
from agent.system import kernel_calls as kernel
from agent.system.runner import Runner
from hardware_managers.container.bootc.plan import PODMAN

_NAME = "ingot-bootc"
_TIMEOUT_S = 60.0
_MIB = 1 << 20


@contextmanager
def own_storage(size_bytes: int | None, runner: Runner) -> Iterator[Path]:
    """Give podman an empty storage of its own; yield where it is.

    It is mounted for all programs of the ramdisk: bootc looks at process 1. What other containers have left is back afterwards.

    Args:
        size_bytes: What it may hold; ``None`` = half of the memory, which is the kernel's own limit.
        runner: Asks podman where its storage is.

    Raises:
        ImageError: It cannot be mounted, or podman does not work.
    """
    place = _place(runner)
    limit = "" if size_bytes is None else f",size={size_bytes // _MIB}M"
    try:
        place.mkdir(parents=True, exist_ok=True)
        while _is_left(place):
            kernel.unmount_lazily(str(place))  # by an agent that was killed
        kernel.mount(_NAME, str(place), "tmpfs", 0, f"mode=0711{limit}")
    except OSError as error:
        raise ImageError(f"{place}: no memory for containers can be mounted: {error}") from error
    try:
        (place / "tmp").mkdir(mode=0o700)
        yield place
    finally:
        kernel.unmount_lazily(str(place))


def used_bytes(place: Path) -> int:
    """Return how much of the storage is in use."""
    state = os.statvfs(place)
    return (state.f_blocks - state.f_bfree) * state.f_frsize


def _place(runner: Runner) -> Path:
    try:
        said = runner.run(
            *PODMAN, "info", "--format={{.Store.GraphRoot}}", timeout_s=_TIMEOUT_S
        ).stdout.strip()
    except CommandFailed as error:
        raise ImageError(f"podman of this ramdisk does not work: {error}") from error
    if not said.startswith("/") or not said.isprintable():
        raise ImageError(f"podman of this ramdisk says that its storage is {said[:200]!r}")
    return Path(said)


def _is_left(place: Path) -> bool:
    mounts = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    return any(line.startswith(f"{_NAME} {place} ") for line in mounts)
