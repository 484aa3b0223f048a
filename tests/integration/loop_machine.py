"""An agent on a machine whose disks are loop devices: `python -m tests.integration.loop_machine FOLDER CMDLINE_FILE READY_FILE`.

The disks are those of FOLDER/disks.json and no others. Erasing, writing images, burn-in and collectors are the real ones; logical disks
are kept in a file, as the kernel of a test's host may have no arrays, and boot entries as :mod:`tests.integration.fake_machine` keeps them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.disks.release import StackReleaser
from agent.hardware.capabilities import HardwareManager, Phase, Step, Support
from agent.hardware.devices import BlockDevice
from agent.hardware.image_rules import ImageRules
from agent.hardware.raiding import RaidConfig, RaidPlan, RaidRequest
from agent.hardware.registry import Hardware
from agent.hardware.tools import StepTools
from agent.hardware.updating import FirmwareComponent, FirmwareEvidence
from agent.hardware.wishes import CollectWishes
from agent.images.writer import StreamingImageWriter
from agent.system.runner import HostRunner
from agent.system.sysfs import SysRoot
from hardware_managers.burnin import manager as burnin
from hardware_managers.container.bootc.installer import BootcInstaller
from hardware_managers.firmware import manager as firmware
from hardware_managers.generic.collectors.offered import offered_collectors
from hardware_managers.generic.erase_steps import ERASE_STEPS
from hardware_managers.generic.metadata_eraser import MetadataWiper
from hardware_managers.generic.overwrite import Overwriter
from hardware_managers.generic.raid_steps import RAID_STEPS
from hardware_managers.generic.steps import STEPS
from tests.integration.fake_machine import FakeMachine, run_agent
from tests.integration.loop_disk import LoopDisk

COLLECTORS = ("default", "logs", "pci-devices", "usb-devices", "numa-topology")
"""All that need neither a machine's own network cards and firmware nor minutes."""
_DISKS = "disks.json"


def describe_disks(folder: Path, disks: Sequence[LoopDisk]) -> None:
    """Tell the agent of ``folder`` which disks its machine has."""
    told = [[str(disk.path), disk.size_bytes, disk.sector_bytes] for disk in disks]
    (folder / _DISKS).write_text(json.dumps(told))


class LogicalDisksOnPaper:
    """Makes logical disks by writing them down."""

    name = "paper"

    def __init__(self, file: Path) -> None:
        self._file = file

    def controllers(self) -> Sequence[str]:
        return ("software",)

    def plan(self, request: RaidRequest) -> RaidPlan:
        return RaidPlan(lines=tuple(json.dumps(dict(disk)) for disk in request.logical_disks))

    def create(self, plan: RaidPlan, tools: StepTools) -> RaidConfig:
        self._write([*self._disks(), *map(json.loads, plan.lines)])
        return self.read()

    def delete(self, request: RaidRequest, tools: StepTools) -> RaidConfig:
        self._write([])
        return self.read()

    def read(self) -> RaidConfig:
        return {"logical_disks": self._disks()}

    def attach(self, node: Mapping[str, Any]) -> tuple[BlockDevice, ...]:
        return ()

    def _write(self, disks: Sequence[Any]) -> None:
        self._file.write_text(json.dumps(disks))

    def _disks(self) -> list[Any]:
        found: list[Any] = json.loads(self._file.read_text()) if self._file.exists() else []
        return found


class FirmwareOnPaper:
    """Updates a component that is a file with its version."""

    name = "paper"

    def __init__(self, file: Path) -> None:
        self._file = file

    def components(self) -> Sequence[FirmwareComponent]:
        version = self._file.read_text() if self._file.exists() else "1"
        return (FirmwareComponent(id="paper:0", kind="paper", model="Paper", version=version),)

    def update(
        self, component: FirmwareComponent, file: Path, tools: StepTools
    ) -> FirmwareEvidence:
        self._file.write_bytes(file.read_bytes())
        (now,) = self.components()
        return FirmwareEvidence(
            component=component, before=component.version, after=now.version, reboot_needed=True
        )


class LoopMachine(FakeMachine):
    """A fake machine with real disks and what really works on them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._disks = tuple(
            LoopDisk(path=Path(path), file=Path(path), size_bytes=size, sector_bytes=sector)
            for path, size, sector in json.loads((folder / _DISKS).read_text())
        )

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return tuple(
            replace(disk.device(), serial=f"LOOP{number}")
            for number, disk in enumerate(self._disks)
        )

    def manager(self) -> HardwareManager:
        runner = HostRunner()
        fake = super().manager()
        assert isinstance(fake.steps, tuple)
        kept = tuple(
            one for one in fake.steps if one.name not in {"erase_devices_metadata", "write_image"}
        )
        nothing = Step(
            name="return_nothing",
            interface="deploy",
            priorities=dict.fromkeys(Phase, 0),
            run=lambda _context: None,
        )
        return replace(
            fake,
            name="loop_manager",
            support=Support.GENERIC,
            image_writer=StreamingImageWriter(runner),
            container_installer=BootcInstaller(runner, ImageRules()),
            metadata_eraser=MetadataWiper(runner),
            disk_releaser=StackReleaser(runner),
            erasers=(Overwriter(),),
            raid_configurators=(LogicalDisksOnPaper(self._folder / "logical-disks.json"),),
            collectors=offered_collectors(SysRoot(), CollectWishes()),
            steps=(*kept, nothing, *STEPS, *ERASE_STEPS, *RAID_STEPS),
        )


def _hardware(folder: Path) -> Hardware:
    updaters = (FirmwareOnPaper(folder / "firmware"),)
    steps = replace(firmware.probe(HostRunner()), firmware_updaters=updaters)
    return Hardware([LoopMachine(folder).manager(), burnin.probe(HostRunner()), steps])


def main() -> None:
    run_agent(_hardware)


if __name__ == "__main__":
    main()
