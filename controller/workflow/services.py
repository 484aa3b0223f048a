"""What the workflow and the API work with; built once by ``controller/service.py``, never global."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from controller.agent_client.pool import AgentPool
from controller.hardware.catalog import Catalog
from controller.settings import Settings
from controller.store.database import Store
from controller.store.strangers import Strangers
from controller.workflow.health import HealthCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The store, the settings and the doors to the outside of one controller process."""

    store: Store
    settings: Settings
    catalog: Catalog
    """The hardware types and the implementations of interfaces that nodes may have."""
    wake: Callable[[], None]
    """Tell the engine that a node has become due."""
    clock: Callable[[], float]
    """The wall clock, in seconds since the epoch: for what people read."""
    hostname: str
    """Name of this controller; owner of claims and ``conductor`` of its nodes."""
    agents: AgentPool = field(default_factory=AgentPool)
    """Connections to agents."""
    calls: set[str] = field(default_factory=set)
    """Claims that calls of the API hold while they talk to a BMC; no thread of the engine is at them."""
    strangers: Strangers = field(init=False)
    """Counters of what strangers cause in the histories of nodes."""
    ailments: Callable[[], Sequence[str]] = tuple
    """What is wrong with the engine now, for ``/healthcheck``; nothing where none runs."""
    health: HealthCheck = field(default_factory=HealthCheck)
    """For ``/healthcheck``."""

    def __post_init__(self) -> None:
        """Make what follows from the rest."""
        object.__setattr__(self, "strangers", Strangers(self.store, self.clock))

    def steady(self) -> float:
        """Return the time of due times and deadlines, which no step of the wall clock moves."""
        return self.store.steady()
