"""Stand-ins for the doors to the host: they answer from a table and fail on everything else."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.disks.root_device import choose_root_disk
from agent.errors import CommandFailed
from agent.hardware.capabilities import (
    HardwareManager,
    HardwareView,
    Phase,
    Step,
    StepContext,
    Support,
)
from agent.hardware.devices import BlockDevice
from agent.hardware.reading import RootDiskChoice
from agent.hardware.tools import MOST_FETCHED_BYTES, ProgressSink, StepTools
from agent.hardware.writing import WrittenImage
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.protocol.receipt import Receipt
from agent.system.runner import Output, Runner
from agent.system.stop_signal import StopSignal


class UnexpectedCommand(BaseException):
    """A program was run that the test does not know; not an ``Exception``, so that nothing can swallow it."""


class ShortRunner(ABC):
    """A runner of programs that end at once: they are followed when they have ended."""

    @abstractmethod
    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output: ...

    def follow(
        self,
        *argv: str,
        timeout_s: float,
        on_line: Callable[[str], None],
        stop: StopSignal | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        ok: Sequence[int] = (0,),
        most_bytes: int = 1 << 20,
        end_after_bytes: int | None = None,
    ) -> Output:
        if stop is not None:
            stop.check(argv[0])
        output = self.run(*argv, timeout_s=timeout_s, ok=ok)
        for line in output.stdout.splitlines():
            on_line(line)
        return output


class FakeRunner(ShortRunner):
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
        self.made_bootable: list[WrittenImage | None] = []
        self.receipt: Receipt | None = None

    def list_disks(self) -> tuple[BlockDevice, ...]:
        return (disk(),)

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
        self.configdrives.append(configdrive)
        return WrittenImage(disk=disk, root_uuid="0x0000002a", receipt=self.receipt)

    def install_bootloader(
        self, disk: BlockDevice, *, boot_mode: str, written: WrittenImage | None = None
    ) -> tuple[str, ...]:
        self.booted.append(f"{disk.path} {boot_mode}")
        self.made_bootable.append(written)
        return ("Debian",)


def step(
    name: str,
    priorities: Mapping[Phase, int],
    run: Callable[[StepContext], object] = lambda _: None,
    interface: str = "deploy",
) -> Step:
    return Step(name=name, interface=interface, priorities=priorities, run=run)


def manager(
    name: str = "one", support: int = Support.GENERIC, steps: Sequence[Step] = ()
) -> HardwareManager:
    return HardwareManager(name=name, version="1", support=support, steps=tuple(steps))


class Tools:
    """The tools of a step, and what it did with them; ``files`` are those that can be fetched, by URL."""

    def __init__(
        self, runner: Runner, folder: Path, files: Mapping[str, bytes] | None = None
    ) -> None:
        self.reports: list[Progress] = []
        self.stop = StopSignal()
        self.fetched: list[tuple[str, str | None]] = []
        self._files = files or {}
        self.tools = StepTools(
            progress=self.reports.append,
            runner=runner,
            stop=self.stop,
            fetch=self._fetch,
            folder=folder,
        )

    def _fetch(
        self,
        url: str,
        into: Path,
        checksum: str | None = None,
        most_bytes: int = MOST_FETCHED_BYTES,
    ) -> Path:
        self.fetched.append((url, checksum))
        target = into / url.rpartition("/")[2] if into.is_dir() else into
        target.write_bytes(self._files[url][:most_bytes])
        return target

    def context(
        self,
        hardware: HardwareView,
        node: Mapping[str, Any] | None = None,
        args: Mapping[str, Any] | None = None,
    ) -> StepContext:
        """Return a step's context with these tools."""
        return StepContext(
            node=node or {},
            ports=(),
            args=args or {},
            hardware=hardware,
            tools=self.tools,
            remember=lambda _written: None,
        )
