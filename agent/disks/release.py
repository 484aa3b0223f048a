"""Frees disks of what an older system left standing on them: arrays, volumes, loop devices. Their content stays as it is.

Only what stands on the chosen disks is ended, the highest first. A mounted filesystem or swap space means that somebody works with
the disk now; then nothing is ended at all.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from agent.disks.busy import data_uses
from agent.disks.device_mapper import remove_mapping
from agent.disks.stack import Layer, LayerKind, Stack, plan_release, read_stack, standing_on
from agent.errors import AgentError, DiskInUse
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_TIMEOUT_S = 60.0
_TRIES = 20
_PAUSE_S = 0.25


class StackReleaser:
    """Implements :class:`agent.hardware.writing.DiskReleaser`."""

    def __init__(self, runner: Runner, read: Callable[[], Stack] = read_stack) -> None:
        """``read`` returns what stands where, each time anew."""
        self._runner = runner
        self._read = read
        self._ends: Mapping[LayerKind, Callable[[Layer], object]] = {
            LayerKind.ARRAY: lambda layer: self._run("mdadm", "--stop", f"/dev/{layer.name}"),
            LayerKind.MAPPING: lambda layer: remove_mapping(layer.title),
            LayerKind.LOOP: lambda layer: self._run("losetup", "--detach", f"/dev/{layer.name}"),
        }

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        """End everything that stands on ``disks`` and return what was ended, in words.

        Args:
            disks: Device nodes of the disks to free.
            kept: Device nodes of disks that must not be touched.

        Raises:
            DiskInUse: Something on them is mounted or swapped to, stands on a kept disk too, or does not end.
        """
        chosen, held = [_name(path) for path in disks], [_name(path) for path in kept]
        ended: list[str] = []
        for turn in range(_TRIES):
            stack = self._read()
            plan = plan_release(stack, chosen, held)
            _refuse_uses(stack, chosen)
            if not plan:
                break
            failure = self._end_all(plan, ended)
            if failure is not None and turn == _TRIES - 1:
                raise DiskInUse(
                    f"{', '.join(map(str, plan))} could not be ended: {failure}"
                ) from failure
            if failure is not None:
                time.sleep(_PAUSE_S)  # udev looks at every new device, and keeps it open meanwhile
        if left := plan_release(self._read(), chosen, held):
            raise DiskInUse(
                f"{', '.join(map(str, left))} comes back after it was stopped; is something assembling it again?"
            )
        return tuple(dict.fromkeys(ended))

    def _end_all(self, plan: tuple[Layer, ...], ended: list[str]) -> AgentError | None:
        """End the layers in order; return why one did not end."""
        for layer in plan:
            try:
                self._ends[layer.kind](layer)
            except AgentError as error:
                return error
            log.info("released", extra={"device": str(layer), "below": ", ".join(layer.below)})
            ended.append(f"{layer} on {' and '.join(layer.below)}")
        return None

    def _run(self, *argv: str) -> None:
        self._runner.run(*argv, timeout_s=_TIMEOUT_S)


def _refuse_uses(stack: Stack, chosen: Collection[str]) -> None:
    layers = [*(stack[name] for name in chosen if name in stack), *standing_on(stack, chosen)]
    if uses := data_uses(layers):
        raise DiskInUse(f"{'; '.join(uses)}; unmount it, or switch the swap space off, first")


def _name(path: Path) -> str:
    """Return the kernel's name of a device node: sysfs writes ``!`` where there is a slash."""
    return str(path.resolve()).removeprefix("/dev/").replace("/", "!")
