"""A site with a fake switch that is files, and nodes whose ports are plugged into it; for the tests of networks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from controller.store.nodes import get_node
from controller.store.tables import Port
from tests.integration.running_controller import MachineBmc, RunningController, running_controller

SWITCH_ID = "aa:bb:cc:dd:ee:01"
IDLE, CLEANING, PROVISIONING, RESCUING, INSPECTION, SERVICING, BLUE, RED = (
    f"access/native_vlan={vlan}" for vlan in (999, 10, 20, 30, 40, 50, 300, 301)
)
NETWORKS = {
    "idle_network": IDLE,
    "cleaning_network": CLEANING,
    "provisioning_network": PROVISIONING,
    "rescuing_network": RESCUING,
    "inspection_network": INSPECTION,
    "servicing_network": SERVICING,
}
"""Settings."""


class FakeSwitchFiles:
    """What stands in the files of the fake switch ``tor-1``, and the file that names it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "switches.toml"
        self.path.write_text(
            f'[switches.tor-1]\ndriver_type = "fake"\nmac_address = "{SWITCH_ID}"\n'
            f"directory = {json.dumps(str(folder))}\n"
            f'[networks]\nblue = "{BLUE}"\n'
            f'red = {{switchport = "{RED}", physical_network = "red"}}\n'
        )

    def ports(self) -> dict[str, str]:
        """Return what each port is set to."""
        try:
            found: dict[str, str] = json.loads((self._folder / "tor-1.json").read_text())["ports"]
        except FileNotFoundError:
            return {}
        return found

    def changes(self) -> list[str]:
        """Return what the switch was told, in order."""
        try:
            return (self._folder / "tor-1.log").read_text().splitlines()
        except FileNotFoundError:
            return []

    def order(self, **orders: Any) -> None:
        """Tell the switch how to behave from now on."""
        path = self._folder / "tor-1.orders.json"
        path.with_suffix(".new").write_text(json.dumps(orders))
        path.with_suffix(".new").replace(path)


@contextmanager
def switching(folder: Path, **settings: Any) -> Iterator[tuple[RunningController, FakeSwitchFiles]]:
    """Run a controller with the fake switch."""
    switch = FakeSwitchFiles(folder)
    for name in ("kernel", "ramdisk"):
        (folder / name).write_bytes(b"boot file")
    files = {"deploy_kernel": str(folder / "kernel"), "deploy_ramdisk": str(folder / "ramdisk")}
    wanted = {**NETWORKS, **files, "switch_config_file": str(switch.path), **settings}
    with running_controller(folder, **wanted) as running:
        yield running, switch


def link(port: str) -> dict[str, str]:
    """Return a ``local_link_connection``."""
    return {"switch_id": SWITCH_ID, "port_id": port}


def enrol(
    controller: RunningController, name: str, state: str, *, vif: str | None = "blue", **more: Any
) -> MachineBmc:
    """Make a node with a port that boots, at the switch's port of the node's name, and one that does not, at ``<name>-data``."""
    interfaces = {"boot": "fake", "network": "ironic-networking"}
    bmc = controller.enrol(name, state, interfaces=interfaces, **more)
    with controller.store.edit() as session:
        node = get_node(session, name)
        (first,) = session.scalars(select(Port).where(Port.node_id == node.id))
        first.local_link_connection = link(name)
        first.internal_info = {"tenant_vif_port_id": vif} if vif else {}
        session.add(
            Port(
                uuid=f"{first.uuid[:-4]}da1a",
                node_id=node.id,
                address=first.address.replace("52:54:00:00", "52:54:00:da"),
                created_at=first.created_at,
                pxe_enabled=False,
                local_link_connection=link(f"{name}-data"),
            )
        )
    return bmc


def ports(controller: RunningController, name: str) -> list[Port]:
    """Return a node's ports, that which boots first."""
    with controller.store.read() as session:
        query = select(Port).where(Port.node_id == get_node(session, name).id)
        return list(session.scalars(query.order_by(Port.id)))


def change_port(controller: RunningController, name: str, **columns: Any) -> None:
    """Change the port that boots."""
    with controller.store.edit() as session:
        query = select(Port).where(Port.node_id == get_node(session, name).id).order_by(Port.id)
        port = session.scalars(query).first()
        assert port is not None
        for column, value in columns.items():
            setattr(port, column, value)


Site = tuple[RunningController, FakeSwitchFiles]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with switching(tmp_path) as both:
        yield both
