"""The only place that starts programs."""

import logging
import os
import shlex
import subprocess  # noqa: TID251  # this module is the door
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.errors import CommandFailed

log = logging.getLogger(__name__)
_SHOWN_OUTPUT_CHARACTERS = 800


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
            CommandFailed: The program is missing, took longer than ``timeout_s`` or ended with a code not in ``ok``.
        """


class HostRunner:
    """Runs programs on this machine."""

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        """See :meth:`Runner.run`."""
        line = shlex.join(argv)
        log.debug("running a program", extra={"argv": line})
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LC_")}
        environment |= {"LANG": "C", "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=timeout_s,
                env=environment,
                check=False,
            )
        except FileNotFoundError as error:
            message = f"{argv[0]}: program not found (wanted for: {line}); add it to the ramdisk"
            raise CommandFailed(message) from error
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(f"{line}: no end after {timeout_s:g} s; killed") from error
        if done.returncode not in ok:
            said = (done.stderr.strip() or done.stdout.strip())[-_SHOWN_OUTPUT_CHARACTERS:]
            raise CommandFailed(f"{line}: exit status {done.returncode}: {said or 'no output'}")
        return Output(stdout=done.stdout, stderr=done.stderr, exit_code=done.returncode)
