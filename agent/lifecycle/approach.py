"""The way to the controller: a network card, a route, the right time, a connection, and an address with a certificate to be called at."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.hardware.registry import Hardware
from agent.lifecycle.addresses import interface_address, wait_for_source_address
from agent.lifecycle.clock import TimeSources, set_clock
from agent.lifecycle.controller_client import ConnectionOptions, ControllerClient
from agent.lifecycle.readiness import wait_for_addresses, wait_for_macs
from agent.settings import Settings
from agent.system.certificate import Certificate, CertificateWish, obtain_certificate
from agent.system.clock import SystemClock
from agent.system.runner import Runner


class Approach:
    """Goes the way as the settings say; every wait ends when ``stop`` is set."""

    def __init__(
        self,
        settings: Settings,
        hardware: Hardware,
        runner: Runner,
        clock: SystemClock,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._hardware = hardware
        self._runner = runner
        self._clock = clock
        self._stop = stop
        self._is_clock_set = False

    def to_inspection(self, urls: Sequence[str]) -> ControllerClient:
        """Wait for what an inspection must see, and return the connection to where it goes."""
        settings = self._settings
        wait_for_macs(self._hardware, settings.boot_mac, self._stop.wait)
        self._wait_for_source(urls)
        wait_for_addresses(
            self._hardware,
            None if settings.inspection_dhcp_all_interfaces else settings.boot_mac or "",
            settings.inspection_dhcp_wait_timeout_s,
            self._stop.wait,
        )
        self._set_clock(urls)
        return self._client(urls)

    def to_controller(self) -> tuple[ControllerClient, str]:
        """Wait for the network; return the connection to the controller and the address that it shall call."""
        settings = self._settings
        wait_for_macs(self._hardware, settings.boot_mac, self._stop.wait)
        host = self._callback_host()
        self._set_clock(settings.api_urls)
        return self._client(settings.api_urls), host

    def certificate(self, host: str, hostname: str) -> Certificate:
        """Return the certificate of this machine's name that the agent's API shows at ``host``."""
        settings = self._settings
        wish = CertificateWish(
            common_name=hostname,
            address=host,
            curve=settings.tls_certificate_curve,
            clock_skew_s=settings.tls_clock_skew_s,
        )
        folder = Path(settings.state_directory) / "tls"
        return obtain_certificate(wish, folder, self._runner, datetime.now(UTC))

    def _set_clock(self, urls: Sequence[str]) -> None:
        """Set the clock once, as soon as there is a network and before anything is made or verified by it."""
        if self._is_clock_set:
            return
        self._is_clock_set = True
        file = self._settings.ntp_servers_file
        sources = TimeSources(
            servers=tuple(self._settings.ntp_servers.replace(",", " ").split()),
            servers_file=Path(file) if file else None,
            urls=tuple(urls),
        )
        set_clock(sources, self._clock)

    def _client(self, urls: Sequence[str]) -> ControllerClient:
        settings = self._settings
        options = ConnectionOptions(
            timeout_s=settings.http_request_timeout_s,
            verify=False if settings.insecure else settings.ca_file or True,
            request_id=settings.global_request_id,
        )
        return ControllerClient(urls, options)

    def _wait_for_source(self, urls: Sequence[str]) -> str:
        settings = self._settings
        timeout_s = settings.ip_lookup_attempts * settings.ip_lookup_timeout_s
        return wait_for_source_address(urls, timeout_s, self._stop.wait)

    def _callback_host(self) -> str:
        """Return the address that the controller shall call; waits until the network is there."""
        settings = self._settings
        source = self._wait_for_source(settings.api_urls)
        if settings.advertise_host:
            return settings.advertise_host
        if settings.network_interface:
            return interface_address(self._hardware.nics(), settings.network_interface)
        return source
