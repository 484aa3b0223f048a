"""Stand-ins for the doors to the host: they answer from a table and fail on everything else."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.errors import CommandFailed
from agent.hardware.capabilities import (
    HardwareManager,
    Phase,
    ProgressSink,
    Step,
    StepContext,
    Support,
    WrittenImage,
)
from agent.hardware.devices import BlockDevice
from agent.protocol.image import ImageInfo
from agent.protocol.receipt import Receipt
from agent.system.runner import Output


class UnexpectedCommand(BaseException):
    """A program was run that the test does not know; not an ``Exception``, so that nothing can swallow it."""


class FakeRunner:
    """Answers from ``answers``: the command line -> what it prints, or the error it ends with."""

    def __init__(self, answers: Mapping[str, str | CommandFailed]) -> None:
        self._answers = answers
        self.lines: list[str] = []

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        line = " ".join(argv)
        self.lines.append(line)
        if line not in self._answers:
            raise UnexpectedCommand(line)
        answer = self._answers[line]
        if isinstance(answer, CommandFailed):
            raise answer
        return Output(stdout=answer, stderr="", exit_code=0)


def disk(path: str = "/dev/vda", size_bytes: int = 8 << 30) -> BlockDevice:
    return BlockDevice(
        path=Path(path),
        size_bytes=size_bytes,
        logical_sector_bytes=512,
        physical_sector_bytes=512,
        is_rotational=False,
    )


class OneDisk:
    """Offers one disk, writes images on it in thought."""

    def __init__(self) -> None:
        self.configdrives: list[str | None] = []
        self.booted: list[str] = []
        self.receipt: Receipt | None = None

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return (disk(),)

    def write_image(
        self, image: ImageInfo, configdrive: str | None, disk: BlockDevice, progress: ProgressSink
    ) -> WrittenImage:
        self.configdrives.append(configdrive)
        return WrittenImage(disk=disk, root_uuid="0x0000002a", receipt=self.receipt)

    def install_bootloader(self, disk: BlockDevice, *, boot_mode: str) -> tuple[str, ...]:
        self.booted.append(f"{disk.path} {boot_mode}")
        return ("Debian",)


def step(
    name: str,
    priorities: Mapping[Phase, int],
    run: Callable[[StepContext], object] = lambda _: None,
    interface: str = "deploy",
) -> Step:
    return Step(name=name, interface=interface, priorities=priorities, run=run)


def manager(
    name: str = "one", support: Support = Support.GENERIC, steps: Sequence[Step] = ()
) -> HardwareManager:
    return HardwareManager(name=name, version="1", support=support, steps=tuple(steps))
