"""The only place that starts programs: without a shell, in the C locale, each with a time limit and a process group of its own."""

import logging
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.errors import CommandFailed
from agent.system.process_group import ProcessGroup
from agent.system.program_output import Kept, OnLine, Pump
from agent.system.stop_signal import StopSignal

log = logging.getLogger(__name__)
_SHOWN_OUTPUT_CHARACTERS = 800
_MOST_OUTPUT_BYTES = 64 << 20
"""What ``run`` takes of standard output; more is an error, as it would be read as if it were all."""
_MOST_FOLLOWED_BYTES = 1 << 20
_LOOK_EVERY_S = 0.2
_REAP_S = 0.005
_QUIET_S = 1.0
"""How long the output of a program that has ended may be silent while something it started still holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a program left behind; undecodable bytes are kept as surrogates."""

    stdout: str
    stderr: str
    exit_code: int


class Runner(Protocol):
    """Runs programs; passed in as an argument so that tests can answer from a table."""

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        """Run ``argv`` without a shell in the C locale and wait for its end.

        Raises:
            CommandFailed: The program is missing, took longer than ``timeout_s`` or ended with a code not in ``ok``; or it
                printed more than 64 MiB. In the last two cases it was ended with everything that it had started.
        """

    def follow(
        self,
        *argv: str,
        timeout_s: float,
        on_line: OnLine,
        stop: StopSignal | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        ok: Sequence[int] = (0,),
        most_bytes: int = _MOST_FOLLOWED_BYTES,
        end_after_bytes: int | None = None,
    ) -> Output:
        """Run a long program and hear of every line that it prints, when it prints it.

        Args:
            argv: The program and its arguments.
            timeout_s: After this time it is ended, with everything that it has started.
            on_line: Called in this thread with each line of both outputs, without its end and not empty; what it raises ends the program.
            stop: Ends the program as soon as it is set.
            folder: Its working folder; ``None`` = that of the agent.
            environment: Variables beside those of the agent and the C locale.
            ok: Exit codes that are expected.
            most_bytes: So much is returned of the end of each output.
            end_after_bytes: A program that prints more than this is ended; ``None`` = it may print as long as it runs.

        Raises:
            CommandFailed: As :meth:`run`; or it printed more than ``end_after_bytes``.
            Stopped: ``stop`` was set; nothing that it has started runs any more.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """One program to be run; ``is_whole`` = its whole standard output is wanted, or an error."""

    argv: Sequence[str]
    timeout_s: float
    ok: Sequence[int]
    most_bytes: int
    stdin: str | None = None
    on_line: OnLine | None = None
    stop: StopSignal | None = None
    folder: Path | None = None
    environment: Mapping[str, str] | None = None
    is_whole: bool = False
    end_after_bytes: int | None = None

    @property
    def line(self) -> str:
        return shlex.join(self.argv)


class HostRunner:
    """Runs programs on this machine."""

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        """See :meth:`Runner.run`."""
        order = _Order(
            argv=argv,
            timeout_s=timeout_s,
            ok=ok,
            most_bytes=_MOST_OUTPUT_BYTES,
            stdin=stdin,
            is_whole=True,
        )
        return _carry_out(order)

    def follow(
        self,
        *argv: str,
        timeout_s: float,
        on_line: OnLine,
        stop: StopSignal | None = None,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        ok: Sequence[int] = (0,),
        most_bytes: int = _MOST_FOLLOWED_BYTES,
        end_after_bytes: int | None = None,
    ) -> Output:
        """See :meth:`Runner.follow`."""
        order = _Order(
            argv=argv,
            timeout_s=timeout_s,
            ok=ok,
            most_bytes=most_bytes,
            on_line=on_line,
            stop=stop,
            folder=folder,
            environment=environment,
            end_after_bytes=end_after_bytes,
        )
        return _carry_out(order)


def _carry_out(order: _Order) -> Output:
    log.debug("running a program", extra={"argv": order.line})
    if order.stop is not None:
        order.stop.check(order.argv[0])
    group = _start(order)
    kept = (Kept(order.most_bytes), Kept(order.most_bytes))
    pump = Pump(group, kept, order.on_line, (order.stdin or "").encode(errors="surrogateescape"))
    try:
        _wait(order, group, pump, kept)
        pump.close()
    except BaseException:
        group.end()
        group.reap()
        raise
    exit_code = group.reap()
    out, err = (stream.text() for stream in kept)
    if exit_code not in order.ok:
        said = (err.strip() or out.strip())[-_SHOWN_OUTPUT_CHARACTERS:]
        raise CommandFailed(f"{order.line}: exit status {exit_code}: {said or 'no output'}")
    return Output(stdout=out, stderr=err, exit_code=exit_code)


def _start(order: _Order) -> ProcessGroup:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
    environment |= {"LANG": "C", "LC_ALL": "C.UTF-8", **(order.environment or {})}
    if order.folder is not None and not order.folder.is_dir():
        raise CommandFailed(f"{order.line}: no folder {order.folder} to run it in")
    try:
        return ProcessGroup(
            order.argv,
            environment=environment,
            folder=order.folder,
            has_stdin=order.stdin is not None,
        )
    except FileNotFoundError as error:
        raise CommandFailed(
            f"{order.argv[0]}: program not found (wanted for: {order.line}); add it to the ramdisk"
        ) from error
    except OSError as error:
        raise CommandFailed(f"{order.line}: cannot be started: {error.strerror}") from error


def _wait(order: _Order, group: ProcessGroup, pump: Pump, kept: tuple[Kept, Kept]) -> None:
    """Move input and output until the program has ended and its output, too."""
    until = time.monotonic() + order.timeout_s
    quiet_since: float | None = None
    while True:
        has_ended, now = group.has_ended(), time.monotonic()
        if has_ended and (pump.is_done() or _has_been_quiet(quiet_since, now)):
            return
        if now >= until:
            raise CommandFailed(f"{order.line}: no end after {order.timeout_s:g} s; killed")
        if order.stop is not None:
            order.stop.check(order.argv[0])
        wait_s = min(_LOOK_EVERY_S, until - now)
        if pump.is_done():
            time.sleep(min(wait_s, _REAP_S))
        elif pump.turn(wait_s) or not has_ended:
            quiet_since = None  # silence before the end does not count: last words come with it
        elif quiet_since is None:
            quiet_since = time.monotonic()
        if order.is_whole and kept[0].is_over():
            raise CommandFailed(
                f"{order.line}: printed more than {order.most_bytes} bytes; killed, as half of it would mislead"
            )
        if order.end_after_bytes is not None and pump.moved_bytes > order.end_after_bytes:
            raise CommandFailed(
                f"{order.line}: printed more than {order.end_after_bytes} bytes; killed"
            )


def _has_been_quiet(since: float | None, now: float) -> bool:
    """Say whether nothing came for long enough; ``since`` = the first turn after the end that brought nothing."""
    return since is not None and now - since > _QUIET_S
