"""Which cards get GRUB: read from a real store with the interfaces that are installed."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.hardware.registry import load_catalog
from controller.settings import Settings
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.tables import Node, Port
from controller.workflow.loader_choice import cards_with_other_loader, cards_without_loader


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'nodes.sqlite'}")
    migrate(made)
    yield made
    made.close()


def add(
    store: Store, mac: str, interfaces: Mapping[str, str], *, driver: str = "ipmi", **columns: Any
) -> None:
    with store.edit() as session:
        node = Node(
            uuid=str(uuid.uuid4()),
            created_at=0.0,
            provision_state=columns.pop("state", "enroll"),
            driver=driver,
            interfaces=dict(interfaces),
            **columns,
        )
        session.add(node)
        session.flush()
        session.add(Port(uuid=str(uuid.uuid4()), node_id=node.id, address=mac, created_at=0.0))


def chosen(store: Store, settings: Settings) -> set[str]:
    with store.read() as session:
        return cards_with_other_loader(session, load_catalog(settings), settings)


def test_nodes_with_another_boot_interface_than_the_setting_are_the_exceptions(
    store: Store,
) -> None:
    add(store, "52:54:00:00:00:01", {"boot": "pxe"})
    add(store, "52:54:00:00:00:02", {"boot": "ipxe"})
    add(store, "52:54:00:00:00:03", {})
    add(store, "52:54:00:00:00:04", {"boot": "pxe"}, driver="gone")
    assert chosen(store, Settings()) == {"52:54:00:00:00:01"}
    by_rule = {"52:54:00:00:00:02", "52:54:00:00:00:03"}
    assert chosen(store, Settings(loader="grub")) == by_rule


def test_the_default_interface_of_a_hardware_type_counts_as_a_chosen_one(store: Store) -> None:
    add(store, "52:54:00:00:00:01", {"deploy": "direct"})
    assert chosen(store, Settings(default_boot_interface="pxe", enabled_hardware_types="ipmi")) == {
        "52:54:00:00:00:01"
    }


def test_machines_that_run_from_their_disks_are_given_no_loader_where_that_is_wanted(
    store: Store,
) -> None:
    macs = [f"52:54:00:00:00:0{number}" for number in range(6)]
    add(store, macs[0], {}, state="active", driver_internal_info={"boot_target": "disk"})
    add(store, macs[1], {}, state="active", driver_internal_info={"boot_target": "instance_iso"})
    add(store, macs[2], {}, state="rescue")
    add(store, macs[3], {}, state="active", driver_info={"local_boot_by_order": True})
    add(store, macs[4], {}, state="active", driver_info={"local_boot_by_order": False})
    own = {"local_boot_by_order": True}
    add(store, macs[5], {}, state="wait call-back", driver_info=own)
    with store.read() as session:
        assert cards_without_loader(session, Settings()) == {macs[3]}
        by_rule = cards_without_loader(session, Settings(local_boot_by_order=True))
        assert by_rule == {macs[0], macs[3]}
