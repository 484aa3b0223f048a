"""An agent on a machine that consists of one file: `python -m tests.integration.fake_machine FOLDER CMDLINE_FILE READY_FILE`.

The agent is the real one; only the hardware is ours, so that nothing of the host is read or written. Steps wait for files in
the folder, so that a test decides when they end.
"""

import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.disks.root_device import choose_root_disk
from agent.errors import EraseError
from agent.hardware.capabilities import HardwareManager, Phase, Step, StepContext, Support
from agent.hardware.devices import (
    BlockDevice,
    BootEnvironment,
    MainMemory,
    NetworkInterface,
    Processor,
    SystemIdentity,
)
from agent.hardware.erasing import MetadataEvidence
from agent.hardware.reading import RootDiskChoice
from agent.hardware.registry import Hardware
from agent.hardware.tools import ProgressSink
from agent.hardware.writing import WrittenImage
from agent.lifecycle.run import Agent
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.protocol.steps import ArgInfo
from agent.settings import Settings
from agent.system.log_output import set_up_logging
from agent.system.runner import HostRunner
from agent.system.stop_signal import StopSignal
from tests.integration.processes import end_with_parent

MAC = "52:54:00:22:00:10"
DISK_BYTES = 8 << 30


class FakeMachine:
    """Everything a manager can offer, on one sparse file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._disk = folder / "disk"
        if not self._disk.exists():
            self._disk.touch()

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return (
            BlockDevice(
                path=self._disk,
                size_bytes=DISK_BYTES,
                logical_sector_bytes=512,
                physical_sector_bytes=512,
                is_rotational=False,
                serial="FAKE1",
            ),
        )

    def list_nics(self) -> tuple[NetworkInterface, ...]:
        return (NetworkInterface(name="eth0", mac=MAC, has_carrier=True, ipv4="192.0.2.7"),)

    def processor(self) -> Processor:
        return Processor(
            model_name="Fake", frequency_mhz="", count=2, architecture="x86_64", flags=("fpu",)
        )

    def memory(self) -> MainMemory:
        return MainMemory(total_bytes=1 << 31, physical_mib=2048)

    def identity(self) -> SystemIdentity:
        return SystemIdentity(product_name="Fake", serial_number="1", manufacturer="Ingot")

    def boot_environment(self) -> BootEnvironment:
        return BootEnvironment(mode="uefi", pxe_mac=MAC)

    def choose(self, node: Mapping[str, Any], disks: Sequence[BlockDevice]) -> RootDiskChoice:
        return choose_root_disk(node, disks)

    def write_image(
        self,
        image: ImageInfo,
        configdrive: str | None,
        disk: BlockDevice,
        progress: ProgressSink,
        *,
        stop: StopSignal | None = None,
        before_writing: Callable[[], None] | None = None,
    ) -> WrittenImage:
        progress(Progress(phase="write", bytes_done=1 << 20, bytes_total=4 << 20))
        self._wait_for("finish-write")
        disk.path.write_bytes(f"{image.urls[0]} {configdrive}".encode())
        return WrittenImage(disk=disk, root_uuid="0x12345678")

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        disk.path.write_bytes(b"")
        return MetadataEvidence(disk=disk, method="truncate", detail="emptied")

    def install_bootloader(
        self, disk: BlockDevice, *, boot_mode: str, written: WrittenImage | None = None
    ) -> tuple[str, ...]:
        (self._folder / "boot-entry").write_text(f"{disk.path} {boot_mode}")
        return ("Fake",)

    def _wait_for(self, name: str) -> None:
        while not (self._folder / name).exists():
            time.sleep(0.02)

    def _erase(self, context: StepContext) -> dict[str, str]:
        eraser = context.hardware.metadata_eraser()
        done = [
            eraser.erase_metadata(d, context.progress, wipe_shared=False)
            for d in context.hardware.disks()
        ]
        return {str(evidence.disk.path): evidence.method for evidence in done}

    def _write(self, context: StepContext) -> str:
        image = ImageInfo(id="user.img", urls=list(context.args["image_info"]["urls"]))
        disk = context.hardware.disks()[0]
        written = context.hardware.image_writer().write_image(image, None, disk, context.progress)
        context.remember(written)
        return f"written to {disk.path}"

    def _fail(self, context: StepContext) -> None:
        raise EraseError("/dev/fake: the drive answered no; replace it")

    def _explode(self, context: StepContext) -> None:
        raise ValueError("boom")

    def _wait_step(self, context: StepContext) -> str:
        context.progress(Progress(phase="waiting", message=str(context.args.get("why"))))
        self._wait_for("finish-step")
        return "waited"

    def _patient(self, context: StepContext) -> str:
        tools = context.tools
        script = "sleep 600 & echo $! > child; mv child child-pid; wait"
        tools.runner.follow(
            "sh",
            "-c",
            f"cd {self._folder}; {script}",
            timeout_s=600,
            on_line=lambda _line: None,
            stop=tools.stop,
        )
        return "never"

    def _grow_deaf(self, context: StepContext) -> str:
        context.progress(Progress(phase="careful"))
        context.tools.stop.refuse("the firmware is being written, half of it would not start")
        (self._folder / "deaf").touch()
        self._wait_for("finish-step")
        return "whole"

    def manager(self) -> HardwareManager:
        return HardwareManager(
            name="fake_manager",
            version="1.0",
            support=Support.GENERIC,
            disk_lister=self,
            nic_lister=self,
            machine_reader=self,
            root_disk_chooser=self,
            image_writer=self,
            metadata_eraser=self,
            bootloader=self,
            steps=self._steps(),
        )

    def _steps(self) -> tuple[Step, ...]:
        on_request = {Phase.CLEAN: 0, Phase.DEPLOY: 0, Phase.SERVICE: 0}
        return (
            Step(
                name="erase_devices_metadata",
                interface="deploy",
                priorities={Phase.CLEAN: 99, Phase.DEPLOY: 0},
                run=self._erase,
            ),
            Step(
                name="write_image",
                interface="deploy",
                priorities={Phase.DEPLOY: 0},
                run=self._write,
            ),
            Step(name="fail", interface="deploy", priorities=on_request, run=self._fail),
            Step(name="explode", interface="deploy", priorities=on_request, run=self._explode),
            *(
                Step(name=name, interface="deploy", priorities=on_request, run=run, stoppable=True)
                for name, run in (("patient", self._patient), ("grow_deaf", self._grow_deaf))
            ),
            Step(
                name="linger",
                interface="deploy",
                priorities=on_request,
                run=self._wait_step,
                args={"why": ArgInfo(description="Shown as progress.", required=True)},
            ),
        )


class PowerDiary:
    """Writes down what was asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def power_off(self) -> None:
        (self._folder / "power").write_text("off")

    def reboot(self) -> None:
        (self._folder / "power").write_text("reboot")

    def load_kernel(self, _kernel: int, _initrd: int | None, command_line: str, /) -> None:
        (self._folder / "loaded").write_text(command_line)

    def start_kernel(self) -> None:
        (self._folder / "power").write_text("kexec")

    def isolate(self, nics: Sequence[str], /) -> None:
        (self._folder / "isolated").write_text(" ".join(nics))


class DiaryClock:
    """A clock that is as wrong as the file ``clock-offset`` says, and writes down what it is set to."""

    def __init__(self, folder: Path) -> None:
        self._offset, self._diary = folder / "clock-offset", folder / "clock"

    def now(self) -> float:
        wrong_s = float(self._offset.read_text()) if self._offset.exists() else 0.0
        return time.time() + wrong_s

    def set(self, seconds: float) -> None:
        self._diary.write_text(str(seconds - time.time()))


def run_agent(machine: Callable[[Path], Hardware]) -> None:
    """Run the agent of the command line's folder on ``machine``, as long as who has started it is there."""
    end_with_parent()
    folder = Path(sys.argv[1])
    ssh_port = folder / "ssh-port"
    flags: dict[str, object] = {
        "state_directory": str(folder / "state"),
        "listen_host": "127.0.0.1",
        "network_ready_file": sys.argv[3],
        "ntp_servers_file": str(folder / "ntp-servers"),
        "rescue_password_file": str(folder / "rescue/password"),
        "rescue_ssh_port": int(ssh_port.read_text()) if ssh_port.exists() else 1,
    }
    settings = Settings.from_sources(Path(sys.argv[2]).read_text(), None, flags)
    set_up_logging(debug=settings.debug, log_file=settings.log_file)
    agent = Agent(
        settings, machine(folder), HostRunner(), PowerDiary(folder), DiaryClock(folder), "0.1.0"
    )
    signal.signal(signal.SIGTERM, lambda *_: agent.stop())
    agent.run()


def main() -> None:
    run_agent(lambda folder: Hardware([FakeMachine(folder).manager()]))


if __name__ == "__main__":
    main()
