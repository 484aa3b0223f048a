"""Keeps the TFTP gateway running, by which GRUB gets the controller's answers (``controller/boot/tftp``)."""

import logging
import sys

from controller.boot.child import Child
from controller.boot.tftp.gateway import SERVING
from controller.errors import SettingsError
from controller.settings import Settings

log = logging.getLogger(__name__)

_START_TIMEOUT_S = 20.0
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}


class TftpGateway:
    """The gateway on one network interface; :meth:`start` and :meth:`stop` are called once each."""

    def __init__(self, settings: Settings, key: str, *, port: int | None = None) -> None:
        """Start nothing yet.

        Args:
            settings: ``dhcp_interface`` is where GRUB asks; the UDP port is that of the API.
            key: By which the controller knows the gateway.
            port: Another UDP port.
        """
        self._port = port or settings.listen_port
        self._settings = settings
        host = settings.listen_host
        self._child = Child(
            "tftp gateway",
            [sys.executable, "-m", "controller.boot.tftp"],
            serves_when=SERVING,
            on_line=lambda line: log.info("%s", line.strip()),
            environment={
                "INGOT_GATEWAY_PORT": str(self._port),
                "INGOT_GATEWAY_INTERFACE": settings.dhcp_interface,
                "INGOT_GATEWAY_UPSTREAM": _ANY.get(host, host.strip("[]")),
                "INGOT_GATEWAY_UPSTREAM_PORT": str(settings.listen_port),
                "INGOT_GATEWAY_KEY": key,
            },
        )

    def start(self) -> None:
        """Start it and wait until it serves.

        Raises:
            SettingsError: It does not start.
        """
        if not self._child.start(timeout_s=_START_TIMEOUT_S):
            raise SettingsError(
                f"the TFTP gateway for GRUB does not start on {self._settings.dhcp_interface}, UDP port "
                f"{self._port}: {self._child.last_words}"
            )

    def stop(self) -> None:
        """End it and wait for it."""
        self._child.stop()
