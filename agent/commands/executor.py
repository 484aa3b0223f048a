"""Runs commands, one at a time, and keeps what came of them.

One of the two places that catch every exception: whatever a command raises becomes its result.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from agent.commands.command import Command, Control, Job, Kind, Params, find_command
from agent.commands.failures import describe_failure
from agent.commands.results import ResultStore
from agent.errors import AgentBusy, AgentError, CannotStop, NotFound, VersionMismatch
from agent.protocol.commands import CommandError, CommandResult, CommandStatus, Progress
from agent.protocol.foreign_text import Bounds, clean_document, clean_line
from agent.system.stop_signal import StopSignal

log = logging.getLogger(__name__)

_RESULT = Bounds(most_depth=64, most_parts=1_000_000, most_chars=64 << 20)
"""Of what a command finds; the archive of the logs is one text. What programs print, and plug-ins make of it, cannot be sent as it is."""


class CommandExecutor:
    """One command at a time; asynchronous ones in a thread of their own.

    ``commands`` returns every command by its name, and may take its time the first time: the code of the commands is loaded last.
    ``on_finished`` is called after every asynchronous command, so that the controller hears of it at once.
    """

    def __init__(
        self,
        commands: Callable[[], Mapping[str, Command]],
        store: ResultStore,
        on_finished: Callable[[], None],
        begin: Callable[[threading.Thread], None] = threading.Thread.start,
    ) -> None:
        """``begin`` starts the thread of an asynchronous command."""
        self._commands = commands
        self._store = store
        self._on_finished = on_finished
        self._begin = begin
        self._results = {result.id: result for result in store.load()}
        self._results_lock = threading.Lock()
        self._dispatch_lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._stops: dict[str, StopSignal] = {}
        """Of the commands that run."""

    def results(self) -> list[CommandResult]:
        """Return every command of this boot, oldest first."""
        with self._results_lock:
            return [self._shown(result) for result in self._results.values()]

    def result(self, command_id: str, *, wait: bool = False) -> CommandResult:
        """Return one command, with ``wait`` after its end.

        Raises:
            NotFound: There is no such command.
        """
        thread = self._threads.get(command_id)
        if wait and thread is not None:
            thread.join()
        with self._results_lock:
            if command_id not in self._results:
                raise NotFound(f"no command with the id {command_id!r} was given to this agent")
            return self._shown(self._results[command_id])

    def stop(self, command_id: str) -> CommandResult:
        """Ask a running command to stop and return it; it ends when its work looks at the signal.

        Raises:
            NotFound: There is no such command.
            CannotStop: It has ended, or cannot be stopped where it is now; the message says why.
        """
        result = self.result(command_id)
        with self._results_lock:
            signal = self._stops.get(command_id)
        if signal is None:
            ended = self.result(command_id).command_status
            raise CannotStop(f"{result.command_name}: it has ended already ({ended})")
        signal.set()
        data = {"command": result.command_name, "goes_on": "; ".join(signal.left)}
        log.info("command asked to stop", extra=data)
        return self.result(command_id)

    def execute(self, name: str, params: Params, *, wait: bool = False) -> CommandResult:
        """Start a command; return its result, with ``wait`` after its end.

        A synchronous command holds back the start of others until its end.

        Raises:
            InvalidRequest: The command does not exist or its parameters cannot be used.
            NotFound: There is no such namespace.
            AgentBusy: Another command is running.
            AgentError: The commands cannot be loaded; the agent ends for that.
        """
        command = find_command(self._commands(), name)
        with self._dispatch_lock:
            self._refuse_if_busy()
            job = command.prepare(params)
            started = self._start(command)
            if command.kind is Kind.SYNC:
                self._carry_out(command, started.id, job)
            else:
                started = self._carry_out_beside(command, started, job)
        if command.kind is Kind.SYNC or (wait and command.kind is Kind.ASYNC):
            return self.result(started.id, wait=True)
        return started

    def _refuse_if_busy(self) -> None:
        for result in self.results():
            if result.command_status is CommandStatus.RUNNING:
                # The wording is Ironic's: its conductor looks for it.
                raise AgentBusy(f"Agent is busy: executing command {result.command_name}")

    def _start(self, command: Command) -> CommandResult:
        name = command.short_name
        result = CommandResult(
            id=str(uuid.uuid4()), command_name=name, command_status=CommandStatus.RUNNING
        )
        refused = f"{name} cannot be stopped here; wait for its end, or power the machine off"
        with self._results_lock:
            self._stops[result.id] = StopSignal(refused)
        self._keep(result)
        log.info("command started", extra={"command": command.name})
        return result

    def _carry_out_beside(
        self, command: Command, started: CommandResult, job: Job
    ) -> CommandResult:
        """Carry a command out in a thread of its own; one that does not start ends the command, which would run for ever otherwise."""
        work = (command, started.id, job)
        thread = threading.Thread(target=self._carry_out, args=work, name=command.name, daemon=True)
        try:
            self._begin(thread)
        except (RuntimeError, MemoryError) as error:
            failure = AgentError(
                f"{command.short_name} was not begun: the ramdisk can start no thread ({error}); its memory or its number of"
                " tasks is used up; reboot the machine into the ramdisk, with more memory"
            )
            return self._end(command, started.id, _failure(failure, command), seconds=0.0)
        self._threads[started.id] = thread
        return started

    def _carry_out(self, command: Command, command_id: str, job: Job) -> None:
        began = time.monotonic()

        def report(progress: Progress) -> None:
            told = _sendable(progress)
            with self._results_lock:
                running = self._results[command_id]
                self._results[command_id] = msgspec.structs.replace(running, progress=told)

        control = Control(report, self._stops[command_id])
        try:
            changes: dict[str, Any] = {
                "command_status": CommandStatus.SUCCEEDED,
                "command_result": _as_document(job(control), command),
            }
        except BaseException as error:  # noqa: BLE001  # SystemExit of a foreign plug-in becomes a result, too
            changes = _failure(error, command)
        self._end(command, command_id, changes, seconds=time.monotonic() - began)
        if command.kind is not Kind.SYNC:
            self._on_finished()

    def _end(
        self, command: Command, command_id: str, changes: Mapping[str, Any], *, seconds: float
    ) -> CommandResult:
        with self._results_lock:
            del self._stops[command_id]
            ended = msgspec.structs.replace(self._results[command_id], progress=None, **changes)
            self._results[command_id] = ended
        self._keep(ended)
        _log_end(command.name, ended, seconds)
        return ended

    def _shown(self, result: CommandResult) -> CommandResult:
        """Return a result with what counts only now; the results are locked."""
        signal = self._stops.get(result.id)
        if signal is None:
            return result
        return msgspec.structs.replace(result, stoppable=signal.refused is None)

    def _keep(self, result: CommandResult) -> None:
        self._store.save(result)
        with self._results_lock:
            self._results[result.id] = result


def _as_document(outcome: Any, command: Command) -> Any:
    """Return ``outcome`` as plain JSON values; text is wrapped as Ironic's agent does it."""
    if isinstance(outcome, str):
        prefix = "" if command.kind is Kind.SYNC else f"{command.short_name}: "
        outcome = {"result": f"{prefix}{outcome}"}
    return clean_document(msgspec.to_builtins(outcome, str_keys=True), _RESULT)


def _sendable(progress: Progress) -> Progress:
    """Return progress whose words, perhaps a program's, can be sent and shown."""
    message = None if progress.message is None else clean_line(progress.message)
    phase = clean_line(progress.phase)
    return msgspec.structs.replace(progress, phase=phase, message=message)


def _failure(error: BaseException, command: Command) -> dict[str, Any]:
    """Return what a command that failed ends with, also if its error cannot be told: nothing may leave it running for ever."""
    mismatch = isinstance(error, VersionMismatch)
    status = CommandStatus.VERSION_MISMATCH if mismatch else CommandStatus.FAILED
    try:
        return {
            "command_status": status,
            "command_error": describe_failure(error, command.short_name),
            "command_result": _left_by(error, command),
        }
    except BaseException as worse:  # noqa: BLE001  # an error's own text or result may raise anything
        kind = type(error).__name__
        data = {"error": kind, "why": type(worse).__name__}
        log.error("a failure cannot be told", extra=data)  # noqa: TRY400  # its traceback would tell it
        told = CommandError(
            type=kind,
            code=500,
            message=f"{command.short_name} failed",
            details=(
                f"{command.short_name}: {kind}, whose text or result cannot be told ({type(worse).__name__}); this is a bug in a"
                " hardware manager"
            ),
        )
        return {"command_status": status, "command_error": told}


def _left_by(error: BaseException, command: Command) -> Any:
    """Return what a command that failed has to tell all the same; ``None`` = nothing."""
    left = error.result if isinstance(error, AgentError) else None
    return None if left is None else _as_document(left, command)


def _log_end(name: str, ended: CommandResult, seconds: float) -> None:
    data: dict[str, object] = {"command": name, "seconds": round(seconds, 3)}
    if isinstance(ended.command_error, CommandError):
        log.error("command failed", extra={**data, "why": ended.command_error.details})
    else:
        log.info("command done", extra=data)
