"""``standby.prepare_kexec`` and ``standby.start_kexec``: the deployed system in place of the ramdisk, without a boot. Both are ours.

The first finds and loads, and says with what or why not; until the second nothing has happened that an ordinary reboot would not undo.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec

from agent.boot.kexec.machine import read_machine
from agent.boot.kexec.preparation import prepare_kexec
from agent.commands.command import Command, Control, Job, Kind, Params, parse_params
from agent.commands.written_images import WrittenImages
from agent.errors import KexecNotPossible
from agent.protocol.commands import Progress
from agent.system.power import PowerActions
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot

_ANSWER_TRAVELS_S = 0.5


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    patience_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 30.0


class Kexec:
    """The commands and what they need; ``announce_end`` tells the controller, for so many seconds, that this agent ends."""

    def __init__(
        self,
        written: WrittenImages,
        runner: Runner,
        power: PowerActions,
        announce_end: Callable[[float], None],
        sys_root: SysRoot | None = None,
    ) -> None:
        self._written = written
        self._runner = runner
        self._power = power
        self._announce_end = announce_end
        self._sys_root = sys_root or SysRoot()
        self._is_loaded = False

    def commands(self) -> Iterable[Command]:
        """Return both."""
        return [
            Command(name="standby.prepare_kexec", kind=Kind.ASYNC, prepare=self.prepare),
            Command(name="standby.start_kexec", kind=Kind.LAST, prepare=self.start),
        ]

    def prepare(self, _params: Params) -> Job:
        """Load the kernel of the system that was written in this boot.

        Raises:
            KexecNotPossible: When the job runs: the machine has to boot through its firmware.
        """

        def load(control: Control) -> dict[str, Any]:
            self._is_loaded = False
            written = self._written.last()
            if written is None:
                raise KexecNotPossible("no image was written in this boot")
            control.progress(Progress(phase="look for the deployed system's kernel"))
            os.sync()
            plan = prepare_kexec(
                written.disk.path,
                read_machine(self._sys_root),
                self._runner,
                self._power,
                is_on_array=bool(written.disk.below),
            )
            self._is_loaded = True
            return {"kexec": plan.shown(), "announces_end": True}

        return load

    def start(self, params: Params) -> Job:
        """Start the kernel that was loaded; before, the answer to the order is sent and the controller told that we end.

        Raises:
            InvalidRequest: ``patience_s`` is no number of seconds.
            KexecNotPossible: When the job runs: none is loaded, the controller does not hear of our end, or it was not started.
        """
        patience_s = parse_params(params, _Start, "start_kexec").patience_s

        def go(control: Control) -> None:
            if not self._is_loaded:
                raise KexecNotPossible("no kernel was loaded; order standby.prepare_kexec before")
            control.progress(Progress(phase="flush"))
            os.sync()
            control.progress(Progress(phase="tell the controller"))
            self._announce_end(patience_s)
            time.sleep(_ANSWER_TRAVELS_S)
            self._power.start_kernel()

        return go
