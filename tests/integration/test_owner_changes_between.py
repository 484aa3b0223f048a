"""A node is given away between the check of a request and its change: the change must not happen.

The moment is made by the first transaction that the request opens for writing: before it, the node (or the runbook, or the
name) goes to another project.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.api.routes import ROUTES
from controller.store.database import Store
from controller.store.node_documents import DOCUMENTS
from controller.store.nodes import get_node
from controller.store.runbooks import Runbook
from controller.store.tables import Node, NodeEvent, Port
from tests.integration.basic_users import as_user, write_users
from tests.integration.controller_api import Api, make_api
from tests.integration.postgres_server import postgres_server
from tests.integration.principals import ADMIN, EVERYONE, FOREIGN, OWNER, Who

Edit = Callable[[Store], AbstractContextManager[Session]]
BOSS = Who("admin", OWNER)
NOBODYS = "00000000-0000-4000-8000-000000000000"
ON_NODE = "/v1/nodes/<ident>"
NOT_OF_THE_NODE = ("heartbeat", "vendor_passthru", "/allocation", "<ident>/console")
"""Of the console nothing is in the database: see the test of its own."""
BODIES: dict[str, Any] = {
    "": [{"op": "add", "path": "/extra/a", "value": 1}],
    "/states/provision": {"target": "manage"},
    "/states/power": {"target": "power on"},
    "/states/raid": {"logical_disks": [{"size_gb": 1, "raid_level": "1"}]},
    "/states/boot_mode": {"target": "uefi"},
    "/states/secure_boot": {"target": True},
    "/states/console": {"enabled": True},
    "/maintenance": {"reason": "why"},
    "/management/boot_device": {"boot_device": "pxe"},
    "/management/inject_nmi": {},
    "/management/indicators/<indicator>": {"state": "ON"},
    "/traits": {"traits": ["CUSTOM_A"]},
    "/vifs": {"id": "9a4b3cf5-1b9b-4c08-a6a5-9d0ff0dd4bb5"},
    "/vmedia": {"device_type": "cdrom", "image_url": "http://127.0.0.1:9/x.iso"},
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    found = with_users(tmp_path_factory.mktemp("between"))
    yield found
    found.services.store.close()


def with_users(folder: Path, **settings: Any) -> Api:
    users = write_users(folder, [who.name for who in EVERYONE])
    roles = folder / "roles"
    roles.write_text("".join(f"{who.line}\n" for who in EVERYONE))
    settings |= {"htpasswd_file": str(users), "roles_file": str(roles)}
    return make_api(folder, auth_strategy="http_basic", **settings)


@pytest.fixture
def node(api: Api) -> str:
    return new_node(api)


def new_node(api: Api) -> str:
    body = {"driver": "fake-hardware", "owner": OWNER}
    made = api.ok("POST", "/v1/nodes", body, headers=as_user(ADMIN.name))
    return str(made["uuid"])


@contextmanager
def before_the_change(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Session], None]
) -> Iterator[list[str]]:
    """Have somebody else's transaction come before the first one of a request."""
    real: Edit = Store.edit
    done: list[str] = []

    @contextmanager
    def edit(store: Store) -> Iterator[Session]:
        if not done:
            done.append("once")
            with real(store) as session:
                act(session)
        with real(store) as session:
            yield session

    with monkeypatch.context() as patched:
        patched.setattr(Store, "edit", edit)
        yield done


def give_away(uuid: str) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        row = session.scalars(select(Node).where(Node.uuid == uuid)).one()
        row.owner = FOREIGN

    return act


def state_of(api: Api, uuid: str) -> dict[str, Any]:
    """Return the node's row, what belongs to it, and its history."""
    with api.services.store.read() as session:
        row = get_node(session, uuid)
        names = DOCUMENTS | {one.name for one in Node.__table__.columns}
        columns = {name: getattr(row, name) for name in names}
        ports = session.scalars(select(Port.extra).where(Port.node_id == row.id)).all()
        events = session.scalars(select(NodeEvent.message).where(NodeEvent.node_id == row.id)).all()
        stage = row.stage
    return {**columns, "ports": list(ports), "events": list(events), "stage": stage}


def writes() -> Iterator[tuple[str, str]]:
    """Give every route that changes something of a node."""
    for route in ROUTES:
        is_below = route.path.startswith(ON_NODE) and route.method != "GET"
        if is_below and not any(word in route.path for word in NOT_OF_THE_NODE):
            yield route.method, route.path.removeprefix(ON_NODE)


@pytest.mark.parametrize(("method", "below"), tuple(writes()))
def test_a_node_that_was_given_away_is_not_changed(
    api: Api, node: str, monkeypatch: pytest.MonkeyPatch, method: str, below: str
) -> None:
    body = BODIES.get(below) if method in ("PUT", "POST", "PATCH") else None
    path = f"/v1/nodes/{node}{below}".replace("<trait>", "CUSTOM_A").replace("<vif>", NOBODYS)
    path = path.replace("<indicator>", "led@chassis")
    with before_the_change(monkeypatch, give_away(node)) as done:
        reply = api.call(method, path, body, headers=as_user(BOSS.name))
    assert done
    assert reply.status_code == 404, reply.get_data(as_text=True)
    assert "could not be found" in reply.get_data(as_text=True)
    after = state_of(api, node)
    assert after["owner"] == FOREIGN
    assert (after["extra"], after["maintenance"], after["stage"]) == ({}, False, None)
    assert (after["traits"] or [], after["provision_state"]) == ([], "enroll")
    assert after["events"] == ["Node created in state enroll"]


@pytest.mark.parametrize(
    ("method", "below"),
    [
        (route.method, route.path.removeprefix(ON_NODE))
        for route in ROUTES
        if route.path.startswith(f"{ON_NODE}/console")
    ],
)
def test_the_console_of_a_node_that_was_given_away_is_not_reached(
    api: Api, node: str, monkeypatch: pytest.MonkeyPatch, method: str, below: str
) -> None:
    def given_away(session: Session, ident: str) -> Node:
        with api.services.store.edit() as other:
            give_away(node)(other)
        return get_node(session, ident)

    monkeypatch.setattr("controller.workflow.consoles.get_node", given_away)
    path = f"/v1/nodes/{node}{below}"
    if method == "DELETE":
        path += "?keyboard=x"
    body = {"/console/keyboard": {}, "/console/input": {"keyboard": "x"}}.get(below)
    words = api.error(
        404, method, path, body if method != "DELETE" else None, headers=as_user(BOSS.name)
    )
    assert "could not be found" in words


def test_enough_routes_were_interleaved(api: Api) -> None:
    assert len(list(writes())) > 15


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_neither_is_what_belongs_to_it(
    api: Api, node: str, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    new = {"node_uuid": node, "address": f"52:54:00:00:{len(method):02x}:01"}
    path, body = "/v1/ports", dict(new)
    if method != "POST":
        port = api.ok("POST", path, new, headers=as_user(BOSS.name))["uuid"]
        path = f"/v1/ports/{port}"
    changes = {"PATCH": [{"op": "add", "path": "/extra/a", "value": 1}], "POST": body}
    before = state_of(api, node)["ports"]
    with before_the_change(monkeypatch, give_away(node)) as done:
        reply = api.call(method, path, changes.get(method), headers=as_user(BOSS.name))
    assert done
    assert reply.status_code in (403, 404), reply.get_data(as_text=True)
    assert state_of(api, node)["ports"] == before


def test_a_name_that_went_to_another_node_changes_nothing_there(
    api: Api, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = as_user(ADMIN.name)
    other = api.ok(
        "POST", "/v1/nodes", {"driver": "fake-hardware", "owner": FOREIGN}, headers=headers
    )
    api.set_row(node, name="blue")

    def swap(session: Session) -> None:
        get_node(session, node).name = None
        session.flush()
        get_node(session, other["uuid"]).name = "blue"

    with before_the_change(monkeypatch, swap):
        words = api.error(
            404, "PUT", "/v1/nodes/blue/maintenance", {"reason": "x"}, headers=as_user(BOSS.name)
        )
    assert "Node blue could not be found" in words
    assert not state_of(api, other["uuid"])["maintenance"]


def test_a_lease_that_ended_and_one_that_goes_on(
    api: Api, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of owner that leaves the right is no reason to refuse."""
    api.set_row(node, lessee=OWNER)
    with before_the_change(monkeypatch, give_away(node)):
        reply = api.call("PUT", f"/v1/nodes/{node}/maintenance", {}, headers=as_user(BOSS.name))
    assert reply.status_code == 202
    assert state_of(api, node)["maintenance"]

    def end(session: Session) -> None:
        get_node(session, node).lessee = None

    with before_the_change(monkeypatch, end):
        path = f"/v1/nodes/{node}/maintenance"
        assert api.call("DELETE", path, headers=as_user(BOSS.name)).status_code == 404
    assert state_of(api, node)["maintenance"]


STEP = {"interface": "deploy", "step": "burn", "args": {}, "order": 1}


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PATCH", "", [{"op": "add", "path": "/extra", "value": {"a": 1}}]),
        ("DELETE", "", None),
        ("PUT", "/traits/CUSTOM_A", None),
        ("DELETE", "/traits", None),
    ],
)
def test_a_runbook_that_was_given_away_is_not_changed(
    api: Api, monkeypatch: pytest.MonkeyPatch, method: str, below: str, body: Any
) -> None:
    new = {"name": f"CUSTOM_{method}{len(below)}", "steps": [STEP], "owner": OWNER}
    runbook = api.ok("POST", "/v1/runbooks", new, headers=as_user(ADMIN.name))["uuid"]
    api.ok("PUT", f"/v1/runbooks/{runbook}/traits/CUSTOM_B", headers=as_user(ADMIN.name))

    def give(session: Session) -> None:
        session.scalars(select(Runbook).where(Runbook.uuid == runbook)).one().owner = FOREIGN

    with before_the_change(monkeypatch, give):
        reply = api.call(method, f"/v1/runbooks/{runbook}{below}", body, headers=as_user(BOSS.name))
    assert reply.status_code == 404, reply.get_data(as_text=True)
    found = api.ok("GET", f"/v1/runbooks/{runbook}", headers=as_user(ADMIN.name))
    assert (found["extra"], found["owner"], found["traits"]) == ({}, FOREIGN, ["CUSTOM_B"])


@pytest.mark.parametrize("database", ["sqlite", pytest.param("", marks=pytest.mark.postgres)])
def test_a_request_that_waits_for_the_lock_sees_what_was_done_under_it(
    tmp_path: Path, database: str
) -> None:
    """Two real transactions: the request has been checked, and waits while the node is given away."""
    with nullcontext("") if database else postgres_server() as url:
        api = with_users(tmp_path, database_url=url)
        node = new_node(api)
        statuses: list[int] = []

        def ask() -> None:
            path = f"/v1/nodes/{node}/maintenance"
            with api.client.application.test_client() as client:
                headers = {**as_user(BOSS.name), "Content-Type": "application/json"}
                reply = client.put(path, data=b"{}", headers=headers)
                statuses.append(reply.status_code)

        thread = threading.Thread(target=ask)
        with api.services.store.edit() as session:
            get_node(session, node, for_update=True).owner = FOREIGN
            session.flush()
            thread.start()
            thread.join(1.0)
            assert thread.is_alive()  # it waits
        thread.join(10.0)
        assert statuses == [404]
        assert not state_of(api, node)["maintenance"]
        api.services.store.close()
