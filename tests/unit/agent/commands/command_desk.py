"""All commands of the agent on a machine of one imaginary disk."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.commands.executor import CommandExecutor
from agent.commands.identity import Identity
from agent.commands.lockdown import Lockdown
from agent.commands.registry import CommandDependencies, build_commands
from agent.commands.rescue import Rescue
from agent.commands.results import ResultStore
from agent.commands.system_logs import SystemLogs
from agent.commands.written_images import WrittenImages
from agent.hardware.capabilities import HardwareManager, Phase, StepContext
from agent.hardware.registry import Hardware
from agent.hardware.writing import WrittenImage
from agent.protocol.commands import CommandResult
from agent.system.power import NoPower
from agent.system.rescue_login import RescueLogin
from tests.unit.fakes import FakeRunner, OneDisk, disk, manager, step

IMAGE = {
    "id": "user.qcow2",
    "urls": ["http://192.0.2.1/user.qcow2"],
    "disk_format": None,
    "stream_raw_images": True,
    "checksum": "7e75" * 16,
    "os_hash_algo": "sha256",
    "os_hash_value": "7e75" * 16,
    "node_uuid": "75fe6cd1-cf03-4b03-86ab-565acbaafc15",
}
NODE: dict[str, Any] = {"uuid": "75fe6cd1-cf03-4b03-86ab-565acbaafc15", "properties": {}}
WRITTEN = WrittenImage(disk=disk(), root_uuid="0x0000002a")


class Desk:
    """All commands on a machine of one imaginary disk."""

    def __init__(self, folder: Path, *, standalone: bool = False) -> None:
        self.machine = OneDisk()
        self.folder = folder
        self.contexts: list[StepContext] = []
        self.identity = Identity(folder / "token")
        self.written = WrittenImages(folder / "written-image.json")
        self.hardware = Hardware([self._manager()])
        deps = CommandDependencies(
            hardware=self.hardware,
            runner=FakeRunner({}),
            power=NoPower(),
            identity=self.identity,
            announce_end=lambda _patience_s: None,
            written=self.written,
            system_logs=SystemLogs(FakeRunner({}), (), tuple),
            rescue=Rescue(
                RescueLogin(
                    password_file=folder / "password",
                    answer_file=folder / "answer",
                    mark=folder / "rescued",
                    timeout_s=0.2,
                ),
                lambda: None,
            ),
            lockdown=Lockdown(lambda: None),
            hostname="ingot",
            standalone=standalone,
        )
        self.executor = CommandExecutor(
            lambda: build_commands(deps), ResultStore(folder / "commands"), lambda: None
        )

    def do(self, name: str, params: dict[str, Any]) -> CommandResult:
        return self.executor.execute(name, params, wait=True)

    def _manager(self) -> HardwareManager:
        def note(context: StepContext) -> dict[str, str]:
            self.contexts.append(context)
            context.remember(WRITTEN)
            return {"/dev/vda": "erased"}

        return replace(
            manager(steps=[step("erase", {Phase.CLEAN: 10, Phase.SERVICE: 0}, note)]),
            disk_lister=self.machine,
            root_disk_chooser=self.machine,
            image_writer=self.machine,
            bootloader=self.machine,
        )


def execute(step: dict[str, Any], version: dict[str, str] | None = None) -> dict[str, Any]:
    return {"step": step, "node": NODE, "ports": [{"address": "x"}], "clean_version": version}
