"""Which consoles this controller keeps open: those that are switched on, of the nodes that it owns.

The rows are what counts: after a restart, and when a node becomes another controller's business, the consoles follow them.
"""

import logging
import threading
import time
from collections.abc import Collection
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from controller.consoles.shared_line import SharedLine
from controller.errors import Conflict, ControllerError
from controller.hardware.console import LineProgram, OpensLine
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.machine import interfaces_of
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LOOK_S = 15.0
_TIDY_S = 60.0
_LOOK_SHARED_S = 5.0
"""Where other controllers may give us nodes, or take them."""


class ConsoleKeeper:
    """The thread that reads which consoles are wanted."""

    def __init__(self, services: Services) -> None:
        """Prepare; nothing runs yet."""
        self._services = services
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def keep_alive(self) -> None:
        """Start the thread, and that of the consoles, if they do not run."""
        if self._stopping.is_set():
            return
        self._services.consoles.keep_alive()
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
        self._services.consoles.stop()

    def _keep(self) -> None:
        services, tidied_at = self._services, -_TIDY_S
        while not self._stopping.is_set():
            services.consoles_wanted.clear()
            try:
                services.consoles.want(_wanted(services))
                if time.monotonic() - tidied_at >= _TIDY_S:
                    tidied_at = time.monotonic()
                    services.consoles.tidy(partial(_known, services))
            except OSError as error:
                log.warning("the logs of consoles could not be looked through: %s", error)
            except SQLAlchemyError:
                log.warning("which consoles are switched on could not be read; it is tried again")
            services.consoles_wanted.wait(_LOOK_S if services.store.is_sqlite else _LOOK_SHARED_S)


def _known(services: Services, uuids: Collection[str]) -> Collection[str]:
    with services.store.read() as session:
        return session.scalars(select(Node.uuid).where(Node.uuid.in_(uuids))).all()


def _wanted(services: Services) -> dict[str, LineProgram]:
    query = select(Node).where(Node.console_enabled, Node.conductor == services.hostname)
    found: dict[str, LineProgram] = {}
    with services.store.read() as session:
        nodes = session.scalars(query).all()
        for node in nodes:
            try:
                console = interfaces_of(services, node).console
                if isinstance(console, OpensLine):
                    found[node.uuid] = console.line_program(dict(node.driver_info))
            except ControllerError as error:
                log.warning("the console of node %s cannot be opened: %s", node.uuid, error)
    return found


def console_of(services: Services, ident: str) -> SharedLine:
    """Return the console of a node.

    Raises:
        NotFound: There is no such node.
        Conflict: It is switched off, another controller's, or there is no room for it; the message says what to do.
    """
    with services.store.read() as session:
        node = get_node(session, ident)
    label = node.name or node.uuid
    if not node.console_enabled:
        raise Conflict(
            f"The console of node {label} is switched off; switch it on: PUT .../states/console with enabled true"
        )
    if node.conductor != services.hostname:
        raise Conflict(
            f"The console of node {label} is kept by the controller {node.conductor or 'nobody'}; ask that one (this is"
            f" {services.hostname})"
        )
    found = services.consoles.find(node.uuid)
    if found is not None:
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
