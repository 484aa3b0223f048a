"""A runner whose answers come from a function, for drives that change, and the tools of a step."""

from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import CommandFailed
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress
from agent.system.runner import Output
from agent.system.stop_signal import StopSignal
from tests.unit.fakes import ShortRunner, UnexpectedCommand

Answer = Callable[[str], str | None]


class DriveRunner(ShortRunner):
    """Asks ``answer`` for each command line; ``None`` = the test does not know the command."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.lines: list[str] = []

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        line = " ".join(argv)
        self.lines.append(line)
        said = self._answer(line)
        if said is None:
            raise UnexpectedCommand(line)
        return Output(stdout=said, stderr="", exit_code=0)


class ImpatientStop(StopSignal):
    """Never waits."""

    def wait(self, seconds: float) -> bool:
        return self.is_set()


def refused(line: str, why: str = "the drive refused") -> CommandFailed:
    return CommandFailed(f"{line}: exit status 1: {why}")


def step_tools(
    runner: DriveRunner, told: list[Progress] | None = None, stop: StopSignal | None = None
) -> StepTools:
    def no_fetch(url: str, into: Path, checksum: str | None = None, most_bytes: int = 0) -> Path:
        raise UnexpectedCommand(f"fetch {url}")

    kept: list[Progress] = [] if told is None else told
    return StepTools(
        progress=kept.append,
        runner=runner,
        stop=stop or ImpatientStop(),
        fetch=no_fetch,
        folder=Path("/nonexistent"),
    )
