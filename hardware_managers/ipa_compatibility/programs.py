"""``ironic_python_agent.utils``: what plug-ins take from it, done by this agent's runner."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import CommandFailed
from agent.system.runner import Output
from hardware_managers.ipa_compatibility.native import native

_DEFAULT_TIMEOUT_S = 3600.0
"""Ironic's agent waits for ever; a program that hangs must not hold this agent."""
_ANY_CODE = range(-64, 256)

try:  # what plug-ins catch, where the ramdisk has it
    from oslo_concurrency.processutils import ProcessExecutionError  # type: ignore[import-not-found,unused-ignore]
except ImportError:

    class ProcessExecutionError(Exception):  # type: ignore[no-redef]
        """A program ended with a code that was not expected; fields as of the class of the same name in oslo.concurrency."""

        def __init__(
            self, stdout: Any = None, stderr: Any = None, exit_code: Any = None, cmd: Any = None
        ) -> None:
            super().__init__(f"{cmd}: exit status {exit_code}: {stderr or stdout or 'no output'}")
            self.stdout, self.stderr, self.exit_code, self.cmd = stdout, stderr, exit_code, cmd


def execute(
    *cmd: Any,
    check_exit_code: bool | int | Sequence[int] = (0,),
    process_input: str | bytes | None = None,
    cwd: str | None = None,
    env_variables: Mapping[str, str] | None = None,
    attempts: int = 1,
    delay_on_retry: bool = True,
    timeout: float | None = None,
    shell: bool = False,
    **_ignored: Any,
) -> tuple[str, str]:
    """Run a program; return what it wrote to stdout and to stderr.

    Args:
        cmd: The words of the command; with ``shell`` one text for ``sh``.
        check_exit_code: The codes that are no error; ``False`` = any.
        process_input: Its standard input.
        cwd: Its working folder.
        env_variables: Its environment.
        attempts: How often it is tried.
        delay_on_retry: Whether there is a pause between two tries.
        timeout: Seconds; without it an hour.
        shell: Whether ``cmd`` is for a shell.

    Raises:
        ProcessExecutionError: Its exit code was another one.
        OSError: There is no such program.
    """
    words = ("sh", "-c", str(cmd[0])) if shell else tuple(str(word) for word in cmd)
    text = process_input.decode() if isinstance(process_input, bytes) else process_input
    for number in range(attempts, 0, -1):
        try:
            done = _start(words, text, cwd, env_variables, timeout or _DEFAULT_TIMEOUT_S)
            return _checked(done, words, check_exit_code)
        except ProcessExecutionError:
            if number == 1:
                raise
            if delay_on_retry:
                time.sleep(1)
    raise ValueError("attempts must be at least 1")


def _start(
    words: Sequence[str],
    text: str | None,
    cwd: str | None,
    environment: Mapping[str, str] | None,
    timeout_s: float,
) -> Output:
    runner = native().runner
    try:
        if cwd is None and environment is None:
            return runner.run(*words, ok=_ANY_CODE, stdin=text, timeout_s=timeout_s)
        if text is not None:
            raise ValueError("process_input together with cwd or env_variables is not offered here")
        return runner.follow(
            *words,
            ok=_ANY_CODE,
            timeout_s=timeout_s,
            on_line=lambda _line: None,
            folder=Path(cwd) if cwd is not None else None,
            environment=environment,
        )
    except CommandFailed as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise error.__cause__ from None
        raise ProcessExecutionError(
            stdout="", stderr=str(error), exit_code=-1, cmd=" ".join(words)
        ) from error


def _checked(
    done: Output, words: Sequence[str], check: bool | int | Sequence[int]
) -> tuple[str, str]:
    accepted = (0,) if check is True else (check,) if isinstance(check, int) else tuple(check)
    if check is not False and done.exit_code not in accepted:
        raise ProcessExecutionError(
            stdout=done.stdout, stderr=done.stderr, exit_code=done.exit_code, cmd=" ".join(words)
        )
    return done.stdout, done.stderr


def try_execute(*cmd: Any, **options: Any) -> tuple[str, str] | None:
    """Run a program; ``None`` if it failed or is not there."""
    try:
        return execute(*cmd, **options)
    except (ProcessExecutionError, OSError):
        return None


def get_agent_params() -> dict[str, str]:
    """Return the kernel arguments by their names."""
    words = Path("/proc/cmdline").read_text().split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def get_node_boot_mode(node: Mapping[str, Any]) -> str:
    """Return how the node is deployed: ``uefi``, unless it says ``bios``."""
    told = (node.get("instance_info") or {}).get("deploy_boot_mode")
    told = told or (node.get("driver_internal_info") or {}).get("deploy_boot_mode")
    return str(told or parse_capabilities(node.get("properties") or {}).get("boot_mode") or "uefi")


def parse_capabilities(root: Mapping[str, Any]) -> dict[str, str]:
    """Return ``capabilities`` (``a:b,c:d`` or an object) as an object."""
    told = root.get("capabilities") or {}
    if isinstance(told, Mapping):
        return {str(name): str(value) for name, value in told.items()}
    pairs = (part.partition(":") for part in str(told).split(",") if ":" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


def rescan_device(device: str) -> None:
    """Have the kernel read the partition table again and wait for the device files."""
    execute("partx", "-u", device, check_exit_code=[0, 1], attempts=3)
    execute("udevadm", "settle")


def unlink_without_raise(path: str) -> None:
    """Remove a file if it can be removed."""
    with contextlib.suppress(OSError):
        Path(path).unlink()


@contextlib.contextmanager
def mounted(
    source: str,
    dest: str | None = None,
    opts: Sequence[str] | None = None,
    fs_type: str | None = None,
) -> Iterator[str]:
    """Mount ``source``, by default below the working folder of the agent, and take it away afterwards."""
    made = None if dest else execute("mktemp", "-d")[0].strip()
    target = str(dest or made)
    options = ["-o", ",".join(opts)] if opts else []
    kind = ["-t", fs_type] if fs_type else []
    execute("mount", source, target, *options, *kind)
    try:
        yield target
    finally:
        execute("umount", target, attempts=3)
        if made:
            Path(made).rmdir()
