"""The description of the API says everything that there is, and nothing that is not."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from controller.api.nodes.fields import NODES
from controller.api.resource.description import Resource
from controller.api.routes import RESOURCES, ROUTES, description

DOCUMENT = description()
SCHEMAS = DOCUMENT["components"]["schemas"]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)


def test_every_route_is_an_operation_with_its_parameters() -> None:
    for route in ROUTES:
        path = route.path.replace("<", "{").replace(">", "}")
        one = DOCUMENT["paths"][path][route.method.lower()]
        assert one["summary"] == route.sentence
        named = {p["name"] for p in one["parameters"] if p.get("in") == "path"}
        assert named == set(re.findall("<([^>]+)>", route.path))
    assert sum(map(len, DOCUMENT["paths"].values())) == len(ROUTES)
    assert len({route.path + route.method for route in ROUTES}) == len(ROUTES)


def test_every_reference_leads_to_something() -> None:
    for reference in _references(DOCUMENT):
        where: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            where = where[part]


@pytest.mark.parametrize("resource", [NODES, *RESOURCES], ids=lambda one: str(one.name))
def test_a_resource_is_described_by_its_fields(resource: Resource) -> None:
    shown = SCHEMAS[resource.name]["properties"]
    assert list(shown) == [one.name for one in resource.fields]
    assert set(SCHEMAS[f"{resource.name}.create"]["properties"]) == set(resource.settable())
    assert {one for one in shown if "x-patchable" in shown[one]} == set(resource.patchable())
    assert {one for one in shown if "x-sortable" in shown[one]} == set(resource.sortable())


def test_dates_links_secrets_and_columns_have_their_types() -> None:
    node = SCHEMAS["node"]["properties"]
    assert node["created_at"]["format"] == "date-time"
    assert node["driver_info"]["type"] == node["extra"]["type"] == ["object"]
    assert "array" in SCHEMAS["runbook"]["properties"]["steps"]["type"]
    assert node["maintenance"]["type"] == "boolean"
    assert node["name"]["type"] == ["string", "null"]
    assert node["ports"]["allOf"] == [{"$ref": "#/components/schemas/links"}]
    created = SCHEMAS["node.create"]
    assert created["required"] == ["driver"]
    assert created["properties"]["resource_class"]["maxLength"] == 80


def test_a_list_says_which_fields_it_shows_and_is_sorted_by() -> None:
    (get,) = DOCUMENT["paths"]["/v1/nodes/detail"].values()
    arguments = {one["name"]: one for one in get["parameters"] if one.get("in") == "query"}
    assert arguments["sort_key"]["schema"]["enum"] == ["id", *NODES.sortable()]
    assert "fields" not in arguments
    listed = DOCUMENT["paths"]["/v1/nodes"]["get"]["parameters"]
    (fields,) = [one for one in listed if one.get("name") == "fields"]
    assert fields["schema"]["items"]["enum"] == list(NODES.by_name)


def test_the_request_of_a_verb_is_described_by_its_struct() -> None:
    (put,) = DOCUMENT["paths"]["/v1/nodes/{ident}/states/provision"].values()
    schema = put["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/ProvisionRequest"}
    assert SCHEMAS["ProvisionRequest"]["required"] == ["target"]


WITHOUT_BODY = ("inject_nmi", "traits/<trait>")
WITHOUT_REPLY = ("vendor_passthru", "vendor_passthru/<name>", "vendor_passthru/<method>")


def test_every_route_says_what_it_takes_and_gives() -> None:
    for route in ROUTES:
        where = f"{route.method} {route.path}"
        takes = route.method in ("POST", "PUT", "PATCH") and not route.path.endswith(WITHOUT_BODY)
        assert bool(route.takes) == takes, where
        if route.method == "GET":
            assert route.gives or route.path.endswith(WITHOUT_REPLY), where


def test_orders_and_answers_are_described_by_their_types() -> None:
    power = SCHEMAS["PowerOrder"]
    assert power["required"] == ["target"]
    assert not power["additionalProperties"]
    assert "soft rebooting" in SCHEMAS["PowerAction"]["enum"]
    validate = DOCUMENT["paths"]["/v1/nodes/{ident}/validate"]["get"]["responses"]["200"]
    (content,) = validate["content"].values()
    check = {"$ref": "#/components/schemas/InterfaceCheck"}
    assert content["schema"] == {"type": "object", "additionalProperties": check}
    lookup = DOCUMENT["paths"]["/v1/lookup"]["get"]["parameters"]
    assert [one.get("name") for one in lookup] == ["addresses", "node_uuid", None]
    maintenance = DOCUMENT["paths"]["/v1/nodes/{ident}/maintenance"]["put"]
    assert not maintenance["requestBody"]["required"]
    assert "202" in maintenance["responses"]


def test_states_are_some_of_a_nodes_fields() -> None:
    states, node = (SCHEMAS[name]["properties"] for name in ("node.states", "node"))
    assert states.items() <= node.items()
    assert "power_state" in states
