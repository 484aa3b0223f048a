"""``standby.prepare_kexec`` and ``standby.start_kexec``: the deployed system in place of the ramdisk, without a boot. Both are ours.

The first finds and loads, and says with what or why not; until the second nothing has happened that an ordinary reboot would not undo.
"""

import os
import time
from collections.abc import Iterable
from typing import Any

from agent.boot.kexec.machine import read_machine
from agent.boot.kexec.preparation import prepare_kexec
from agent.commands.command import Command, Control, Job, Kind, Params
from agent.commands.written_images import WrittenImages
from agent.errors import KexecNotPossible
from agent.protocol.commands import Progress
from agent.system.power import PowerActions
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot

_ANSWER_TRAVELS_S = 0.5


class Kexec:
    """The commands and what they need."""

    def __init__(
        self,
        written: WrittenImages,
        runner: Runner,
        power: PowerActions,
        sys_root: SysRoot | None = None,
    ) -> None:
        self._written = written
        self._runner = runner
        self._power = power
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
            return {"kexec": plan.shown()}

        return load

    def start(self, _params: Params) -> Job:
        """Start the kernel that was loaded; the answer to the order is sent before.

        Raises:
            KexecNotPossible: When the job runs: none is loaded, or it was not started.
        """

        def go(control: Control) -> None:
            if not self._is_loaded:
                raise KexecNotPossible("no kernel was loaded; order standby.prepare_kexec before")
            control.progress(Progress(phase="flush"))
            os.sync()
            time.sleep(_ANSWER_TRAVELS_S)
            self._power.start_kernel()

        return go
