"""The engine's columns of a node become rows: what was under way goes on, ports and histories stay."""

import json
import uuid
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select, text

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.nodes import get_node
from controller.store.tables import BACKGROUND, NodeEvent, Port, Work
from tests.integration.databases import postgres_url, url

__all__ = ["postgres_url", "url"]

NODE: dict[str, Any] = {
    "created_at": 1.0,
    "provision_state": "deploying",
    "maintenance": False,
    "driver": "ipmi",
    "conductor_group": "",
    "console_enabled": False,
    "disable_power_off": False,
    "protected": False,
    "retired": False,
    "traits": "[]",
    **dict.fromkeys(
        [
            "driver_info",
            "driver_internal_info",
            "instance_info",
            "properties",
            "extra",
            "network_data",
            "interfaces",
            "clean_step",
            "deploy_step",
            "service_step",
            "raid_config",
            "target_raid_config",
            "stage_data",
        ],
        "{}",
    ),
}


def insert(store: Store, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    with store.edit() as session:
        session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


@pytest.mark.parametrize("stage", ["deploy.step.watch", "sync.power", None])
def test_running_work_moves_over(url: str, stage: str | None, monkeypatch: Any) -> None:
    store = Store(url)
    with monkeypatch.context() as patch:
        upgrade = command.upgrade
        patch.setattr(command, "upgrade", lambda config, _head: upgrade(config, "0004"))
        migrate(store)
    ident = str(uuid.uuid4())
    data = json.dumps({"order": {"id": "7"}})
    running = {"stage": stage, "stage_started_at": 100.0, "stage_deadline_at": 160.0, "due_at": 5.0}
    insert(store, "nodes", id=1, uuid=ident, **{**NODE, "stage_data": data}, **running)
    insert(
        store,
        "ports",
        uuid=str(uuid.uuid4()),
        node_id=1,
        address="52:54:00:00:00:01",
        created_at=1.0,
        pxe_enabled=True,
        is_smartnic=False,
        local_link_connection="{}",
        extra="{}",
        internal_info="{}",
    )
    event = {"kind": "state", "severity": "INFO", "message": "x", "data": "{}", "at": 1.0}
    with store.read() as session:
        before = session.execute(text("SELECT * FROM node_events")).keys()
    more = {"occurrences": 1, "is_foreign": False}
    event |= {name: value for name, value in more.items() if name in before}
    insert(store, "node_events", uuid=str(uuid.uuid4()), node_id=1, **event)
    migrate(store)
    with store.read() as session:
        node = get_node(session, ident)
        assert len(session.scalars(select(Port)).all()) == 1
        assert len(session.scalars(select(NodeEvent)).all()) == 1
        (look,) = session.scalars(select(Work).where(Work.lane == BACKGROUND))
        assert (look.stage, look.subject_id) == ("sync.power", 1)
        if stage == "deploy.step.watch":
            assert node.work
            assert (node.work.stage, node.work.data) == (stage, {"order": {"id": "7"}})
            assert (node.work.timeout_s, node.work.deadline_at, node.work.due_at) == (60, 160, 5)
        else:
            assert node.work is None
    store.close()
