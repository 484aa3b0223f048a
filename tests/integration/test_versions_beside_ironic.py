"""What a request gets at its microversion and one too early, for every route, field and sort key: as from real Ironic."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from controller.api.nodes.fields import NODES
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resources.conductors import CONDUCTORS
from controller.api.resources.drivers import DRIVERS
from controller.api.route import Route
from controller.api.routes import RESOURCES, ROUTES
from tests.bench.servers.start import has_real_ironic, real_ironic
from tests.integration.controller_api import Api, make_api

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic"),
]
_OTHERWISE = {
    "GET /v1/nodes/<ident>/children": "Ironic answers 500",
    "GET /v1/nodes/<ident>/management/indicators": "Ironic has no gate",
    "PUT /v1/nodes/<ident>/states/boot_mode": "Ironic misses ?target= first",
    "PUT /v1/nodes/<ident>/states/secure_boot": "Ironic misses ?target= first",
}
"""Routes that differ, and why."""
_GATED = [
    route
    for route in ROUTES
    if route.since > 1 and f"{route.method} {route.path}" not in _OTHERWISE
]
_NODE = "1be26c0b-03f2-4d2e-ae87-c02d7f33c123"


@pytest.fixture(scope="module")
def ironic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real_ironic(tmp_path_factory.mktemp("ironic")) as server:
        _answer(server.url, "POST", "/v1/nodes", 115, {"driver": "fake-hardware", "uuid": _NODE})
        yield server.url


@pytest.fixture
def api(tmp_path: Path) -> Api:
    made = make_api(tmp_path)
    made.node(uuid=_NODE)
    return made


def _answer(url: str, method: str, path: str, minor: int, body: object = None) -> int:
    headers = {"X-OpenStack-Ironic-API-Version": f"1.{minor}"}
    return requests.request(
        method, f"{url}{path}", json=body, headers=headers, timeout=60
    ).status_code


def _path(route: Route) -> str:
    return re.sub("<[^>]+>", _NODE, route.path)


def _body(route: Route) -> object:
    return {"GET": None, "DELETE": None, "PATCH": []}.get(route.method, {})


def test_every_route_that_came_later_is_refused_before_as_ironic_does(
    api: Api, ironic: str
) -> None:
    differing = []
    for route in _GATED:
        asked = (route.method, _path(route))
        theirs = _answer(ironic, *asked, route.since - 1, _body(route))
        ours = api.call(*asked, _body(route), version=f"1.{route.since - 1}").status_code
        if ours != theirs:
            differing.append((*asked, f"1.{route.since - 1}", f"{ours}, Ironic {theirs}"))
    assert not differing


_SHOWN = (NODES, CONDUCTORS, DRIVERS, *RESOURCES)
_OURS = frozenset(
    {"progress", "stage", "stage_started_at", "stage_deadline_at", "status_text"}
    | {"image_receipt", "burnin"}
)
_NEWER = {"portgroups": ("physical_network", "category"), "runbooks": ("description", "traits")}
_LENIENT = (
    "fields=internal_info",
    *(
        f"{path}?{argument}={name}"
        for argument in ("fields", "sort_key")
        for path, names in _NEWER.items()
        for name in names
    ),
    *("runbooks?fields=description", "runbooks?fields=traits"),  # as long as it has no runbook
    "runbooks?sort_key=description",
)
"""Ironic takes these before their version."""
_NOT_SORTED = ("_interface", "=health")
"""Ironic has a column for each of these."""


def _versions(resource: Resource, one: Field) -> tuple[int, ...]:
    since = max(one.since, resource.since, resource.fields_since)
    return tuple(minor for minor in (since - 1, since, 115) if minor >= resource.since)


def _differing(api: Api, ironic: str, argument: str, resource: Resource) -> list[str]:
    """Return where Ironic takes a field or does not have it yet, and we do otherwise; it also fails at some that it has."""
    found = []
    for one in resource.fields:
        asked = f"{argument}={one.name}"
        if one.name in _OURS or (argument == "sort_key" and asked.endswith(_NOT_SORTED)):
            continue
        for minor in _versions(resource, one):
            path = f"/v1/{resource.path}?{asked}"
            theirs = _answer(ironic, "GET", path, minor)
            ours = api.call("GET", path, version=f"1.{minor}").status_code
            if ours != theirs and theirs in {200, 406} and not path.endswith(_LENIENT):
                found.append(f"{path} at 1.{minor}: {ours}, Ironic {theirs}")
    return found


@pytest.mark.parametrize("resource", _SHOWN, ids=lambda one: str(one.key))
def test_every_field_can_be_asked_for_when_ironic_has_it(
    api: Api, ironic: str, resource: Resource
) -> None:
    differing = _differing(api, ironic, "fields", resource)
    assert not differing


@pytest.mark.parametrize("resource", [NODES, CONDUCTORS, *RESOURCES], ids=lambda one: str(one.key))
def test_lists_are_sorted_by_what_ironic_sorts_by(
    api: Api, ironic: str, resource: Resource
) -> None:
    differing = _differing(api, ironic, "sort_key", resource)
    assert not differing
