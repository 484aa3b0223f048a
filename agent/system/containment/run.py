"""The door: runs a program of a foreign root file system in a place of its own, and ends all of it."""

import shlex
import sys
from dataclasses import replace

from agent.errors import CommandFailed
from agent.system.containment.order import Order
from agent.system.containment.process_limit import process_limit
from agent.system.runner import Output, Runner
from agent.system.stop_signal import StopSignal

_NAMESPACES = ("--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL")
_INSIDE = "agent.system.containment.inside"
_SHOWN_CHARACTERS = 800
_ANY_STATUS = range(256)


def run_contained(
    order: Order,
    runner: Runner,
    *,
    timeout_s: float,
    most_output_bytes: int,
    stop: StopSignal | None = None,
) -> Output:
    """Run a program of the file system that is mounted at ``order.root``.

    It has namespaces of its own for mounts, processes, network (without any), IPC and host name; in ``/dev`` the devices of the order
    alone; ``/proc`` and ``/sys`` to read; no capabilities but those over files; no way to get more; 512 processes at most. When it ends, or takes or prints too
    much, everything that it has started is ended by the kernel.

    Raises:
        CommandFailed: It failed, took longer than ``timeout_s`` or printed more than ``most_output_bytes``.
        Stopped: ``stop`` was set.
    """
    line = shlex.join(order.argv)
    with process_limit() as group:
        held = replace(order, group=str(group or ""))
        argv = (
            *("setpriv", "--pdeathsig", "KILL", "--"),  # not to outlive an agent that is killed
            *("unshare", *_NAMESPACES, "--propagation", "private"),
            *(sys.executable, "-I", "-m", _INSIDE, held.encode()),
        )
        try:
            output = runner.follow(
                *argv,
                timeout_s=timeout_s,
                on_line=lambda _line: None,
                stop=stop,
                ok=_ANY_STATUS,
                end_after_bytes=most_output_bytes,
            )
        except CommandFailed as error:
            reason = str(error).removeprefix(f"{shlex.join(argv)}: ")
            raise CommandFailed(f"{line}: {reason}") from error
    if output.exit_code != 0:
        said = (output.stderr.strip() or output.stdout.strip())[-_SHOWN_CHARACTERS:]
        raise CommandFailed(f"{line}: exit status {output.exit_code}: {said or 'no output'}")
    return output
