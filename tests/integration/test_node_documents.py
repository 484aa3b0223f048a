"""Inventories and config drives, which stand beside the rows of nodes: kept, changed, gone with them, and moved from old databases."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Double, MetaData, func, select, text

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.node_documents import NodeConfigDrive, NodeInventory
from controller.store.nodes import get_node
from controller.store.sealed_rows import unlock
from tests.integration.controller_api import Api, make_api
from tests.integration.sealed_store import DATABASES, add_node, database

FOUND = {"inventory": {"disks": [{"serial": "s1"}]}, "plugin_data": {}}
DRIVE = "H4sIAAAA"
MOVED = {"inventory": {"a": 1}, "plugin_data": {}}


def test_they_are_set_changed_and_taken_away(tmp_path: Path) -> None:
    api = make_api(tmp_path)
    uuid = str(api.node(name="n1")["uuid"])
    for inventory, drive in ((FOUND, DRIVE), ({**FOUND, "plugin_data": {"a": 1}}, "http://s/d")):
        api.set_row(uuid, inventory=inventory, config_drive=drive)
        assert kept(api, uuid) == (inventory, drive, True)
    api.set_row(uuid, inventory=None, config_drive=None)
    assert kept(api, uuid) == (None, None, False)
    api.set_row(uuid, inventory=FOUND, config_drive=DRIVE)
    api.ok("DELETE", f"/v1/nodes/{uuid}")
    with api.services.store.read() as session:
        for table in (NodeInventory, NodeConfigDrive):
            assert session.scalar(select(func.count()).select_from(table)) == 0
    api.services.store.close()


def kept(api: Api, uuid: str) -> tuple[object, object, bool]:
    with api.services.store.read() as session:
        node = get_node(session, uuid)
    return node.inventory, node.config_drive, node.has_config_drive


@pytest.mark.parametrize("kind", DATABASES)
def test_those_of_an_older_database_move_with_it(kind: str, tmp_path: Path) -> None:
    with database(kind, tmp_path) as url:
        store = Store(url)
        migrate(store, to="0017")
        _old_node(store, "n0")
        _old_node(store, "n1", inventory=MOVED, config_drive=DRIVE)
        migrate(store)
        unlock(store, tmp_path / "secrets.key")
        with store.read() as session:
            first, second = get_node(session, "n0"), get_node(session, "n1")
            assert (first.inventory, first.config_drive) == (None, None)
            assert second.inventory == MOVED
            assert second.config_drive == DRIVE
            raw = session.scalar(text("SELECT content FROM node_config_drives"))
        assert DRIVE not in str(raw), "it is sealed"
        add_node(store, "n2")
        store.close()


def _old_node(store: Store, name: str, **columns: object) -> None:
    """Write a row with every column that must have a value."""
    metadata = MetaData()
    metadata.reflect(store.engine, only=["nodes"])
    table = metadata.tables["nodes"]
    empty = {c.name: _empty(c) for c in table.columns if not c.nullable and c.name != "id"}
    with store.engine.begin() as connection:
        connection.execute(table.insert().values({**empty, "uuid": name, "name": name, **columns}))


def _empty(column: Column[Any]) -> Any:
    kinds = {Boolean: False, Double: 0.0, JSON: {}}
    return next((value for kind, value in kinds.items() if isinstance(column.type, kind)), "")
