"""Runs dnsmasq as a child process: writes its configuration, starts it, restarts it when it dies, reads its log.

The one place below ``controller/boot`` that starts a program.
"""

import contextlib
import logging
import shutil
import socket
import subprocess  # noqa: TID251  # this module is the door
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from controller.boot.dnsmasq_config import (
    ARM_LOADER,
    BIOS_LOADER,
    UEFI_LOADER,
    DhcpEvent,
    dnsmasq_config,
    is_warning,
    read_event,
)
from controller.errors import SettingsError
from controller.settings import Settings

log = logging.getLogger(__name__)

_DHCP_PORT = 67
_LOOK_S = 0.1
_STOP_TIMEOUT_S = 5.0
_LONGEST_PAUSE_S = 60.0
_SOUND_AFTER_S = 60.0
"""A dnsmasq that ran this long is restarted at once when it dies."""
_KEPT_LINES = 20
_LOG_PREFIX = "dnsmasq"


class Dnsmasq:
    """DHCP and TFTP for one network interface; :meth:`start` and :meth:`stop` are called once each."""

    def __init__(self, settings: Settings, on_event: Callable[[DhcpEvent], None]) -> None:
        """Start nothing yet.

        Args:
            settings: ``dhcp`` is ``range`` or ``proxy``.
            on_event: Called in a thread of this object for every address given out; must not raise.
        """
        self._settings = settings
        self._on_event = on_event
        self._directory = Path(settings.state_directory) / "dnsmasq"
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._serving = threading.Event()
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def start(self) -> None:
        """Check what can be checked, then start dnsmasq and wait until it serves.

        Raises:
            SettingsError: The interface is missing, port 67 is taken, a program or loader is not installed, or
                dnsmasq refuses its configuration.
        """
        self._write_config()
        _check_interface(self._settings.dhcp_interface)
        _check_port(self._settings.dhcp_interface)
        self._process = self._spawn()
        self._thread = threading.Thread(target=self._supervise, name="dnsmasq", daemon=True)
        self._thread.start()
        end = time.monotonic() + self._settings.dnsmasq_start_timeout_s
        while not self._serving.wait(_LOOK_S) and self.check() and time.monotonic() < end:
            pass
        if not self._serving.is_set():
            self.stop()
            words = " / ".join(self._last_lines) or "it said nothing"
            raise SettingsError(
                f"dnsmasq does not start on {self._settings.dhcp_interface}: {words}; "
                f"its configuration is {self._directory / 'dnsmasq.conf'}"
            )

    def check(self) -> bool:
        """Say whether dnsmasq runs; the supervisor restarts it when it does not."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End dnsmasq and wait for it."""
        self._stopping.set()
        if self._process:
            self._process.terminate()
        if self._thread:
            self._thread.join(_STOP_TIMEOUT_S)
            if self._thread.is_alive() and self._process:
                self._process.kill()
                self._thread.join()

    def _write_config(self) -> None:
        settings = self._settings
        loaders = Path(settings.tftp_directory)
        missing = [name for name in (BIOS_LOADER, UEFI_LOADER) if not (loaders / name).is_file()]
        if missing:
            raise SettingsError(
                f"there is no {' and no '.join(missing)} in {loaders}; install the package ipxe or set tftp_directory"
            )
        if not shutil.which("dnsmasq"):
            raise SettingsError(
                'dnsmasq is not installed; install the package dnsmasq-base, or set dhcp = "off"'
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        text = dnsmasq_config(
            settings,
            lease_file=self._directory / "leases",
            has_arm_loader=(loaders / ARM_LOADER).is_file(),
        )
        (self._directory / "dnsmasq.conf").write_text(text)

    def _spawn(self) -> "subprocess.Popen[str]":
        # Killed by the kernel when this process dies: an orphan would hold the port against our successor. As root
        # throughout: a change of the user would undo that, and the loaders need not be readable for it.
        return subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "--"),
                "dnsmasq",
                "--keep-in-foreground",
                f"--conf-file={self._directory / 'dnsmasq.conf'}",
                "--log-facility=-",
                "--pid-file=",
                "--user=root",
                "--group=root",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )

    def _supervise(self) -> None:
        """Read the log until dnsmasq ends, and start it again, later each time that it dies young."""
        pause_s = 1.0
        while self._process:
            started = time.monotonic()
            self._read_log(self._process)
            status = self._process.wait()
            if self._stopping.is_set() or not self._serving.is_set():
                return
            if time.monotonic() - started > _SOUND_AFTER_S:
                pause_s = 1.0
            log.error(
                "dnsmasq ended with status %d, starting it again in %.0f s; its last words: %s",
                status,
                pause_s,
                " / ".join(self._last_lines),
            )
            if self._stopping.wait(pause_s):
                return
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._process = self._spawn()

    def _read_log(self, process: "subprocess.Popen[str]") -> None:
        if process.stderr is None:
            raise RuntimeError("dnsmasq was started without a pipe for its log")
        with process.stderr as lines:
            for line in lines:
                self._last_lines.append(line.strip())
                level = logging.WARNING if is_warning(line) else logging.DEBUG
                log.log(level, "dnsmasq: %s", line.strip())
                if ": started, version" in line:
                    self._serving.set()
                if event := read_event(line, time.time()):
                    self._on_event(event)


def _check_interface(name: str) -> None:
    known = {name for _number, name in socket.if_nameindex()}
    if name not in known:
        raise SettingsError(
            f"there is no network interface {name!r} (dhcp_interface); there are: {', '.join(sorted(known))}"
        )


def _check_port(interface: str) -> None:
    """Refuse to share the DHCP port: two servers on one interface give two answers."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            probe.bind(("", _DHCP_PORT))
        except PermissionError as error:
            raise SettingsError(
                f'DHCP needs root (UDP port {_DHCP_PORT}): {error}; run as root, or set dhcp = "off"'
            ) from error
        except OSError as error:
            raise SettingsError(
                f"UDP port {_DHCP_PORT} of {interface} is taken: another DHCP server runs on this machine "
                f'(`ss -ulpn sport = :{_DHCP_PORT}` names it); stop it, or set dhcp = "off"'
            ) from error
