"""The dnsmasq that gives machines addresses and their first loader: writes its configuration, keeps it running, reads its log."""

import contextlib
import logging
import shutil
import signal
import socket
import time
from collections.abc import Callable, Collection
from pathlib import Path

from controller.boot.child import Child
from controller.boot.dnsmasq_config import dnsmasq_config, hosts_of
from controller.boot.dnsmasq_log import DhcpEvent, ReplyReader, is_warning, read_event
from controller.boot.grub_answer import first_script
from controller.boot.loaders import (
    ARM_LOADER,
    BIOS_LOADER,
    UEFI_LOADER,
    find_loader,
    lay_out,
    missing_grub,
)
from controller.errors import SettingsError
from controller.settings import Settings

log = logging.getLogger(__name__)

_DHCP_PORT = 67


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
        self._replies = ReplyReader()
        self._directory = Path(settings.state_directory) / "dnsmasq"
        self._hosts = self._directory / "hosts"
        self._child = Child(
            "dnsmasq",
            [
                "dnsmasq",
                "--keep-in-foreground",
                f"--conf-file={self._directory / 'dnsmasq.conf'}",
                "--log-facility=-",
                "--pid-file=",
                # as root throughout: a change of the user would undo that it dies with us, and the loaders need not be
                # readable for it
                "--user=root",
                "--group=root",
            ],
            serves_when=": started, version",
            on_line=self._take_line,
        )

    def start(self) -> None:
        """Check what can be checked, then start dnsmasq and wait until it serves.

        Raises:
            SettingsError: The interface is missing, port 67 is taken, a program or loader is not installed, or
                dnsmasq refuses its configuration.
        """
        self._write_config()
        _check_interface(self._settings.dhcp_interface)
        _check_port(self._settings.dhcp_interface)
        if not self._child.start(timeout_s=self._settings.dnsmasq_start_timeout_s):
            raise SettingsError(
                f"dnsmasq does not start on {self._settings.dhcp_interface}: {self._child.last_words}; "
                f"its configuration is {self._directory / 'dnsmasq.conf'}"
            )

    def check(self) -> bool:
        """Say whether dnsmasq runs; it is started again when it does not."""
        return self._child.check()

    def choose_loader(self, macs: Collection[str], without: Collection[str] = ()) -> None:
        """Give some cards another first loader from now on than the others get.

        Args:
            macs: Cards that get not what the setting ``loader`` says: GRUB instead of iPXE, or iPXE.
            without: Cards that get none, but an address.
        """
        text = hosts_of(macs, without)
        if text != self._hosts.read_text():
            self._hosts.write_text(text)
            self._child.signal(signal.SIGHUP)

    def stop(self) -> None:
        """End dnsmasq and wait for it."""
        self._child.stop()

    def _write_config(self) -> None:
        settings = self._settings
        loaders = Path(settings.tftp_directory)
        missing = [name for name in (BIOS_LOADER, UEFI_LOADER) if not find_loader(name, settings)]
        if missing:
            raise SettingsError(
                f"there is no {' and no '.join(missing)} in {loaders}; install the package ipxe or set tftp_directory"
            )
        if not shutil.which("dnsmasq"):
            raise SettingsError(
                'dnsmasq is not installed; install the package dnsmasq-base, or set dhcp = "off"'
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        root = self._directory / "tftp"
        lay_out(root, settings, first_script(settings.listen_port))
        self._hosts.write_text("")
        text = dnsmasq_config(
            settings,
            lease_file=self._directory / "leases",
            hosts_file=self._hosts,
            tftp_root=root,
            has_arm_loader=find_loader(ARM_LOADER, settings) is not None,
            has_grub=not missing_grub(settings),
            has_bios_grub=not missing_grub(settings, is_bios=True),
        )
        (self._directory / "dnsmasq.conf").write_text(text)

    def _take_line(self, line: str) -> None:
        level = logging.WARNING if is_warning(line) else logging.DEBUG
        log.log(level, "dnsmasq: %s", line.strip())
        now = time.time()
        if event := read_event(line, now) or self._replies.read(line, now):
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
