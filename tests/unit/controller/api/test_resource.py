"""A resource's description is held against its table, and everything is made of it: columns, documents, creations, patches."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.secret_names import MASK
from controller.api.access.principal import EVERYBODY
from controller.api.call import Call
from controller.api.nodes.fields import NODES
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resource.shapes import as_date, as_links, as_stored
from controller.api.resource.values import created_values, parsed_patch, patched_values
from controller.api.resources.chassis import CHASSIS
from controller.api.resources.ports import PORTS
from controller.api.routes import RESOURCES
from controller.errors import Invalid, NotAcceptable
from controller.store.chassis import Chassis
from controller.store.tables import Node

NODE = "1be26c0b-03f2-4d2e-ae87-c02d7f33c123"
ALL = (NODES, *RESOURCES)
GOOD: dict[str, dict[str, Any]] = {
    "node": {"driver": "fake-hardware"},
    "chassis": {},
    "port": {"address": "52:54:00:00:00:01", "node_uuid": NODE},
    "portgroup": {"node_uuid": NODE},
    "volume connector": {"type": "iqn", "connector_id": "iqn.a", "node_uuid": NODE},
    "volume target": {
        "volume_type": "iscsi",
        "volume_id": "v",
        "boot_index": 0,
        "node_uuid": NODE,
    },
    "deploy template": {
        "name": "CUSTOM_A",
        "steps": [{"interface": "deploy", "step": "burn", "args": {}, "priority": 50}],
    },
    "runbook": {"name": "a", "steps": [{"interface": "deploy", "step": "burn", "order": 1}]},
    "image": {"name": "a"},
    "inspection rule": {"actions": [{"op": "fail", "args": {"msg": "no"}}]},
}
"""By kind: what a creation needs at least."""


def call(minor: int = 115) -> Call:
    return Call(
        services=None,  # type: ignore[arg-type]  # nobody asks for them
        minor=minor,
        base_url="http://here",
        path="/v1/things",
        query={},
        sender="192.0.2.1",
        principal=EVERYBODY,
        read_json=lambda: None,
    )


@pytest.mark.parametrize(
    ("fields", "listed", "words"),
    [
        ((Field(name="uuid"), Field(name="colour")), ("uuid",), "no column colour"),
        ((Field(name="uuid"), Field(name="x", column="token")), (), "no column token"),
        ((Field(name="uuid"), Field(name="x", column=None, also=("y",))), (), "no column y"),
        ((Field(name="uuid"), Field(name="uuid")), (), "there twice"),
        ((Field(name="uuid"),), ("uuid", "description"), "listed and not there"),
    ],
)
def test_a_description_that_does_not_fit_its_table_ends_the_start(
    fields: tuple[Field, ...], listed: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Resource(path="chassis", kind="chassis", table=Chassis, fields=fields, listed=listed)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: str(one.kind))
def test_every_column_of_the_table_is_a_field_or_is_the_tables_own(resource: Resource) -> None:
    columns = set(resource.table.__table__.columns.keys())
    assert columns - {one.source for one in resource.fields} <= {"id", "node_id"}


@pytest.mark.parametrize("resource", ALL, ids=lambda one: str(one.kind))
def test_a_document_reads_only_the_columns_that_it_shows(resource: Resource) -> None:
    assert set(resource.columns(["links"])) == {"uuid"}
    for one in resource.fields:
        assert set(resource.columns([one.name])) == {"uuid", *one.sources}


def test_what_is_sealed_is_shown_with_its_secrets_masked_unless_the_field_says_otherwise() -> None:
    sent = {"password": "s3cr3t", "size": 1}
    row = Node(uuid="u", extra=sent, properties=sent)
    fields = (Field(name="uuid"), Field(name="extra"), Field(name="properties", show=as_stored))
    one = replace(NODES, fields=fields, listed=("uuid",))
    shown = {name: get(row) for name, get in one.getters(call(), list(one.by_name)).items()}
    assert shown["extra"] == {"password": MASK, "size": 1}
    assert shown["properties"] == sent
    for name in ("agent_secret", "config_drive"):
        with pytest.raises(ValueError, match=f"{name} would show a secret"):
            replace(NODES, fields=(*fields, Field(name=name)), listed=("uuid",))


def test_dates_and_links_are_made_and_the_rest_is_as_stored() -> None:
    fields = (
        Field(name="uuid"),
        Field(name="created_at", show=as_date),
        Field(name="links", column=None, show=as_links),
    )
    one = replace(CHASSIS, fields=fields, listed=("uuid",))
    row = Chassis(uuid="u", created_at=0.0)
    made = {name: get(row) for name, get in one.getters(call(), list(one.by_name)).items()}
    assert made["uuid"] == "u"
    assert made["created_at"] == "1970-01-01T00:00:00+00:00"
    sent = msgspec.json.decode(msgspec.json.encode(made["links"]))
    assert sent[0] == {"href": "http://here/v1/chassis/u", "rel": "self"}


@pytest.mark.parametrize("resource", ALL, ids=lambda one: str(one.kind))
def test_a_creation_without_anything_more_has_every_default(resource: Resource) -> None:
    values = created_values(call(), resource, GOOD[resource.kind])
    assert set(values) == set(resource.settable())
    document = "extra" if "extra" in values else "conditions"
    assert not values[document]
    again = created_values(call(), resource, GOOD[resource.kind])
    assert values[document] is not again[document]


def test_what_is_required_must_be_given_and_stays() -> None:
    for missing in ("address", "node_uuid"):
        body = {name: value for name, value in GOOD["port"].items() if name != missing}
        with pytest.raises(Invalid, match=f"{missing} is required to create a port"):
            created_values(call(), PORTS, body)
        null = [{"op": "replace", "path": f"/{missing}", "value": None}]
        with pytest.raises(Invalid, match=missing):
            patched_values(PORTS, parsed_patch(call(), PORTS, null), {})
    address, node = (
        parsed_patch(call(), PORTS, [{"op": "remove", "path": f"/{name}"}])
        for name in ("address", "node_uuid")
    )
    with pytest.raises(Invalid, match="address of a port cannot be removed"):
        patched_values(PORTS, address, {})
    assert patched_values(PORTS, node, {}) == {}


def test_newer_fields_are_not_acceptable_and_unknown_ones_are_named() -> None:
    with pytest.raises(NotAcceptable, match=r"vendor needs API version 1\.100"):
        created_values(call(99), PORTS, GOOD["port"] | {"vendor": "x"})
    with pytest.raises(
        Invalid, match="A chassis cannot be created with colour; valid fields: desc"
    ):
        created_values(call(), CHASSIS, {"colour": "red"})
    with pytest.raises(Invalid, match="Cannot patch /created_at"):
        parsed_patch(call(), CHASSIS, [{"op": "replace", "path": "/created_at", "value": NODE}])


def test_a_text_that_its_column_cannot_hold_is_refused() -> None:
    with pytest.raises(Invalid, match="description may have 255 characters, not 256"):
        created_values(call(), CHASSIS, {"description": "x" * 256})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("resource", ALL, ids=lambda one: str(one.kind))
@pytest.mark.parametrize("act", [created_values, None], ids=["create", "patch"])
@given(data=st.data())
def test_whatever_a_client_sends_is_stored_or_refused_with_words(
    resource: Resource, act: Callable[..., Any] | None, data: st.DataObject
) -> None:
    names = st.sampled_from(resource.settable())
    body = data.draw(st.dictionaries(names, ANYTHING, max_size=3))
    said = "nothing"
    try:
        if act is not None:
            created_values(call(), resource, GOOD[resource.kind] | body)
        else:
            document = [{"op": "add", "path": f"/{name}", "value": v} for name, v in body.items()]
            patched_values(resource, parsed_patch(call(), resource, document), {})
    except Invalid as error:
        said = str(error)
    assert said
