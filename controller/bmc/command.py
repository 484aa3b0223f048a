"""The hardware type ``command``: a program of the operator switches the machines, where nothing else reaches them.

Nodes name the program, which must lie in the folder of the setting ``command_directory``: whoever may change a node may not
choose what the controller runs. It is started with argument words, never by a shell. Its exit codes are those of sysexits.h.
"""

import os
import re
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.bmc import programs
from controller.bmc.driver_info_values import text
from controller.bmc.kept import Kept, digest_of
from controller.bmc.login_hold import LoginHold
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts
from controller.peers.programs import Finished
from controller.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MOST_ARGUMENTS = 32
_MOST_BYTES = 1024
"""Of an argument, and of the password."""
_CANNOT = 69
"""EX_UNAVAILABLE: the program has not this verb."""
_LATER = 75
"""EX_TEMPFAIL: the machine's controller did not answer."""
_REFUSED = 77
"""EX_NOPERM: the login was refused."""
_STATES = {"on": PowerState.ON, "off": PowerState.OFF}


@dataclass(frozen=True, slots=True)
class _Target:
    """What is started, and with which password; it does not show in ``repr``."""

    words: tuple[str, ...]
    password: str = field(repr=False)


class CommandDriver:
    """Makes machines that a program switches; calls for one program with the same arguments do not overlap.

    A password that was refused is not handed over again at once (``login_hold.py``).
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._locks: Kept[tuple[str, ...], threading.Lock] = Kept()
        self._holds: Kept[str, LoginHold] = Kept()
        self.properties = {
            "command_program": f"Name of a program in {directory}, as pdu. Required.",
            "command_arguments": "List of words that come after the verb; a text is one word. Optional.",
            "command_password": "Given to the program as INGOT_PASSWORD in its environment. Optional.",
        }

    @classmethod
    def from_settings(cls, settings: Settings) -> "CommandDriver":
        """Return the driver of a controller."""
        return cls(Path(settings.state_directory) / settings.command_directory)

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        self.connect(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "CommandBmc":
        """Return the machine that ``driver_info`` describes; starts nothing yet.

        Raises:
            Invalid: It names no program that may be started here, or a key is malformed.
        """
        program = self._program(driver_info)
        words = (program, *_arguments(driver_info))
        password = text(driver_info, "command_password", max_bytes=_MOST_BYTES)
        target = _Target(words, password)
        lock = self._locks.get_or_make(words, threading.Lock)
        return CommandBmc(target, lock, self._holds.get_or_make(digest_of(target), LoginHold))

    def _program(self, driver_info: Mapping[str, Any]) -> str:
        name = driver_info.get("command_program")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Invalid(
                f"driver_info/command_program must be the name of a program in {self._directory} (the setting"
                " command_directory), as pdu: letters, digits, - . and _, no path"
            )
        path = self._directory / name
        try:
            found = path.stat()
        except OSError as error:
            raise Invalid(
                f"driver_info/command_program: {path} cannot be looked at: {error.strerror}; put the program there, on each"
                " controller, or change the setting command_directory"
            ) from error
        if not stat.S_ISREG(found.st_mode) or not os.access(path, os.X_OK):
            raise Invalid(
                f"driver_info/command_program: {path} is no program that the controller may start; chmod 755 it"
            )
        if found.st_mode & stat.S_IWOTH or self._directory.stat().st_mode & stat.S_IWOTH:
            raise Invalid(
                f"driver_info/command_program: everybody on this machine can change {path}; chmod o-w it and its folder"
            )
        return str(path)


def _arguments(driver_info: Mapping[str, Any]) -> tuple[str, ...]:
    key = "command_arguments"
    given = driver_info.get(key)
    listed = [] if given in (None, "") else given if isinstance(given, list) else [given]
    if len(listed) > _MOST_ARGUMENTS:
        raise Invalid(f"driver_info/{key} has {len(listed)} words; give at most {_MOST_ARGUMENTS}")
    return tuple(text({key: word}, key, max_bytes=_MOST_BYTES) for word in listed)


class CommandBmc:
    """One machine; see ``Bmc`` for what the methods promise."""

    def __init__(self, target: _Target, lock: threading.Lock, hold: LoginHold) -> None:
        self._words = target.words
        self._password = target.password
        self._lock = lock
        self._hold = hold

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Run the verb ``status``, which prints ``on`` or ``off``."""
        said = self._run("status", timeout_s).strip()
        if said not in _STATES:
            raise BmcError(
                f"{self._where}: status printed {clean_line(said, 80)!r}; it has to print on or off, and nothing else"
            )
        return _STATES[said]

    def power_on(self, *, timeout_s: float) -> None:
        """Run the verb ``on``."""
        self._run("on", timeout_s)

    def power_off(self, *, timeout_s: float) -> None:
        """Run the verb ``off``."""
        self._run("off", timeout_s)

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Run the verb ``soft-off``."""
        self._run("soft-off", timeout_s)

    def reset(self, *, timeout_s: float) -> None:
        """Run the verb ``reset``; of a program that has none, ``off`` and ``on``."""
        ends_at = time.monotonic() + timeout_s
        try:
            self._run("reset", timeout_s)
        except _CannotError:
            self._run("off", ends_at - time.monotonic())
            self._run("on", ends_at - time.monotonic())

    def boot_device(self, *, timeout_s: float) -> BootOverride:  # noqa: ARG002  # as all connections
        """Say that nothing is known; nobody is asked."""
        return BootOverride(device=None, is_persistent=None)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Run the verb ``boot-device``; with a program that has none, the firmware's own order holds: network first, then disk."""
        more = {
            "INGOT_BOOT_DEVICE": str(device),
            "INGOT_BOOT_MODE": str(mode),
            "INGOT_BOOT_PERSISTENT": "yes" if persistent else "no",
        }
        try:
            self._run("boot-device", timeout_s, more)
        except _CannotError:
            return

    @property
    def _where(self) -> str:
        return f"program {' '.join(self._words)}"

    def _run(self, verb: str, timeout_s: float, more: Mapping[str, str] | None = None) -> str:
        """Run the program and return what it printed."""
        ends_at = time.monotonic() + timeout_s
        if timeout_s <= 0 or not self._lock.acquire(timeout=timeout_s):
            raise BmcUnreachable(
                f"{self._where}: {verb} was not started within {timeout_s:.0f} s: an earlier call of it runs; try again"
            )
        try:
            self._hold.check(self._where)
            done = self._started(verb, max(ends_at - time.monotonic(), 0.01), more or {})
            if done.exit_code == _REFUSED:
                self._hold.refused()
        finally:
            self._lock.release()
        if done.exit_code:
            raise self._refusal(verb, done)
        self._hold.accepted()
        return done.output

    def _started(self, verb: str, left_s: float, more: Mapping[str, str]) -> Finished:
        environment = {"INGOT_TIMEOUT_S": f"{left_s:.0f}", **more}
        if self._password:
            environment["INGOT_PASSWORD"] = self._password
        program, *arguments = self._words
        return programs.run(
            [program, verb, *arguments],
            environment={key: value.encode() for key, value in environment.items()},
            timeout_s=left_s,
        )

    def _refusal(self, verb: str, done: Finished) -> BmcError:
        if done.exit_code == _CANNOT:
            return _CannotError(f"{self._where} has no {verb} (it ended with {_CANNOT})")
        last = (done.errors.strip().splitlines() or ["it printed no reason"])[-1]
        shown = last.replace(self._password, "******") if self._password else last
        words = f"{self._where}: {verb} ended with {done.exit_code}: {clean_line(shown, 200)}"
        if done.exit_code == _LATER:
            return BmcUnreachable(words)
        if done.exit_code == _REFUSED:
            return BmcAuthenticationFailed(f"{words}; check command_password in driver_info")
        return BmcError(words)


class _CannotError(BmcError):
    """The program has not this verb."""
