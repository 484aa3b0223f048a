"""An agent whose steps can be held at any of their moments: `python -m tests.integration.kill_machine FOLDER CMDLINE_FILE READY_FILE`.

The machine is that of :mod:`tests.integration.loop_machine` with more managers. A step passes three gates: ``<step> begin`` before it
does anything, ``<step> middle`` with half of its work done, ``<step> end`` with all of it done and nothing of that told yet.
``FOLDER/hold`` names the gate that is shut, ``FOLDER/at`` appears when somebody stands before it, and ``FOLDER/diary`` tells every beginning and end of a step.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.hardware.capabilities import HardwareManager, Step, StepContext
from agent.hardware.collecting import CollectContext, Collector
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import MetadataEraser, MetadataEvidence
from agent.hardware.raiding import RaidConfig, RaidConfigurator, RaidPlan
from agent.hardware.registry import Hardware
from agent.hardware.tools import ProgressSink, StepTools
from agent.hardware.updating import FirmwareComponent, FirmwareEvidence
from agent.hardware.writing import WrittenImage
from agent.images.flow import meter
from agent.protocol.commands import Progress
from agent.protocol.containers import ContainerRules
from agent.system.runner import HostRunner
from hardware_managers.burnin import manager as burnin
from hardware_managers.container import manager as container
from hardware_managers.firmware import manager as firmware
from hardware_managers.generic.firmware_memory import erase_pstore
from hardware_managers.inject_files import manager as inject_files
from hardware_managers.vendor_raid.configurator import VendorRaid
from hardware_managers.vendor_raid.storcli import StorCli
from tests.integration.fake_machine import run_agent
from tests.integration.loop_machine import FirmwareOnPaper, LogicalDisksOnPaper, LoopMachine

PSTORE = "pstore"
"""Folder of crash records, made by the test."""
STORCLI = "storcli64"
"""The stand-in for a vendor's program, if the test has put one there."""

_UNCOUNTED = frozenset({"container", "burn-in", "inject files"})
_HALF, _WHOLE = 40, 100


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one machine."""

    folder: Path

    def reach(self, place: str) -> None:
        while self._held_at() == place:
            (self.folder / "at").touch()
            time.sleep(0.01)

    def _held_at(self) -> str | None:
        """Return where the machine is to stand; ``None`` = nowhere, the gate may open between two looks."""
        try:
            return (self.folder / "hold").read_text()
        except FileNotFoundError:
            return None

    def reach_middle(self) -> None:
        """Stand in the middle of the step that has begun last."""
        begun = [
            line for line in (self.folder / "diary").read_text().splitlines() if "begins" in line
        ]
        self.reach(begun[-1].replace("begins", "middle"))

    def note(self, line: str) -> None:
        with (self.folder / "diary").open("a") as diary:
            diary.write(f"{line}\n")
            diary.flush()
            os.fsync(diary.fileno())

    def watched(self, progress: ProgressSink) -> ProgressSink:
        """Return a sink in which half of what is counted, or the second word of what is not, is the middle."""
        seen: list[str] = []

        def sink(told: Progress) -> None:
            progress(told)
            seen.append(told.phase)
            percent = told.percent or 0
            if told.bytes_total:
                percent = 100 * (told.bytes_done or 0) / told.bytes_total
            has_begun = told.phase in _UNCOUNTED and seen.count(told.phase) > 1
            if has_begun or _HALF <= percent < _WHOLE:
                self.reach_middle()

        return sink

    def gated(self, step: Step) -> Step:
        def run(context: StepContext) -> Any:
            self.note(f"{step.name} begins")
            self.reach(f"{step.name} begin")
            tools = replace(context.tools, progress=self.watched(context.tools.progress))
            result = step.run(replace(context, tools=tools))
            self.note(f"{step.name} done")
            self.reach(f"{step.name} end")
            return result

        return replace(step, run=run)


@dataclass(frozen=True, slots=True)
class GatedWiper:
    """Stands in the middle after the first disk."""

    inner: MetadataEraser
    gates: Gates

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        if disk.serial != "LOOP0":
            self.gates.reach_middle()
        done = self.inner.erase_metadata(disk, progress, wipe_shared=wipe_shared)
        self.gates.note(f"metadata of {disk.serial} erased")
        return done


class HalfMadeDisks(LogicalDisksOnPaper):
    """Makes one logical disk after the other."""

    def __init__(self, folder: Path, gates: Gates) -> None:
        super().__init__(folder / "logical-disks.json")
        self._gates = gates

    def create(self, plan: RaidPlan, tools: StepTools) -> RaidConfig:
        for line in plan.lines:
            super().create(RaidPlan(lines=(line,)), tools)
            self._gates.reach_middle()
        return self.read()


class HalfWrittenFirmware(FirmwareOnPaper):
    """Writes the first half of a firmware, then the second."""

    def __init__(self, folder: Path, gates: Gates) -> None:
        super().__init__(folder / "firmware")
        self._half, self._gates = folder / "firmware", gates

    def update(
        self, component: FirmwareComponent, file: Path, tools: StepTools
    ) -> FirmwareEvidence:
        self._half.write_text("half")
        self._gates.reach_middle()
        return super().update(component, file, tools)


class KillMachine(LoopMachine):
    """A loop machine with gates."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._gates = Gates(folder)

    def install_bootloader(
        self, disk: BlockDevice, *, boot_mode: str, written: WrittenImage | None = None
    ) -> tuple[str, ...]:
        self._gates.note("install_bootloader begins")
        self._gates.reach("install_bootloader begin")
        made = super().install_bootloader(disk, boot_mode=boot_mode, written=written)
        self._gates.note("install_bootloader done")
        self._gates.reach("install_bootloader end")
        return made

    def manager(self) -> HardwareManager:
        whole, runner = super().manager(), HostRunner()
        assert whole.metadata_eraser is not None
        assert isinstance(whole.steps, tuple)
        return replace(
            whole,
            bootloader=self,
            metadata_eraser=GatedWiper(whole.metadata_eraser, self._gates),
            raid_configurators=self._raid(runner),
            collectors=tuple(self._slow(one) for one in whole.collectors),
            steps=(*whole.steps, self._pstore(whole.steps[0])),
        )

    def _raid(self, runner: HostRunner) -> tuple[RaidConfigurator, ...]:
        program = self._folder / STORCLI
        if not program.exists():
            return (HalfMadeDisks(self._folder, self._gates),)
        return (VendorRaid(StorCli(runner, str(program), "storcli", timeout_s=60.0), runner),)

    def _pstore(self, like: Step) -> Step:
        def run(context: StepContext) -> Mapping[str, Any]:
            return erase_pstore(context, self._folder / PSTORE)

        return replace(like, name="erase_pstore", run=run)

    def _slow(self, collector: Collector) -> Collector:
        def collect(context: CollectContext) -> Mapping[str, Any]:
            self._gates.note(f"{collector.name} begins")
            self._gates.reach("collect")
            return collector.collect(context)

        return replace(collector, collect=collect)


def _hardware(folder: Path) -> Hardware:
    gates, runner = Gates(folder), HostRunner()
    meter._REPORT_EVERY_S = (
        0.0  # every piece is told, so that there is a middle in a small image, too
    )
    rules = ContainerRules(allow_arbitrary_containers=True)
    updates = firmware.probe(runner)
    managers = (
        KillMachine(folder).manager(),
        burnin.probe(runner),
        replace(updates, firmware_updaters=(HalfWrittenFirmware(folder, gates),)),
        inject_files.probe(runner),
        replace(container.with_rules(rules), configure=None),
    )
    return Hardware([_gated(one, gates) for one in managers])


def _gated(manager: HardwareManager, gates: Gates) -> HardwareManager:
    assert isinstance(manager.steps, tuple)
    steps = tuple(gates.gated(step) for step in manager.steps)
    inner = manager.configure
    if inner is None:
        return replace(manager, steps=steps)
    return replace(manager, steps=steps, configure=lambda wishes: _gated(inner(wishes), gates))


def main() -> None:
    run_agent(_hardware)


if __name__ == "__main__":
    main()
