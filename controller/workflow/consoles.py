"""Which consoles this controller keeps open: those that are switched on, of the nodes that it owns.

The rows are what counts: after a restart, and when a node becomes another controller's business, the consoles follow them.
"""

import logging
import threading
import time
import traceback
from collections.abc import Collection, Mapping
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from controller.consoles.shared_line import SharedLine
from controller.consoles.wanted import WantedConsole
from controller.errors import Conflict, ControllerError
from controller.hardware.console import OpensLine
from controller.screens.screens import WantedScreen
from controller.store.confirming import confirm
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.machine import interfaces_of
from controller.workflow.screens import refuse_screen, wanted_screen
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LOOK_S = 15.0
_TIDY_S = 60.0
_LOOK_SHARED_S = 5.0
"""Where other controllers may give us nodes, or take them."""


WITH_PORT = "ipmitool-socat"
"""The console interface whose consoles have TCP ports in Ironic, and here where the settings give any."""


_Wish = WantedConsole | WantedScreen


class ConsoleKeeper:
    """The thread that reads which consoles are wanted."""

    def __init__(self, services: Services) -> None:
        """Prepare; nothing runs yet."""
        self._services = services
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._tidied_at = -_TIDY_S
        self._read_at = time.monotonic()
        """When the last reading that succeeded began."""
        self._let_go_at: float | None = None
        """``_read_at`` of when the consoles were let go."""
        self._told: dict[str, str] = {}
        """What the log says already of nodes whose console cannot be opened."""

    def keep_alive(self) -> None:
        """Start the thread, and that of the consoles, if they do not run; to be called every second or so."""
        if self._stopping.is_set():
            return
        self._let_go_if_cut_off()
        self._services.consoles.keep_alive()
        self._services.screens.keep_alive()
        self._services.console_ports.keep_alive()
        if self._thread and self._thread.is_alive():
            return
        if self._thread:
            log.error("the console keeper's thread had died; it is started again")
        self._thread = threading.Thread(target=self._keep, name="console-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all consoles; they stay switched on."""
        self._stopping.set()
        self._services.consoles_wanted.set()
        self._services.console_ports.stop()
        self._services.screens.stop()
        self._services.consoles.stop()

    def _keep(self) -> None:
        services = self._services
        while not self._stopping.is_set():
            services.consoles_wanted.clear()
            self._look()
            services.consoles_wanted.wait(_LOOK_S if services.store.is_sqlite else _LOOK_SHARED_S)

    def _look(self) -> None:
        services, now = self._services, time.monotonic()
        try:
            self._want(self._wanted(), now)
            self._read_at = now
            if now - self._tidied_at >= _TIDY_S:
                self._tidied_at = now
                services.consoles.tidy(partial(_known, services))
                services.console_ports.tidy(partial(_known, services))
        except OSError as error:
            log.warning("the logs of consoles could not be looked through: %s", error)
        except SQLAlchemyError:
            log.warning("which consoles are switched on could not be read; it is tried again")
        except Exception:  # the consoles of all nodes need this thread
            log.exception("the console keeper met a fault; it goes on")

    def _want(self, wanted: Mapping[str, _Wish], read_at: float) -> None:
        lines = {uuid: wish for uuid, wish in wanted.items() if isinstance(wish, WantedConsole)}
        screens = {uuid: wish for uuid, wish in wanted.items() if isinstance(wish, WantedScreen)}
        ports = {uuid: wish.port for uuid, wish in lines.items() if wish.has_port}
        self._services.consoles.want(lines)
        self._services.console_ports.want(ports)
        self._services.screens.want(screens, read_at)

    def _let_go_if_cut_off(self) -> None:
        """Close all consoles where the shared database was not read for so long that another controller may have them."""
        lease_s, read_at = self._services.settings.claim_lease_s, self._read_at
        is_cut_off = time.monotonic() - read_at > lease_s
        if self._services.store.is_sqlite or not is_cut_off or self._let_go_at == read_at:
            return
        self._let_go_at = read_at
        log.warning(
            "the database could not be read for %g s; the consoles are closed, because their nodes may be other controllers' now",
            lease_s,
        )
        self._want({}, time.monotonic())

    def _wanted(self) -> dict[str, _Wish]:
        services = self._services
        query = select(Node.uuid).where(Node.console_enabled, Node.conductor == services.hostname)
        with services.store.read() as session:
            uuids = session.scalars(query).all()
        found: dict[str, _Wish] = {}
        faults: dict[str, str] = {}
        for uuid in uuids:
            try:
                wish = _wish(services, uuid)
            except SQLAlchemyError:
                raise
            except Exception as error:  # noqa: BLE001  # a row or a plug-in of one node
                faults[uuid] = _words(error)
            else:
                found.update({} if wish is None else {uuid: wish})
        for uuid, words in faults.items():
            if self._told.get(uuid) != words:
                log.warning("the console of node %s cannot be opened: %s", uuid, words)
        self._told = faults
        return found


def _known(services: Services, uuids: Collection[str]) -> Collection[str]:
    with services.store.read() as session:
        return session.scalars(select(Node.uuid).where(Node.uuid.in_(uuids))).all()


def _wish(services: Services, uuid: str) -> _Wish | None:
    """Return what opens a node's console; ``None`` = its interface has none of ours, or the node is gone."""
    with services.store.read() as session:
        node = session.scalar(select(Node).where(Node.uuid == uuid))
    if node is None:
        return None
    interfaces = interfaces_of(services, node)
    if not isinstance(interfaces.console, OpensLine):
        return wanted_screen(services, node)
    port = node.driver_info.get("ipmi_terminal_port")
    return WantedConsole(
        program=interfaces.console.line_program(dict(node.driver_info)),
        whose=node.owner or "",
        has_port=interfaces.names["console"] == WITH_PORT,
        port=int(port) if port is not None else None,
    )


def _words(error: Exception) -> str:
    """Say what went wrong; of what is not ours only the kind and the place, for its words may hold secrets."""
    if isinstance(error, ControllerError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.filename}, line {place.lineno}"


def console_of(services: Services, ident: str) -> SharedLine:
    """Return the console of a node.

    Raises:
        NotFound: There is no such node, or it was given away after the request was checked (``store/confirming.py``).
        Conflict: It is switched off, another controller's, or there is no room for it; the message says what to do.
    """
    with services.store.read() as session:
        node = get_node(session, ident)
    confirm(node)
    label = node.name or node.uuid
    if not node.console_enabled:
        raise Conflict(
            f"The console of node {label} is switched off; switch it on: PUT .../states/console with enabled true"
        )
    refuse_screen(services, node)
    if node.conductor != services.hostname:
        raise Conflict(
            f"The console of node {label} is kept by the controller {node.conductor or 'nobody'}; ask that one (this is"
            f" {services.hostname})"
        )
    found = services.consoles.find(node.uuid)
    if found is not None and found.whose == (node.owner or ""):
        return found
    if services.consoles.is_left_out(node.uuid):
        raise Conflict(
            f"There is no room for the console of node {label}: this controller keeps {services.consoles.most} open"
            " (console_limit); switch others off, or raise the setting"
        )
    services.consoles_wanted.set()
    name = interfaces_of(services, node).names["console"]
    raise Conflict(
        f"The console of node {label} (console_interface {name}) is not there yet; try again in a moment, or look at the"
        " controller's log"
    )
