"""The controller's engine and API in this process, with machines without hardware; for the workflow's tests."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cheroot.wsgi import Server
from sqlalchemy import select

from controller.api.app import create_app
from controller.errors import BmcUnreachable
from controller.hardware.bmc import BmcStep, BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts
from controller.settings import Settings
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.nodes import get_node
from controller.store.opening import key_path
from controller.store.sealed_rows import unlock
from controller.store.steady_clock import SteadyClock
from controller.store.tables import Node, NodeEvent, Port
from controller.workflow.engine import Engine
from controller.workflow.maintenance import set_maintenance
from controller.workflow.power_sync import watch_power
from controller.workflow.services import Services
from controller.workflow.verb_request import ProvisionRequest
from controller.workflow.verbs import provision
from tests.integration.agent_double import Machine
from tests.integration.hardware import catalog_with
from tests.integration.waiting import wait_until
from tests.integration.with_ramdisk import WITH_RAMDISK

SHA256 = "7e75f1b677ddcfb3c5b25fae8dffc401a77f11e2edd061ce0dcf9d04171a3a9d"
IMAGE = {
    "image_source": "http://127.0.0.1:9/images/user.qcow2",  # nothing listens there: a warning only
    "image_os_hash_algo": "sha256",
    "image_os_hash_value": SHA256,
    "image_checksum": SHA256,
}


class MachineBmc:
    """The BMC of a machine without hardware."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.is_reachable = True
        self.stays_off = self.stays_on = False
        self.ignores_soft_off = False
        self.calls: list[str] = []

    def power_state(self, *, timeout_s: float) -> PowerState:
        self._call("power_state")
        return PowerState.ON if self.machine.is_on else PowerState.OFF

    def power_on(self, *, timeout_s: float) -> None:
        self._call("power_on")
        if not self.stays_off:
            self.machine.power_on()

    def power_off(self, *, timeout_s: float) -> None:
        self._call("power_off")
        if not self.stays_on:
            self.machine.power_off()

    def soft_power_off(self, *, timeout_s: float) -> None:
        self._call("soft_power_off")
        if not self.ignores_soft_off:
            self.machine.power_off()

    def reset(self, *, timeout_s: float) -> None:
        self._call("reset")
        self.machine.power_off()
        self.machine.power_on()

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        self._call("boot_device")
        return BootOverride(device=BootDevice(self.machine.boot_device), is_persistent=False)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        self._call(f"set_boot_device {device} {mode} {persistent}")
        self.machine.boot_device = device

    def _call(self, what: str) -> None:
        self.calls.append(what)
        if not self.is_reachable:
            raise BmcUnreachable(
                "BMC 10.0.0.1: no answer within 1 s; check its cable", delay_s=0.05
            )


class MachineDriver:
    """BMC driver of the machines by their ``fake_id``."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self.bmcs: dict[str, MachineBmc] = {}
        self.offered: tuple[BmcStep, ...] = ()

    def steps(self, driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        return self.offered

    def validate(self, facts: Facts) -> None:
        pass

    def connect(self, driver_info: dict[str, Any]) -> MachineBmc:
        return self.bmcs[driver_info["fake_id"]]


class RunningController:
    """Engine and API; nodes are made and read in the database."""

    def __init__(
        self,
        folder: Path,
        *,
        driver: MachineDriver | None = None,
        clock: Callable[[], float] = time.time,
        steady: SteadyClock | None = None,
        **changes: Any,
    ) -> None:
        defaults: dict[str, Any] = {
            **WITH_RAMDISK,
            "state_directory": str(folder),
            "agent_require_tls": False,
            "power_poll_interval_s": 0.02,
            "progress_poll_interval_s": 0.05,
            "power_check_interval_s": 0.2,
            "default_boot_mode": "bios",
            "workers": 4,
        }
        self.settings = Settings(**{**defaults, **changes})
        url = self.settings.database_url or f"sqlite:///{folder}/ingot.sqlite"
        self.store = Store(url, clock=clock, steady=steady)
        migrate(self.store)
        unlock(self.store, key_path(self.settings))
        self.driver = driver or MachineDriver()
        self.engine = Engine()
        self.services = Services(
            store=self.store,
            settings=self.settings,
            catalog=catalog_with(self.driver, self.settings),
            wake=self.engine.wake,
            clock=clock,
            hostname=self.settings.hostname or "here",
            ailments=self.engine.ailments,
        )
        self._http = Server(("127.0.0.1", 0), create_app(self.services), numthreads=8)
        self._http.shutdown_timeout = 1
        self._http.prepare()
        self.url = f"http://127.0.0.1:{self._http.bind_addr[1]}"

    def start(self) -> None:
        threading.Thread(target=self._http.serve, daemon=True).start()
        self.engine.start(self.services)

    def stop(self) -> None:
        self.engine.stop(timeout_s=5)
        for bmc in self.driver.bmcs.values():
            bmc.machine.power_off()
        self._http.stop()
        self.store.close()

    def enrol(self, name: str, state: str = "available", **columns: Any) -> MachineBmc:
        number = len(self.driver.bmcs) + 1
        mac = f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"
        bmc = MachineBmc(Machine(self.url, mac))
        self.driver.bmcs[name] = bmc
        values: dict[str, Any] = {
            "driver_info": {"fake_id": name},
            "instance_info": {},
            "interfaces": {"boot": "fake"},
            "conductor": self.services.hostname,
            **columns,
        }
        with self.store.edit() as session:
            node = Node(
                uuid=str(uuid.uuid4()),
                name=name,
                created_at=time.time(),
                provision_state=state,
                driver="fake-hardware",
                **values,
            )
            session.add(node)
            session.flush()
            watch_power(self.services, session, node)
            port = Port(
                uuid=str(uuid.uuid4()), node_id=node.id, address=mac, created_at=time.time()
            )
            session.add(port)
        return bmc

    def ask(self, name: str, target: str, **arguments: Any) -> None:
        provision(self.services, name, ProvisionRequest(target=target, **arguments))

    def maintain(self, name: str, *, is_on: bool, reason: str | None = None) -> None:
        with self.store.edit() as session:
            node = get_node(session, name, for_update=True)
            set_maintenance(self.services, session, node, is_on=is_on, reason=reason)
        self.services.wake()

    def node(self, name: str) -> Node:
        with self.store.read() as session:
            return get_node(session, name)

    def events(self, name: str, kind: str | None = None) -> list[NodeEvent]:
        query = select(NodeEvent).where(NodeEvent.node_id == self.node(name).id)
        with self.store.read() as session:
            events = session.scalars(query.order_by(NodeEvent.id)).all()
        return [event for event in events if kind in {None, event.kind}]

    def wait_for(self, name: str, state: str, timeout_s: float = 20.0) -> Node:
        """Wait until the node has the state and nothing more is to be done for it."""

        def is_stuck(node: Node) -> bool:
            is_failed = node.provision_state.endswith("failed") and node.provision_state != state
            return is_failed and node.stage is None

        def arrived() -> bool:
            node = self.node(name)
            if is_stuck(node):  # its row and its work are read one after the other: look again
                node = self.node(name)
                assert not is_stuck(node), f"{node.provision_state}: {node.last_error}"
            return node.provision_state == state and node.stage is None

        try:
            wait_until(arrived, timeout_s, f"{name} becoming {state}")
        except AssertionError as error:
            node = self.node(name)
            text = "\n".join(f"{event.at:.3f} {event.message}" for event in self.events(name))
            error.add_note(f"{node.provision_state}, stage {node.stage}: {node.last_error}\n{text}")
            raise
        return self.node(name)


@contextmanager
def running_controller(folder: Path, **settings: Any) -> Iterator[RunningController]:
    """Give a running controller, and stop it and its machines."""
    controller = RunningController(folder, **settings)
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()
