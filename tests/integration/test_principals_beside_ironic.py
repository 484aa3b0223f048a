"""Who may do what: every route, asked for by every kind of principal, of nodes of every kind, here and in the real Ironic.

What is compared is what the rules decide: forbidden (403), not there (404), or let through. Bodies are such that what is let
through changes little: a verb that there is not, a value that is refused later.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from controller.api.nodes.fields import NODES
from controller.api.routes import ROUTES
from tests.integration.beside_ironic import BESIDE_IRONIC, Beside
from tests.integration.principals import (
    ADMIN,
    EVERYONE,
    FOREIGN,
    LESSEE,
    OWNER,
    Who,
    with_principals,
)

pytestmark = [*BESIDE_IRONIC]

NOBODYS = "00000000-0000-4000-8000-000000000000"
OURS = (
    *("/openapi.json", "certificate", "/healthcheck", "/v1/lookup", "heartbeat", "continue_"),
    "<ident>/console",
    "<ident>/sensors",
    "<ident>/bmc_log",
)
NODE, ON_NODE = "/v1/nodes/<ident>", "/v1/nodes/<ident>/"
BODIES: dict[str, Any] = {
    "states/provision": {"target": "nonsense"},
    "states/power": {"target": "nonsense"},
    "states/raid": {"logical_disks": [{"size_gb": 1, "raid_level": "1"}]},
    "states/boot_mode": {"target": "nonsense"},
    "states/secure_boot": {"target": True},
    "states/console": {"enabled": True},
    "management/indicators/<indicator>": {"state": "on"},
    "maintenance": {"reason": "why"},
    "management/boot_device": {"boot_device": "nonsense"},
    "traits": {"traits": ["CUSTOM_A"]},
    "vifs": {"id": "9a4b3cf5-1b9b-4c08-a6a5-9d0ff0dd4bb5"},
    "vmedia": {"device_type": "cdrom", "image_url": "http://127.0.0.1:9/x.iso"},
}
PATCHED: dict[str, Any] = {
    "chassis_uuid": NOBODYS,
    "parent_node": NOBODYS,
    "instance_uuid": "9a4b3cf5-1b9b-4c08-a6a5-9d0ff0dd4bb5",
    "driver": "fake-hardware",
    "maintenance": True,
    "protected": True,
    "retired": True,
    "automated_clean": False,
    "disable_power_off": True,
    "owner": OWNER,
    "lessee": LESSEE,
    "name": None,
    "network_data": {"links": [], "networks": [], "services": []},
    **{name: {} for name in ("driver_info", "extra", "instance_info", "properties")},
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with with_principals(tmp_path_factory.mktemp("principals")) as found:
        yield found


def decided(
    beside: Beside,
    who: Who,
    method: str,
    path: str,
    body: Any = None,
    about: str = "",
    *,
    may_hide: bool = False,
) -> str:
    """Compare what the rules decide, and return what Ironic's do; ``may_hide``: ours may not tell that it is there."""
    ours, theirs = beside.ask(method, path, body, headers=who.headers)
    verdicts = [_verdict(said.status) for said in (ours, theirs)]
    is_hidden = may_hide and verdicts[0] == "not there"
    if verdicts[0] != verdicts[1] and not is_hidden:
        what = f"{who.name}: {method} {path} {body or ''} {about}"
        beside.differences.append(f"{what}: {ours.status}, theirs {theirs.status}")
    return verdicts[1]


def _verdict(status: int) -> str:
    # Ironic has 500 where a project asks for what only the system has: oslo.policy's error has no status of its own there.
    return {403: "forbidden", 500: "forbidden", 404: "not there"}.get(status, "passes")


def below_node(node: str) -> list[tuple[str, str, Any]]:
    """Return the requests of all routes below a node, those that take something away at the end."""
    found = []
    for route in ROUTES:
        if route.path.startswith(ON_NODE) and not any(word in route.path for word in OURS):
            below = route.path.removeprefix(ON_NODE)
            path = f"/v1/nodes/{node}/{_filled(below)}"
            path += "?method=nonsense" if path.endswith("vendor_passthru") else ""
            body = BODIES.get(below) if route.method in ("PUT", "POST") else None
            found.append((route.method, path, body))
    return sorted(found, key=lambda one: one[0] == "DELETE")


def _filled(path: str) -> str:
    for name, value in {
        "<trait>": "CUSTOM_A",
        "<vif>": "9a4b3cf5-1b9b-4c08-a6a5-9d0ff0dd4bb5",
        "<event>": NOBODYS,
        "<indicator>": "led@chassis",
        "<setting>": "numlock",
        "<name>": "nonsense",
    }.items():
        path = path.replace(name, value)
    return path


USUAL = (Who("member", OWNER), Who("reader", FOREIGN))
"""Those that every run compares; ``make test-interop`` compares everyone."""


@pytest.fixture(
    params=[
        pytest.param(who, marks=() if who in USUAL else pytest.mark.long, id=who.name)
        for who in EVERYONE
    ]
)
def who(request: pytest.FixtureRequest) -> Who:
    found: Who = request.param
    return found


@pytest.fixture(params=["leased", "nobody's"])
def node(request: pytest.FixtureRequest, beside: Beside) -> str:
    owners = {"owner": OWNER, "lessee": LESSEE} if request.param == "leased" else {}
    return beside.node(**owners)


def test_every_route_below_a_node(beside: Beside, who: Who, node: str) -> None:
    decided(beside, who, "GET", f"/v1/nodes/{node}")
    for method, path, body in below_node(node):
        decided(beside, who, method, path, body)
    decided(beside, who, "DELETE", f"/v1/nodes/{node}")


def test_every_field_of_a_node(beside: Beside, who: Who, node: str) -> None:
    for name in NODES.patchable():
        operation = {"op": "add", "path": f"/{name}", "value": PATCHED.get(name, "word")}
        decided(beside, who, "PATCH", f"/v1/nodes/{node}", [operation])
        beside.ask("PATCH", f"/v1/nodes/{node}", [{"op": "remove", "path": "/retired"}])


def test_nodes_that_are_created(beside: Beside, who: Who) -> None:
    for values in ({}, {"owner": OWNER}, {"owner": who.project or FOREIGN}, {"lessee": OWNER}):
        body = {"uuid": beside.uuid(), "driver": "fake-hardware"} | values
        decided(beside, who, "POST", "/v1/nodes", body)
        ours, theirs = beside.ask("GET", f"/v1/nodes/{body['uuid']}?fields=owner,lessee")
        assert ours == theirs, f"{who.name}: {ours}, theirs {theirs}"


def test_what_belongs_to_a_node(beside: Beside, who: Who, node: str) -> None:
    for collection, values in (
        ("ports", {"address": "52:54:00:00:00:{:02x}"}),
        ("portgroups", {}),
        ("volume/connectors", {"type": "iqn", "connector_id": "{}"}),
        ("volume/targets", {"volume_type": "iscsi", "volume_id": "{}", "boot_index": 0}),
    ):
        number = len(beside.uuid()) + beside.chance.randrange(200)
        body = {
            "node_uuid": node,
            **{k: v.format(number) if isinstance(v, str) else v for k, v in values.items()},
        }
        created = beside.uuid()
        decided(beside, who, "POST", f"/v1/{collection}", {"uuid": created, **body})
        decided(beside, who, "POST", f"/v1/{collection}", {**body, "node_uuid": NOBODYS})
        if beside.ask("GET", f"/v1/{collection}/{created}")[1].status == 404:
            assert (
                beside.ask("POST", f"/v1/{collection}", {"uuid": created, **body})[1].status < 300
            )
        decided(beside, who, "GET", f"/v1/{collection}/{created}")
        decided(beside, who, "GET", f"/v1/{collection}/{NOBODYS}")
        for value in (node, NOBODYS):
            move = [{"op": "replace", "path": "/node_uuid", "value": value}]
            decided(beside, who, "PATCH", f"/v1/{collection}/{created}", move)
        extra = [{"op": "add", "path": "/extra/a", "value": 1}]
        decided(beside, who, "PATCH", f"/v1/{collection}/{created}", extra)
        decided(beside, who, "DELETE", f"/v1/{collection}/{created}")
        beside.ask("DELETE", f"/v1/{collection}/{created}")


def test_what_belongs_to_the_system(beside: Beside, who: Who) -> None:
    for path in ("chassis", "deploy_templates", "inspection_rules", "conductors", "drivers"):
        decided(beside, who, "GET", f"/v1/{path}")
        decided(beside, who, "GET", f"/v1/{path}/{NOBODYS}")
    for path in ("shards", "volume", "drivers/fake-hardware/properties"):
        decided(beside, who, "GET", f"/v1/{path}")
    chassis = beside.uuid()
    decided(beside, who, "POST", "/v1/chassis", {"uuid": chassis})
    beside.ask("POST", "/v1/chassis", {"uuid": chassis})
    change = [{"op": "add", "path": "/description", "value": "x"}]
    decided(beside, who, "PATCH", f"/v1/chassis/{chassis}", change)
    decided(beside, who, "GET", f"/v1/chassis/{chassis}/nodes", may_hide=bool(who.project))
    decided(beside, who, "DELETE", f"/v1/chassis/{chassis}")
    beside.ask("DELETE", f"/v1/chassis/{chassis}")


def test_lists_show_what_the_project_has(beside: Beside, who: Who) -> None:
    owned = {"owner": OWNER}
    for values in (owned, {"lessee": LESSEE}, {"owner": FOREIGN}, {}):
        node = beside.node(**values)
        group = beside.uuid()
        beside.ask("POST", "/v1/portgroups", {"uuid": group, "node_uuid": node})
        allocation = {"uuid": beside.uuid(), "resource_class": "none", **values}
        allocation.pop("lessee", None)
        beside.ask("POST", "/v1/allocations", allocation)
        for path in (
            f"nodes/{node}/portgroups",
            f"nodes/{node}/ports",
            f"portgroups/{group}/ports",
        ):
            decided(beside, who, "GET", f"/v1/{path}")
        beside.ask("DELETE", f"/v1/portgroups/{group}")
    queries = ("", *(f"?project={one}" for one in (OWNER, LESSEE, FOREIGN)))
    for path in (
        *(f"nodes{query}" for query in queries),
        *("nodes/detail", "ports", "portgroups", "volume/connectors", "volume/targets"),
        *(f"allocations{query.replace('project', 'owner')}" for query in queries),
    ):
        kind = path.partition("?")[0].removesuffix("/detail").rpartition("/")[2]
        if kind == "allocations" and (who.role, bool(who.project)) == ("service", True):
            # Both rules let a service list its project's. Ironic asks its rule of one for each that it shows, and refuses the
            # list (403) as soon as there is one; ours shows it (docs/reference/rest-api.md).
            assert beside.ask("GET", f"/v1/{path}", headers=who.headers)[0].status in (200, 403)
            continue
        if decided(beside, who, "GET", f"/v1/{path}") != "passes":
            continue
        ours, theirs = beside.ask("GET", f"/v1/{path}", headers=who.headers)
        seen, wanted = ({one["uuid"] for one in said.document[kind]} for said in (ours, theirs))
        if seen != wanted:
            beside.differences.append(f"{who.name}: {path} has {len(seen)}, theirs {len(wanted)}")


def test_allocations(beside: Beside, who: Who, node: str) -> None:
    for owner in (None, OWNER, who.project or None):
        uuid = beside.uuid()
        body = {"uuid": uuid, "resource_class": "none", "candidate_nodes": [node]}
        decided(beside, who, "POST", "/v1/allocations", body | ({"owner": owner} if owner else {}))
        ours, theirs = beside.ask("GET", f"/v1/allocations/{uuid}?fields=owner")
        assert ours == theirs, f"{who.name}: {owner}: {ours}, theirs {theirs}"
        if theirs.status == 404:
            body |= {"owner": owner} if owner else {}
            beside.ask("POST", "/v1/allocations", body)
        decided(beside, who, "GET", f"/v1/allocations/{uuid}")
        change = [{"op": "add", "path": "/extra/a", "value": 1}]
        decided(beside, who, "PATCH", f"/v1/allocations/{uuid}", change)
        decided(beside, who, "DELETE", f"/v1/allocations/{uuid}")
        beside.ask("DELETE", f"/v1/allocations/{uuid}")
    if not who.project:  # Ironic answers 500 to some in projects
        decided(beside, who, "GET", f"/v1/allocations?node={node}")


def test_runbooks(beside: Beside, who: Who) -> None:
    steps = [{"interface": "deploy", "step": "burn", "args": {}, "order": 1}]
    for values in ({"owner": OWNER}, {"public": True}, {}, {"owner": who.project or None}):
        uuid = beside.uuid()
        body = {"uuid": uuid, "name": f"CUSTOM_{uuid[:8].upper()}", "steps": steps} | values
        decided(beside, who, "POST", "/v1/runbooks", body)
        ours, theirs = beside.ask("GET", f"/v1/runbooks/{uuid}?fields=owner,public")
        assert ours == theirs, f"{who.name}: {values}: {ours}, theirs {theirs}"
        if theirs.status == 404:
            beside.ask("POST", "/v1/runbooks", body)
        decided(beside, who, "GET", f"/v1/runbooks/{uuid}", about=str(values), may_hide=True)
        decided(beside, who, "GET", f"/v1/runbooks/{uuid}/traits", may_hide=True)
        decided(beside, who, "PUT", f"/v1/runbooks/{uuid}/traits/CUSTOM_A", may_hide=True)
        for name, value in (("extra", {}), ("owner", OWNER), ("public", False)):
            change: list[Any] = [{"op": "add", "path": f"/{name}", "value": value}]
            decided(beside, who, "PATCH", f"/v1/runbooks/{uuid}", change, may_hide=True)
        decided(beside, who, "DELETE", f"/v1/runbooks/{uuid}", may_hide=True)
        beside.ask("DELETE", f"/v1/runbooks/{uuid}")
    for query in ("", "?project=true"):
        decided(beside, who, "GET", f"/v1/runbooks{query}")


def test_fields_that_only_some_see(beside: Beside, who: Who) -> None:
    node = beside.node(owner=OWNER, lessee=LESSEE, driver_info={"a": "b"})
    beside.set_node(node, last_error="it broke")
    names = ("driver_info", "last_error", "reservation", "driver_internal_info")
    for path in (
        f"/v1/nodes/{node}",
        f"/v1/nodes?fields={','.join(names)}&owner={OWNER}",
        f"/v1/nodes/detail?owner={OWNER}",
    ):
        documents: list[dict[str, bool]] = []
        for said in beside.ask("GET", path, headers=who.headers):
            if said.document is None:
                documents.append({})
                continue
            found = said.document.get("nodes", [said.document])
            documents.append({name: _is_hidden(found[-1][name]) for name in names} if found else {})
        if documents[0] != documents[1]:
            beside.differences.append(f"{who.name}: {path}: {documents[0]}, theirs {documents[1]}")
    beside.ask("DELETE", f"/v1/nodes/{node}", headers=ADMIN.headers)


def _is_hidden(value: Any) -> bool:
    return "baremetal:node:get" in str(value)
