"""Turning the machine off, restarting it, starting another kernel on it, or cutting it off; passed in as an object, so that an agent on somebody's host cannot do it."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from agent.errors import CommandFailed, KexecNotPossible
from agent.system import kexec
from agent.system.runner import Runner

log = logging.getLogger(__name__)
SYSRQ = Path("/proc/sysrq-trigger")
_LINK_TIMEOUT_S = 30


class PowerActions(Protocol):
    """Ends the running system."""

    def power_off(self) -> None:
        """Turn the machine off; return only if that was not done."""

    def reboot(self) -> None:
        """Restart the machine; return only if that was not done."""

    def load_kernel(self, kernel: int, initrd: int | None, command_line: str, /) -> None:
        """Load a kernel for :meth:`start_kernel`; see :func:`agent.system.kexec.load_kernel`."""

    def start_kernel(self) -> None:
        """Start the loaded kernel in place of this one; return only if that was not done."""

    def isolate(self, nics: Sequence[str], /) -> None:
        """Switch these network cards off."""


class MachinePower:
    """Ends this very machine's running system.

    ``-f`` asks the kernel directly: a ramdisk has no services to stop, and the file systems are flushed before.
    """

    def __init__(self, runner: Runner, sysrq: Path = SYSRQ, patience_s: float = 10.0) -> None:
        self._runner = runner
        self._sysrq = sysrq
        self._patience_s = patience_s

    def power_off(self) -> None:
        """See :meth:`PowerActions.power_off`.

        Raises:
            CommandFailed: The machine is still running after every way was tried.
        """
        self._end("power off", (("poweroff", "-f"), ("poweroff",)), sysrq="o")

    def reboot(self) -> None:
        """See :meth:`PowerActions.reboot`.

        Raises:
            CommandFailed: The machine is still running after every way was tried.
        """
        self._end("reboot", (("reboot", "-f"), ("reboot",)), sysrq="b")

    def load_kernel(self, kernel: int, initrd: int | None, command_line: str, /) -> None:
        """See :meth:`PowerActions.load_kernel`.

        Raises:
            KexecNotPossible: The running kernel refuses.
        """
        kexec.load_kernel(kernel, initrd, command_line)

    def start_kernel(self) -> None:
        """See :meth:`PowerActions.start_kernel`.

        Raises:
            KexecNotPossible: Nothing was started.
        """
        kexec.start_kernel()

    def isolate(self, nics: Sequence[str], /) -> None:
        """See :meth:`PowerActions.isolate`.

        Raises:
            CommandFailed: A card is still on; the others are off.
        """
        failures = []
        for nic in nics:
            try:
                self._runner.run("ip", "link", "set", "dev", nic, "down", timeout_s=_LINK_TIMEOUT_S)
            except CommandFailed as error:
                failures.append(str(error))
        if failures:
            raise CommandFailed(f"network cards not switched off: {'; '.join(failures)}")

    def _end(self, what: str, ways: Sequence[Sequence[str]], *, sysrq: str) -> None:
        failures = []
        for argv in ways:
            os.sync()
            try:
                self._runner.run(*argv, timeout_s=60)
                time.sleep(self._patience_s)
                failures.append(f"{' '.join(argv)}: no effect after {self._patience_s:g} s")
            except CommandFailed as error:
                failures.append(str(error))
            log.warning("the machine still runs", extra={"wanted": what, "why": failures[-1]})
        try:
            self._sysrq.write_text(sysrq)
            time.sleep(self._patience_s)
        except OSError as error:
            failures.append(f"{self._sysrq}: {error.strerror}")
        raise CommandFailed(f"{what}: {'; '.join(failures)}; use the BMC to end this machine")


class NoPower:
    """Says what it was asked to do and leaves the machine alone (``--no-reboot``)."""

    def power_off(self) -> None:
        """See :meth:`PowerActions.power_off`."""
        log.warning("told to power off; not done because of --no-reboot")

    def reboot(self) -> None:
        """See :meth:`PowerActions.reboot`."""
        log.warning("told to reboot; not done because of --no-reboot")

    def load_kernel(self, _kernel: int, _initrd: int | None, _command_line: str, /) -> None:
        """See :meth:`PowerActions.load_kernel`.

        Raises:
            KexecNotPossible: Always.
        """
        raise KexecNotPossible("this agent may not start another kernel (--no-reboot)")

    def start_kernel(self) -> None:
        """See :meth:`PowerActions.start_kernel`.

        Raises:
            KexecNotPossible: Always.
        """
        raise KexecNotPossible("this agent may not start another kernel (--no-reboot)")

    def isolate(self, nics: Sequence[str], /) -> None:
        """See :meth:`PowerActions.isolate`."""
        names = ", ".join(nics)
        log.warning(
            "told to switch network cards off; not done because of --no-reboot",
            extra={"nics": names},
        )
