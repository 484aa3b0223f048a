"""Advances nodes: lanes that run what is due, and a keeper that says that this controller lives and looks after the rest.

People's orders and what follows from them have one lane, what is looked at now and then another, each with threads of its own:
no number of dead BMCs in the one delays the other.
"""

import logging
import threading
import time
import uuid

from controller.store.claims import release
from controller.store.tables import BACKGROUND, WORKFLOW
from controller.workflow.advance import Advancer
from controller.workflow.graph import check_graph
from controller.workflow.keeper import Keeper
from controller.workflow.lane import Lane
from controller.workflow.outage import Outage
from controller.workflow.pace import LOOKS_PER_S
from controller.workflow.running import Running
from controller.workflow.services import Services

log = logging.getLogger(__name__)


class Engine:
    """The lanes and the keeper of one controller process."""

    def __init__(self) -> None:
        self._lanes: tuple[Lane, ...] = ()
        self._keeper: Keeper | None = None
        self._running = Running()
        self._stopping = threading.Event()
        self._services: Services | None = None

    def wake(self) -> None:
        """Say that a node's workflow may have become due; what is looked at now and then can wait for its time."""
        for lane in self._lanes:
            if lane.name == WORKFLOW:
                lane.wake()

    def start(self, services: Services, *, instance: str | None = None) -> None:
        """Take this controller's name and nodes, free what it had claimed when it died, and start the lanes.

        Args:
            services: The controller's parts.
            instance: Identifies this process; it has taken the name. ``None`` = do that, for tests.

        Raises:
            SettingsError: The graph of stages is wrong, or the name is taken.
        """
        check_graph()
        outage = Outage()
        advancer = Advancer(services, outage, self._stopping.wait, self._running)
        settings = services.settings
        sizes = {WORKFLOW: settings.workers}
        if settings.power_sync_interval_s:
            sizes[BACKGROUND] = settings.background_workers
        self._services = services
        self._lanes = tuple(
            Lane(
                services,
                name,
                most,
                running=self._running,
                outage=outage,
                do=advancer.run,
                per_s=LOOKS_PER_S if name == BACKGROUND else None,
            )
            for name, most in sizes.items()
        )
        keeper = Keeper(services, self._lanes, self._running, outage, instance or str(uuid.uuid4()))
        if instance is None:
            keeper.take_name()
        freed = release(services.store, services.hostname)
        if freed:
            log.info("going on with %d stages that were at work when the controller ended", freed)
        self._keeper = keeper
        keeper.start()

    def stop(self, *, timeout_s: float) -> None:
        """Claim nothing more, let stages end, and give the rest back so that others can take it over at once."""
        self._stopping.set()
        for lane in self._lanes:
            lane.stop()
        give_up_at = time.monotonic() + timeout_s
        while self._running.all() and time.monotonic() < give_up_at:
            time.sleep(0.01)
        if self._services and self._running.all():
            release(self._services.store, self._services.hostname)
        if self._keeper:
            self._keeper.stop()

    def look_after(self) -> None:
        """Replace the keeper if it has died; to be called every few seconds."""
        if self._keeper and not self._stopping.is_set():
            self._keeper.keep_alive()

    @property
    def has_lost_name(self) -> bool:
        """Whether another controller runs under our name now, because we were silent for too long."""
        return self._keeper is not None and self._keeper.has_lost_name

    def lanes_busy(self) -> dict[str, tuple[int, int]]:
        """Return how many threads of each lane are busy, and how many there may be."""
        return {lane.name: (self._running.count(lane.name), lane.most) for lane in self._lanes}

    def ailments(self) -> list[str]:
        """Return what is wrong with the engine, a sentence each; empty = nothing."""
        return [] if self._keeper is None else self._keeper.ailments()
