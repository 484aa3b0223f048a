"""A resource that is only a description: everything that the API does with it, and that its rules are one transaction with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from controller.api.access.checks import Free
from controller.api.access.guarded import GUARDED
from controller.api.call import Call
from controller.api.documents import values
from controller.api.resource.description import Resource
from controller.api.resource.endpoints import routes_of
from controller.api.resource.field import Field
from controller.api.resource.of_node import BELOW_NODES, NODE_FILTERS
from controller.api.resource.rules import Change, Condition, Filter
from controller.api.resource.shapes import as_date, as_links
from controller.api.routes import ROUTES
from controller.errors import Conflict, Forbidden, Invalid
from controller.store.events import record_event
from tests.integration.controller_api import Api, make_api

NOBODY = "11111111-2222-4333-8444-555555555555"


class _Base(DeclarativeBase):
    """Tables of this test."""


class Slot(_Base):
    """Something of a node with a number that its node has once."""

    __tablename__ = "slots"
    __table_args__ = (UniqueConstraint("node_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str | None] = mapped_column(String(20), unique=True)
    node_id: Mapped[int]
    number: Mapped[int]
    label: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[float]
    updated_at: Mapped[float | None]


def _number(value: Any, name: str) -> int:
    if isinstance(value, int):
        return value
    raise Invalid(f"{name} must be a number")


def _with_label(_call: Call, _session: Session, text: str) -> Condition:
    found: Condition = Slot.label == text
    return found


def _record(change: Change) -> None:
    assert change.node is not None
    record_event(change.session, change.node, "request", f"slot {change.row.id}", at=1.0)
    if change.values["label"] == "bad":
        raise Conflict("no bad slots")


def _keep_fixed(change: Change) -> None:
    if change.row.label == "fixed" and "position" in change.changed:
        raise Conflict(f"slot {change.row.number} stays")


def _keep_full(change: Change) -> None:
    if change.row.label == "full":
        raise Forbidden("the slot is full")


SLOTS = Resource(
    path="racks/slots",
    kind="slot",
    table=Slot,
    fields=(
        Field(name="uuid", check=values.uuid, is_patchable=False, is_sortable=True),
        Field(name="name", check=values.text),
        Field(name="position", column="number", check=_number, default=lambda: 0),
        Field(name="label", since=60, check=values.text, is_sortable=True),
        Field(name="node_uuid", check=values.uuid, is_required=True),
        Field(name="created_at", show=as_date),
        Field(name="updated_at", show=as_date),
        Field(name="links", column=None, show=as_links),
    ),
    listed=("uuid", "position", "links"),
    since=50,
    early_write=405,
    has_names=True,
    has_detail=False,
    is_of_node=True,
    filters={**NODE_FILTERS, "label": Filter(rows=_with_label, since=60, is_below=True)},
    parents=(BELOW_NODES,),
    on_create=_record,
    on_patch=_keep_fixed,
    on_delete=_keep_full,
)
PATH = "/v1/racks/slots"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    routes = routes_of(SLOTS)
    monkeypatch.setattr("controller.api.app.ROUTES", (*ROUTES, *routes))
    free = {(route.method, route.path): Free() for route in routes}
    monkeypatch.setattr("controller.api.access.guarded.GUARDED", {**GUARDED, **free})
    made = make_api(tmp_path)
    _Base.metadata.create_all(made.services.store.engine)
    for name in ("one", "two"):
        made.node(name=name)
    yield made
    made.services.store.close()


def _make(api: Api, node: str, **sent: Any) -> dict[str, Any]:
    uuid = api.ok("GET", f"/v1/nodes/{node}")["uuid"]
    made = api.ok("POST", PATH, {"node_uuid": uuid, **sent})
    assert isinstance(made, dict)
    return made


def _patch(field: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/{field}", "value": value}]


def test_it_is_made_shown_listed_changed_and_deleted(api: Api) -> None:
    made = _make(api, "one", name="left", position=3, label="x")
    assert made["links"][0]["href"].endswith(f"{PATH}/{made['uuid']}")
    assert api.ok("GET", f"{PATH}/left") == api.ok("GET", f"{PATH}/{made['uuid']}") == made
    (listed,) = api.ok("GET", PATH)["slots"]
    assert listed == {name: made[name] for name in ("uuid", "position", "links")}
    assert api.ok("GET", f"{PATH}?detail=true")["slots"] == [made]
    assert "detail could not be found" in api.error(404, "GET", f"{PATH}/detail")
    assert api.ok("PATCH", f"{PATH}/left", _patch("position", 4))["position"] == 4
    api.ok("DELETE", f"{PATH}/left")
    assert "Slot left could not be found" in api.error(404, "GET", f"{PATH}/left")


def test_its_lists_are_chosen_by_arguments_and_by_parents(api: Api) -> None:
    first = _make(api, "one", position=1, label="x")["uuid"]
    second = _make(api, "two", position=1, label="y")["uuid"]

    def found(path: str) -> list[str]:
        return [one["uuid"] for one in api.ok("GET", path)["slots"]]

    assert found(PATH) == [first, second]
    assert found(f"{PATH}?label=y") == found(f"{PATH}?node=two") == [second]
    assert found("/v1/nodes/one/racks/slots") == [first]
    assert not found("/v1/nodes/one/racks/slots?label=y")
    assert found(f"{PATH}?sort_key=label&sort_dir=desc&limit=1") == [second]
    assert "node" in api.error(400, "GET", "/v1/nodes/one/racks/slots?node=two")
    assert "could not be found" in api.error(404, "GET", "/v1/nodes/three/racks/slots")
    assert "1.60" in api.error(406, "GET", f"{PATH}?label=y", version="1.59")


def test_whatever_its_table_has_once_is_taken_once(api: Api) -> None:
    made = _make(api, "one", name="left", position=1)
    node = made["node_uuid"]
    for sent, words in (
        ({"uuid": made["uuid"]}, f"UUID {made['uuid']}"),
        ({"name": "left"}, "name left"),
        ({"position": 1}, "position 1"),
    ):
        said = api.error(409, "POST", PATH, {"node_uuid": node, **sent})
        assert f"A slot with {words} already exists (on node {node})" in said
    other = _make(api, "two", name="right", position=1)
    place = f"{PATH}/{other['uuid']}"
    assert "name left" in api.error(409, "PATCH", place, _patch("name", "left"))
    assert "position 1" in api.error(409, "PATCH", place, _patch("node_uuid", node))
    assert "node_uuid" in api.error(400, "PATCH", place, _patch("node_uuid", "x"))
    assert NOBODY in api.error(400, "PATCH", place, _patch("node_uuid", NOBODY))
    assert NOBODY in api.error(400, "POST", PATH, {"node_uuid": NOBODY})
    assert api.ok("PATCH", place, _patch("name", "right"))["name"] == "right"
    assert [one["uuid"] for one in api.ok("GET", PATH)["slots"]] == [made["uuid"], other["uuid"]]


def test_a_rule_that_refuses_leaves_nothing_behind(api: Api) -> None:
    node = api.ok("GET", "/v1/nodes/one")["uuid"]
    before = api.ok("GET", "/v1/nodes/one/history")["history"]
    bad = {"node_uuid": node, "label": "bad"}
    assert "no bad slots" in api.error(409, "POST", PATH, bad)
    assert not api.ok("GET", PATH)["slots"]
    assert api.ok("GET", "/v1/nodes/one/history")["history"] == before
    _make(api, "one", name="left", label="fixed")
    assert len(api.ok("GET", "/v1/nodes/one/history")["history"]) == len(before) + 1
    patch = [*_patch("name", "right"), *_patch("position", 9)]
    assert "slot 0 stays" in api.error(409, "PATCH", f"{PATH}/left", patch)
    assert api.ok("PATCH", f"{PATH}/left", _patch("position", 0))["position"] == 0
    api.ok("PATCH", f"{PATH}/left", _patch("label", "full"))
    assert "full" in api.error(403, "DELETE", f"{PATH}/left")


def test_an_item_changes_only_while_its_node_may(api: Api) -> None:
    made = _make(api, "one", name="left")
    api.set_row("one", provision_state="cleaning", target_provision_state="available")
    api.set_work("one", stage="clean.start")
    for method, path, body in (
        ("POST", PATH, {"node_uuid": made["node_uuid"], "position": 7}),
        ("PATCH", f"{PATH}/left", _patch("position", 7)),
        ("DELETE", f"{PATH}/left", None),
    ):
        assert "is locked" in api.error(409, method, path, body)
    assert api.ok("GET", f"{PATH}/left") == made


def test_before_its_version_nothing_of_it_is_there(api: Api) -> None:
    for method, path, body, status in (
        ("GET", PATH, None, 404),
        ("GET", f"{PATH}/x", None, 404),
        ("GET", "/v1/nodes/one/racks/slots", None, 404),
        ("POST", PATH, {}, 405),
        ("PATCH", f"{PATH}/x", [], 405),
        ("DELETE", f"{PATH}/x", None, 405),
    ):
        assert "needs API version 1.50" in api.error(status, method, path, body, version="1.49")
