"""What the workflow and the API work with; built once by ``controller/service.py``, never global."""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.agent_client.pool import AgentPool
from controller.consoles.lines import Consoles
from controller.consoles.number_file import NumberFile
from controller.consoles.port_numbers import PortRange
from controller.consoles.tcp_ports import ConsolePorts
from controller.hardware.catalog import Catalog
from controller.hardware.registry import load_screens
from controller.images.lun_writers import LunWriters
from controller.notifications.reader import Reader
from controller.notifications.webhooks.senders import Webhooks
from controller.screens.screens import Screens
from controller.setting_words import port_range
from controller.settings import Settings
from controller.store.database import Store
from controller.store.strangers import Strangers
from controller.store.tables import Node
from controller.switches.registry import Switches, load_switches
from controller.workflow.health import HealthCheck
from controller.workflow.measures import Measures
from controller.workflow.one_reader import OneReader
from controller.workflow.pace import Paces
from controller.workflow.quota import Quota
from controller.workflow.sensor_reports import SensorReports


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
    switches: Switches = field(init=False)
    """Those of the switch file, and what drives them."""
    strangers: Strangers = field(init=False)
    """Counters of what strangers cause in the histories of nodes."""
    paces: Paces = field(default_factory=Paces)
    """How often machines are asked, all together."""
    ailments: Callable[[], Sequence[str]] = tuple
    """What is wrong with the engine now, for ``/healthcheck``; nothing where none runs."""
    lanes_busy: Callable[[], Mapping[str, tuple[int, int]]] = dict
    """How many threads of each lane of the engine are busy, and how many there may be."""
    measures: Measures = field(default_factory=Measures)
    """What was done so far, for ``/metrics``."""
    sensors: SensorReports = field(default_factory=SensorReports)
    """What the sensors of nodes said last."""
    readers: OneReader = field(default_factory=OneReader)
    """Requests that read from BMCs."""
    gateway_key: str = field(default_factory=secrets.token_urlsafe, repr=False)
    """By which the boot routes know the TFTP gateway of this process."""
    strange_results: Quota = field(default_factory=lambda: Quota(3600.0))
    """Results of inspections that no node waited for and that were read all the same."""
    discoveries: Quota = field(default_factory=lambda: Quota(3600.0))
    """Nodes that strangers became."""
    images_wanted: threading.Event = field(default_factory=threading.Event)
    """Set when there may be something to do for the image store."""
    lun_writers: LunWriters = field(default_factory=LunWriters)
    """Processes that write disks over iSCSI."""
    consoles: Consoles = field(init=False)
    """Those that this controller keeps open."""
    console_ports: ConsolePorts = field(init=False)
    """Their TCP ports, where the settings give any."""
    screens: Screens = field(init=False)
    """Those that browsers look at."""
    consoles_wanted: threading.Event = field(default_factory=threading.Event)
    """Set when a console may have been switched on or off."""
    notifications: Reader = field(init=False)
    """Feeds event streams."""
    webhooks: Webhooks = field(init=False)
    """Whom this controller tells."""
    health: HealthCheck = field(default_factory=HealthCheck)
    """For ``/healthcheck``."""

    def __post_init__(self) -> None:
        """Make what follows from the rest."""
        object.__setattr__(self, "switches", load_switches(self.settings))
        object.__setattr__(self, "strangers", Strangers(self.store, self.clock))
        object.__setattr__(self, "consoles", _consoles(self.settings))
        kept = NumberFile(Path(self.settings.state_directory) / "console-ports.json")
        ports = ConsolePorts(self.consoles.find, _ports(self.settings), kept)
        object.__setattr__(self, "console_ports", ports)
        screens = Screens(self.settings, load_screens(self.settings))
        object.__setattr__(self, "screens", screens)
        store, notifier = self.store, self.store.notifier
        notifier.publisher = f"ingot-controller.{self.hostname}"
        notifier.interfaces = self._interfaces_of
        reader = Reader(store, most=self.settings.notification_streams)
        object.__setattr__(self, "notifications", reader)
        webhooks = Webhooks(store, self.settings, self.measures.note_webhook)
        object.__setattr__(self, "webhooks", webhooks)

    def steady(self) -> float:
        """Return the time of due times and deadlines, which no step of the wall clock moves."""
        return self.store.steady()

    def _interfaces_of(self, node: Node) -> Mapping[str, str | None]:
        """Return the names of a node's interfaces, its choice or the default."""
        hardware_type = self.catalog.types.get(node.driver)
        supports = hardware_type.supports if hardware_type else {}
        usual = {kind: names[0] for kind, names in supports.items() if names}
        return {**usual, **{kind: name for kind, name in node.interfaces.items() if name}}


def _consoles(settings: Settings) -> Consoles:
    folder = Path(settings.state_directory) / "consoles"
    return Consoles(folder, most=settings.console_limit, log_bytes=settings.console_log_kib << 10)


def _ports(settings: Settings) -> PortRange | None:
    found = port_range(settings.console_port_range)
    address = settings.console_socat_address
    idle_s = settings.console_terminal_timeout_s
    return found and PortRange(address=address, first=found[0], last=found[1], idle_s=idle_s)
