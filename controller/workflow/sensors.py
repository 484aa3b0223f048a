"""Reads the sensors of the nodes that this controller owns, now and then, on threads of its own.

Nothing is stored: a look that is lost is made again. Which nodes there are is read from the rows every few seconds; when each is
looked at next, and how often in a row its BMC has failed, is known to this thread alone.
"""

import logging
import random
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from controller.errors import ControllerError
from controller.hardware.sensors import SensorReport, TellsSensors
from controller.settings import Settings
from controller.states import State
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.machine import management_of
from controller.workflow.sensor_reports import NodeSensors, only_types
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_TICK_S = 0.5
_LOOK_S = 15.0
"""How often it is read which nodes there are."""
_MOST_INTERVALS = 16
_TELL_LATE_S = 3600.0
_JITTER = 0.1


@dataclass(slots=True)
class _Turn:
    """When a node is looked at."""

    due_at: float
    failures: int = 0
    is_running: bool = False


class SensorKeeper:
    """The thread that begins looks, and the threads of the looks."""

    def __init__(self, services: Services) -> None:
        """Prepare; nothing runs yet."""
        self._services = services
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}
        self._listed_at: float | None = None
        self._tells_late_at = 0.0
        self._thread: threading.Thread | None = None

    def keep_alive(self) -> None:
        """Start the thread if it is wanted and does not run; to be called every second or so."""
        if self._stopping.is_set() or not self._services.settings.send_sensor_data:
            return
        if self._thread and self._thread.is_alive():
            return
        if self._thread:
            log.error("the sensor keeper's thread had died; it is started again")
        self._thread = threading.Thread(target=self._keep, name="sensor-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin no look any more; those that run end by themselves."""
        self._stopping.set()

    def _keep(self) -> None:
        while not self._stopping.wait(_TICK_S):
            try:
                self._list_nodes()
                self._begin_looks()
            except SQLAlchemyError:
                log.warning("which nodes have sensors could not be read; it is tried again")
            except Exception:  # the sensors of all nodes need this thread
                log.exception("the sensor keeper met a fault; it goes on")

    def _list_nodes(self) -> None:
        now, settings = time.monotonic(), self._services.settings
        look_s = min(_LOOK_S, settings.sensor_data_interval_s)
        if self._listed_at is not None and now - self._listed_at < look_s:
            return
        uuids = nodes_to_read(self._services)
        spread_s = 0.0 if self._listed_at is not None else settings.sensor_data_interval_s
        self._listed_at = now
        with self._lock:
            for uuid in uuids:
                # what began together does not stay together; what is new is read soon
                self._turns.setdefault(uuid, _Turn(now + random.uniform(0, spread_s)))  # noqa: S311  # no secret
            for uuid in self._turns.keys() - set(uuids):
                if not self._turns[uuid].is_running:
                    del self._turns[uuid]
        self._services.sensors.keep_only(uuids)

    def _begin_looks(self) -> None:
        now = time.monotonic()
        with self._lock:
            running = [turn for turn in self._turns.values() if turn.is_running]
            room = self._services.settings.sensor_data_workers - len(running)
            failing = sum(turn.failures > 0 for turn in running)
            failing_room = max(self._services.settings.sensor_data_workers // 2, 1) - failing
            due = sorted(
                (turn.due_at, uuid)
                for uuid, turn in self._turns.items()
                if not turn.is_running and turn.due_at <= now
            )
            self._tell_if_late(now - due[0][0] if due else 0.0, len(due))
            chosen = []
            for _, uuid in due:
                turn = self._turns[uuid]
                if room <= 0 or (turn.failures and failing_room <= 0):
                    continue
                room, failing_room = room - 1, failing_room - (turn.failures > 0)
                turn.is_running = True
                chosen.append((uuid, turn))
        for uuid, turn in chosen:
            self._start(uuid, turn)

    def _tell_if_late(self, late_s: float, waiting: int) -> None:
        """Say once in an hour that looks wait for longer than an interval."""
        settings, now = self._services.settings, time.monotonic()
        if late_s < settings.sensor_data_interval_s or now < self._tells_late_at:
            return
        self._tells_late_at = now + _TELL_LATE_S
        log.warning(
            "the sensors of %d nodes wait to be read, the first for %.0f s: raise sensor_data_workers (%d) or sensor_data_interval_s",
            waiting,
            late_s,
            settings.sensor_data_workers,
        )

    def _start(self, uuid: str, turn: _Turn) -> None:
        try:
            name = f"sensors-{uuid}"
            threading.Thread(target=self._look, args=(uuid, turn), name=name, daemon=True).start()
        except RuntimeError:  # no thread could be had: there may be room again in a moment
            turn.is_running = False
            raise

    def _look(self, uuid: str, turn: _Turn) -> None:
        has_failed = True
        try:
            with self._services.store.read() as session:
                node = get_node(session, uuid)
            report = read_now(self._services, node)
            has_failed = False
            if report is not None:
                self._services.sensors.put(_of_node(node, report))
        except ControllerError as error:
            level = logging.WARNING if turn.failures == 0 else logging.INFO
            log.log(level, "node %s: its sensors could not be read: %s", uuid, error)
        except SQLAlchemyError:
            log.warning("node %s: its row could not be read; its sensors are read later", uuid)
        except Exception:  # a driver that is not ours, or a fault of ours: one node's business
            log.exception("node %s: its sensors could not be read", uuid)
        finally:
            interval_s = self._services.settings.sensor_data_interval_s
            with self._lock:
                turn.failures = turn.failures + 1 if has_failed else 0
                turn.due_at = time.monotonic() + pause_s(interval_s, turn.failures)
                turn.is_running = False


def nodes_to_read(services: Services) -> Collection[str]:
    """Return the nodes of this controller whose sensors are read: not in maintenance and, unless all are wanted, active."""
    query = select(Node.uuid).where(
        Node.conductor == services.hostname, Node.maintenance.is_(False)
    )
    if services.settings.sensor_data_for_undeployed_nodes:
        query = query.where(Node.provision_state != State.ENROLL)
    else:
        query = query.where(Node.provision_state == State.ACTIVE)
    with services.store.read() as session:
        return session.scalars(query).all()


def is_read(settings: Settings, node: Node) -> bool:
    """Whether the controller that owns a node reads its sensors at intervals; as :func:`nodes_to_read` chooses."""
    if not settings.send_sensor_data or node.maintenance:
        return False
    if settings.sensor_data_for_undeployed_nodes:
        return node.provision_state != State.ENROLL
    return node.provision_state == State.ACTIVE


def read_now(services: Services, node: Node) -> SensorReport | None:
    """Read a node's sensors; ``None`` = its management interface cannot.

    Raises:
        BmcError: As ``TellsSensors``.
        Invalid: ``driver_info`` lacks something.
    """
    bmc = management_of(services, node)
    if not isinstance(bmc, TellsSensors):
        return None
    settings = services.settings
    found = bmc.sensors(timeout_s=settings.sensor_data_timeout_s)
    return replace(only_types(found, settings.sensor_data_types), collected_at=services.clock())


def _of_node(node: Node, report: SensorReport) -> NodeSensors:
    return NodeSensors(
        node_uuid=node.uuid,
        node_name=node.name,
        instance_uuid=node.instance_uuid,
        driver=node.driver,
        report=report,
    )


def pause_s(interval_s: float, failures: int) -> float:
    """Return when a node is looked at again: later and later while its BMC fails."""
    intervals: int = min(2 ** min(failures, _MOST_INTERVALS), _MOST_INTERVALS)
    return float(interval_s * intervals * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  # no secret
