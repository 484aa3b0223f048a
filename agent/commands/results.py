"""Results that survive a restart of the agent's process: one JSON file per command, in the order of the commands."""

import logging
from pathlib import Path

import msgspec

from agent.protocol.commands import CommandError, CommandResult, CommandStatus
from agent.system.state_files import write_private

log = logging.getLogger(__name__)


class ResultStore:
    """The folder of results."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers: dict[str, int] = {}

    def load(self) -> list[CommandResult]:
        """Return the results of the earlier processes, oldest first; one that was running then is failed now."""
        results = []
        for path in sorted(self._directory.glob("*.json")):
            try:
                result = msgspec.json.decode(path.read_bytes(), type=CommandResult)
            except msgspec.DecodeError as error:
                log.warning("result file unreadable", extra={"file": str(path), "why": str(error)})
                continue
            self._numbers[result.id] = int(path.stem)
            if result.command_status is CommandStatus.RUNNING:
                result = _interrupted(result)
                self.save(result)
            results.append(result)
        return results

    def save(self, result: CommandResult) -> None:
        """Write ``result``; progress is not kept.

        A full file system does not fail the command: its result is still answered by this process.
        """
        number = self._numbers.setdefault(result.id, max(self._numbers.values(), default=0) + 1)
        kept = msgspec.structs.replace(result, progress=None)
        path = self._directory / f"{number:06}.json"
        try:
            write_private(path, msgspec.json.encode(kept))
        except OSError as error:
            log.warning("result not kept", extra={"file": str(path), "why": error.strerror})


def _interrupted(result: CommandResult) -> CommandResult:
    name = result.command_name
    log.error("the agent was restarted in the middle of a command", extra={"command": name})
    return msgspec.structs.replace(
        result,
        command_status=CommandStatus.FAILED,
        command_error=CommandError(
            type="AgentRestarted",
            code=500,
            message=f"{name} was interrupted",
            details=(
                f"{name}: the agent was restarted in the middle of it (killed, crashed or out of memory); "
                "what it was doing may be half done; read the ramdisk's log and start the step again"
            ),
        ),
    )
