"""What a request asks of the database, counted: more statements, or one that goes through all nodes, make everything slower."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.integration.controller_api import Api, make_api

MAC = "52:54:00:aa:00:01"
LOOKUP = f"/v1/lookup?addresses={MAC}"
_WHOLE = ("SCAN nodes", "SCAN ports", "SCAN work", "SCAN node_events")


class Statements:
    """What the database was asked."""

    def __init__(self, api: Api) -> None:
        self._engine = api.services.store.engine
        self.seen: list[tuple[str, Any]] = []
        event.listen(self._engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        self.seen.append((statement, values))

    def take(self) -> list[tuple[str, Any]]:
        """Return what was asked since the last time."""
        seen, self.seen = self.seen, []
        return seen

    def scans(self) -> list[tuple[str, str]]:
        """Return the steps of what was asked that go through a whole table of nodes or ports."""
        seen = self.take()
        with self._engine.connect() as connection:
            plans = [
                (line[3], statement)
                for statement, values in seen
                if not statement.startswith("BEGIN")
                for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
        self.take()
        return [plan for plan in plans if plan[0].startswith(_WHOLE)]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path, agent_require_tls=False)
    yield made
    made.services.store.close()


@pytest.fixture
def node(api: Api) -> str:
    for number in range(20):
        made = str(api.node(name=f"n{number}")["uuid"])
        address = f"52:54:00:aa:00:{number:02x}"
        api.ok("POST", "/v1/ports", {"node_uuid": made, "address": address})
    uuid = str(api.ok("GET", "/v1/nodes/n1")["uuid"])
    api.set_row(uuid, provision_state="clean wait", target_provision_state="available")
    return uuid


def beat(token: str) -> dict[str, str]:
    return {
        "callback_url": "http://127.0.0.1:9999",
        "agent_token": token,
        "agent_version": "13.0.0",
    }


def test_no_request_about_one_node_goes_through_all_of_them(api: Api, node: str) -> None:
    with api.services.store.edit() as session:
        session.execute(text("ANALYZE"))
    statements = Statements(api)
    token = api.ok("GET", LOOKUP)["config"]["agent_token"]
    assert statements.scans() == []
    for _ in range(2):
        api.ok("POST", f"/v1/heartbeat/{node}", beat(token))
        assert statements.scans() == []
    api.ok("GET", f"/v1/nodes/{node}")
    assert statements.scans() == []
    api.ok("PATCH", "/v1/nodes/n2", [{"op": "add", "path": "/extra/a", "value": 1}])
    assert statements.scans() == []
    api.node(name="another")
    assert statements.scans() == []


def test_requests_that_come_often_ask_little(api: Api, node: str) -> None:
    statements = Statements(api)
    token = api.ok("GET", LOOKUP)["config"]["agent_token"]
    assert len(statements.take()) <= 11
    api.ok("POST", f"/v1/heartbeat/{node}", beat(token))
    statements.take()
    api.ok("POST", f"/v1/heartbeat/{node}", beat(token))
    assert len(statements.take()) <= 7
    api.ok("GET", f"/v1/nodes/{node}")
    assert len(statements.take()) <= 2
    api.ok("GET", "/v1/nodes/detail")
    assert len(statements.take()) <= 2
    api.node(name="another")
    assert len(statements.take()) <= 10  # two of them tell others of it


def test_images_are_shown_with_their_own_copies_alone(api: Api) -> None:
    for number in range(3):
        body = {"name": f"i{number}", "urls": ["http://127.0.0.1:9/disk.raw"]}
        api.ok("POST", "/v1/images", body)
    statements = Statements(api)
    shown = api.ok("GET", "/v1/images/i1")
    asked = [(text, values) for text, values in statements.take() if "FROM image_copies" in text]
    assert [len(values) for _text, values in asked] == [1]
    assert [copy["status"] for copy in shown["copies"]] == ["saving"]
    page = api.ok("GET", "/v1/images?fields=name,copies&limit=2")["images"]
    asked = [(text, values) for text, values in statements.take() if "FROM image_copies" in text]
    assert [len(values) for _text, values in asked] == [2]
    assert [len(one["copies"]) for one in page] == [1, 1]


def test_what_may_be_large_costs_a_heartbeat_nothing(api: Api, node: str) -> None:
    """SQLite writes a row whole: an inventory of 100 KB or a config drive of 1 MB must not stand in the node's."""
    found = {"inventory": {"a": "b"}, "plugin_data": {}}
    for ident in (node, "n2"):
        api.set_row(ident, inventory=found, config_drive="H4sI")
    token = api.ok("GET", LOOKUP)["config"]["agent_token"]
    api.ok("POST", f"/v1/heartbeat/{node}", beat(token))  # the first of a boot looks for secrets
    statements = Statements(api)
    api.ok("POST", f"/v1/heartbeat/{node}", beat(token))
    api.ok("PATCH", "/v1/nodes/n2", [{"op": "add", "path": "/extra/a", "value": 1}])
    seen = " ".join(statement for statement, _ in statements.take())
    assert "UPDATE nodes" in seen
    assert not [name for name in ("inventories.document", "drives.content") if name in seen]
