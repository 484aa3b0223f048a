"""One controller process: database, API and boot files, workers, dnsmasq, timers; started and stopped together."""

import importlib
import ipaddress
import logging
import signal
import socket
import threading
import time
import uuid
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from agent.protocol.http_server.server import BoundedServer
from controller.api.app import create_app
from controller.api.pools import bounds, pool_of, pools
from controller.boot.dnsmasq import Dnsmasq
from controller.boot.dnsmasq_log import DhcpEvent
from controller.boot.history import take_lease
from controller.boot.loaders import missing_grub
from controller.boot.tftp_server import TftpGateway
from controller.errors import SettingsError
from controller.hardware.registry import load_catalog
from controller.images.config_drive import is_program_installed
from controller.memory import share_arenas, spare_the_collector
from controller.settings import Settings
from controller.store.conductors import ALIVE_S, take_name
from controller.store.history_limit import HistoryLimit
from controller.store.notification_limit import NotificationLimit
from controller.store.opening import open_store
from controller.store.state_lock import StateLock
from controller.web.page import web_blueprint
from controller.workflow.consoles import ConsoleKeeper
from controller.workflow.engine import Engine
from controller.workflow.image_keeper import ImageKeeper
from controller.workflow.inspection_hooks.loading import hooks_of
from controller.workflow.inspection_rules.built_in import built_in_rules
from controller.workflow.keeper import serves_of
from controller.workflow.loader_choice import cards_with_other_loader, cards_without_loader
from controller.workflow.sensors import SensorKeeper
from controller.workflow.services import Services
from controller.workflow.stages.iscsi import end_unwanted

if TYPE_CHECKING:
    from controller.console_ssh.server import ConsoleSsh

log = logging.getLogger(__name__)

_HOUSEKEEPING_S = 10.0
_LOOK_AFTER_S = 1.0
_LOADERS_S = 2.0
_STOP_S = 5.0
_DAY_S = 86400.0


def check_exposure(settings: Settings) -> None:
    """Refuse to offer an API without authentication beyond this machine.

    Raises:
        SettingsError: Says how to set authentication up, and how to do without.
    """
    if settings.auth_strategy != "noauth" or settings.allow_unauthenticated:
        return
    if settings.console_ssh_port and not _is_loopback(settings.console_ssh_host):
        raise SettingsError(
            f"console_ssh_host is {settings.console_ssh_host} and auth_strategy is noauth: everybody who reaches it could type on "
            'all consoles; set auth_strategy = "http_basic", or, on a network that you trust, allow_unauthenticated = true'
        )
    if not _is_loopback(settings.listen_host):
        raise SettingsError(
            f"listen_host is {settings.listen_host} and auth_strategy is noauth: everybody who reaches this "
            "address could power machines off and erase their disks; set auth_strategy = "
            '"http_basic" and htpasswd_file (made with: htpasswd -B -c FILE USER) or "keystone", or, on a network that '
            "you trust, allow_unauthenticated = true"
        )


class Service:
    """Everything that runs in a controller process."""

    def __init__(self, settings: Settings) -> None:
        """Put the parts together; nothing listens or works yet.

        Raises:
            SettingsError: The settings are unsafe or contradict each other, or another controller uses the state
                directory.
        """
        check_exposure(settings)
        hooks_of(settings.inspection_hooks)
        built_in_rules(settings.inspection_built_in_rules)
        self._settings = settings
        self._instance = str(uuid.uuid4())
        self._lock = StateLock(Path(settings.state_directory), self._instance)
        self._stopping = threading.Event()
        self._engine = Engine()
        self._store = open_store(settings)
        self.services = Services(
            store=self._store,
            settings=settings,
            catalog=load_catalog(settings),
            wake=self._engine.wake,
            clock=time.time,
            hostname=settings.hostname or socket.gethostname(),
            ailments=self._engine.ailments,
            lanes_busy=self._engine.lanes_busy,
        )
        self._images = ImageKeeper(self.services)
        self._consoles = ConsoleKeeper(self.services)
        self._ssh = _console_ssh(self.services)
        self._sensors = SensorKeeper(self.services)
        app = create_app(self.services)
        app.register_blueprint(web_blueprint())
        address = (settings.listen_host, settings.listen_port)
        self._http = _HttpServer(
            address,
            app,
            pools=pools(settings),
            bounds=bounds(settings),
            route=pool_of,
            shutdown_timeout=1,
        )
        self._dnsmasq = Dnsmasq(settings, self._on_dhcp) if settings.dhcp != "off" else None
        has_grub = not missing_grub(settings) or not missing_grub(settings, is_bios=True)
        serves_grub = self._dnsmasq is not None and has_grub
        self._gateway = TftpGateway(settings, self.services.gateway_key) if serves_grub else None

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises:
            SettingsError: The address or the name is taken, or dnsmasq cannot start.
        """
        share_arenas()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            self._look_after_threads()
        finally:
            self._stop()
        if self._engine.has_lost_name:
            raise SettingsError(
                f"another controller runs as {self.services.hostname!r} now: this one was not heard of for more than "
                f"{ALIVE_S:.0f} s, so it has ended; give every controller a hostname of its own"
            )

    def _start(self) -> None:
        settings, services = self._settings, self.services
        try:
            self._http.prepare()
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {settings.listen_host} port {settings.listen_port}: {error}; another "
                "controller may be running, or set listen_port"
            ) from error
        self._lock.announce()
        take_name(
            services.store,
            services.hostname,
            self._instance,
            serves_of(services),
            predecessors=self._lock.predecessors,
        )
        self._lock.settle()
        if not is_program_installed():
            log.warning(
                "genisoimage is not installed: config drives given as dictionaries will fail"
            )
        if self._dnsmasq:
            self._dnsmasq.start()
        if self._gateway:
            self._gateway.start()
        if self._dnsmasq:
            threading.Thread(target=self._choose_loaders, name="loaders", daemon=True).start()
        self._engine.start(services, instance=self._instance)
        self._images.keep_alive()
        self._consoles.keep_alive()
        self._sensors.keep_alive()
        self.services.notifications.keep_alive()
        if self._ssh:
            self._ssh.start()
        self.services.webhooks.begin()
        self.services.webhooks.keep_alive()
        threading.Thread(target=self._http.serve, name="http", daemon=True).start()
        self._timers = self._start_timers()
        spare_the_collector()
        log.info(
            "serving on http://%s:%d as %s",
            settings.listen_host,
            settings.listen_port,
            services.hostname,
        )

    def _stop(self) -> None:
        log.info("stopping")
        self._stopping.set()
        if self._gateway:
            self._gateway.stop()
        if self._dnsmasq:
            self._dnsmasq.stop()
        self._images.stop(_STOP_S)
        if self._ssh:
            self._ssh.stop()
        self._consoles.stop()
        self._sensors.stop()
        self.services.webhooks.stop()
        self.services.notifications.stop()
        self._engine.stop(timeout_s=_STOP_S)
        self.services.lun_writers.close()
        self.services.agents.close()
        self._http.stop()
        self._store.close()
        self._lock.close()

    def _on_dhcp(self, event: DhcpEvent) -> None:
        try:
            take_lease(self.services, event, self._settings.dhcp_lease_s)
        except SQLAlchemyError:  # dnsmasq's reader must go on; the lease itself is given
            log.exception("a DHCP lease of %s could not be stored", event.mac)

    def _choose_loaders(self) -> None:
        """Tell dnsmasq which cards get GRUB, and which nothing; firmware takes longer to ask than this to look again."""
        while self._dnsmasq and not self._stopping.is_set():
            try:
                with self._store.read() as session:
                    cards = cards_with_other_loader(session, self.services.catalog, self._settings)
                    silent = cards_without_loader(session, self._settings)
                self._dnsmasq.choose_loader(cards, silent)
            except (SQLAlchemyError, OSError):
                log.exception("which machines get GRUB could not be found out; it is tried again")
            self._stopping.wait(_LOADERS_S)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _look_after_threads(self) -> None:
        """Wait for the end; replace the threads that nobody else looks after."""
        while not self._stopping.wait(_LOOK_AFTER_S):
            if self._engine.has_lost_name:
                return
            try:
                self._replace_dead_threads()
            except RuntimeError:  # the system has no more threads; it may have in a moment
                log.exception("a thread could not be started; it is tried again")

    def _replace_dead_threads(self) -> None:
        self._engine.look_after()
        self._images.keep_alive()
        self._consoles.keep_alive()
        self._sensors.keep_alive()
        self.services.notifications.keep_alive()
        self.services.webhooks.keep_alive()
        if self._ssh:
            self._ssh.keep_alive()
        if not self._timers.is_alive():
            log.error("the timers' thread had died; it is started again")
            self._timers = self._start_timers()

    def _start_timers(self) -> threading.Thread:
        thread = threading.Thread(target=self._keep_time, name="timers", daemon=True)
        thread.start()
        return thread

    def _keep_time(self) -> None:
        """Look after dnsmasq, histories, notifications and image writers."""
        settings = self._settings
        history = HistoryLimit(self._store, settings.history_entries_per_node)
        notifications = NotificationLimit(
            self._store,
            keep=settings.notification_entries,
            longest_s=settings.notification_days * _DAY_S,
        )
        while not self._stopping.wait(_HOUSEKEEPING_S):
            try:
                self.services.strangers.flush()
                history.apply()
                notifications.apply()
                end_unwanted(self.services)
            except SQLAlchemyError:
                log.warning(
                    "histories, notifications and image writers could not be looked after; trying again in %d s",
                    _HOUSEKEEPING_S,
                )
            if self._dnsmasq and not self._dnsmasq.check():
                log.warning("dnsmasq is not running: machines cannot boot from the network")


def _console_ssh(services: Services) -> "ConsoleSsh | None":
    """Load what only those need who have set a port."""
    if not services.settings.console_ssh_port:
        return None
    module = importlib.import_module("controller.console_ssh.server")
    found: ConsoleSsh = module.ConsoleSsh(services)
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class _HttpServer(BoundedServer):
    """Cheroot with its errors in our log."""

    def error_log(self, msg: str = "", level: int = logging.ERROR, traceback: bool = False) -> None:
        log.log(level, "http server: %s", msg, exc_info=traceback)
