"""What a principal does not see is not there: wherever a request can name it, the answer is that of a name of nothing.

Each request is made twice, with the name of something that belongs to another project and with a name of nothing; status and
words must be the same but for the name. Beside the real Ironic: where it hides, we answer with its status.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from controller.api.routes import ROUTES
from tests.bench.servers.start import has_real_ironic
from tests.integration.basic_users import as_user, write_users
from tests.integration.beside_ironic import Beside
from tests.integration.controller_api import Api, make_api
from tests.integration.principals import ADMIN, EVERYONE, FOREIGN, OWNER, Who, with_principals

NOBODYS = "00000000-0000-4000-8000-000000000000"
STEP = {"interface": "deploy", "step": "burn", "args": {}, "order": 1}
CLEAN = {"interface": "deploy", "step": "wait", "args": {"seconds": 0.1}}
WHO = tuple(Who(role, FOREIGN) for role in ("admin", "manager", "member", "reader", "service"))
OWN = {
    "node": "11111111-1111-4111-8111-111111111111",
    "port": "11111111-1111-4111-8111-111111111112",
    "allocation": "11111111-1111-4111-8111-111111111113",
}
HIDDEN = {
    "node": "22222222-2222-4222-8222-222222222221",
    "port": "22222222-2222-4222-8222-222222222222",
    "group": "22222222-2222-4222-8222-222222222223",
    "connector": "22222222-2222-4222-8222-222222222224",
    "target": "22222222-2222-4222-8222-222222222225",
    "allocation": "22222222-2222-4222-8222-222222222226",
    "runbook": "22222222-2222-4222-8222-222222222227",
    "chassis": "22222222-2222-4222-8222-222222222228",
}
NAMES = {"node": "hidden-node", "group": "hidden-group", "runbook": "CUSTOM_HIDDEN"}
MADE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("chassis", {"uuid": HIDDEN["chassis"]}),
    ("nodes", {"uuid": OWN["node"], "driver": "fake-hardware", "owner": FOREIGN}),
    (
        "nodes",
        {
            "uuid": HIDDEN["node"],
            "name": NAMES["node"],
            "driver": "fake-hardware",
            "owner": OWNER,
            "chassis_uuid": HIDDEN["chassis"],
        },
    ),
    ("ports", {"uuid": OWN["port"], "node_uuid": OWN["node"], "address": "52:54:00:00:00:01"}),
    (
        "portgroups",
        {"uuid": HIDDEN["group"], "name": NAMES["group"], "node_uuid": HIDDEN["node"]},
    ),
    (
        "ports",
        {"uuid": HIDDEN["port"], "node_uuid": HIDDEN["node"], "address": "52:54:00:00:00:02"},
    ),
    (
        "volume/connectors",
        {
            "uuid": HIDDEN["connector"],
            "node_uuid": HIDDEN["node"],
            "type": "iqn",
            "connector_id": "x",
        },
    ),
    (
        "volume/targets",
        {
            "uuid": HIDDEN["target"],
            "node_uuid": HIDDEN["node"],
            "volume_type": "iscsi",
            "volume_id": "x",
            "boot_index": 0,
        },
    ),
    ("allocations", {"uuid": OWN["allocation"], "resource_class": "none", "owner": FOREIGN}),
    ("allocations", {"uuid": HIDDEN["allocation"], "resource_class": "none", "owner": OWNER}),
    (
        "runbooks",
        {"uuid": HIDDEN["runbook"], "name": NAMES["runbook"], "steps": [STEP], "owner": OWNER},
    ),
)


@dataclass(frozen=True, slots=True)
class Naming:
    """A request that names something of a kind: ``{}`` in the path or the body."""

    kind: str
    method: str
    path: str
    body: Any = None

    def filled(self, name: str) -> tuple[str, str, Any]:
        body = None if self.body is None else json.loads(json.dumps(self.body).replace("{}", name))
        return self.method, self.path.replace("{}", name), body

    def __str__(self) -> str:
        return f"{self.method} {self.path}{'' if self.body is None else f' {self.body}'}"


def _lists() -> Iterator[Naming]:
    for path in ("ports", "portgroups", "volume/connectors", "volume/targets"):
        yield Naming("node", "GET", f"/v1/{path}?node={{}}")
    for path in ("ports/detail", "portgroups/detail", "volume/targets?detail=true"):
        mark = "&" if "?" in path else "?"
        yield Naming("node", "GET", f"/v1/{path}{mark}node={{}}")
    yield Naming("node", "GET", "/v1/ports?node_uuid={}")
    yield Naming("node", "GET", "/v1/nodes?parent_node={}")
    yield Naming("node", "GET", "/v1/allocations?node={}")
    yield Naming("group", "GET", "/v1/ports?portgroup={}")
    yield Naming("group", "GET", "/v1/portgroups/{}/ports")
    for path in ("nodes?chassis_uuid={}", "nodes/detail?chassis_uuid={}", "chassis/{}/nodes"):
        yield Naming("chassis", "GET", f"/v1/{path}")
    for kind, path in (
        *(("node", "nodes"), ("port", "ports"), ("group", "portgroups")),
        *(("connector", "volume/connectors"), ("target", "volume/targets")),
        *(("allocation", "allocations"), ("runbook", "runbooks")),
    ):
        yield Naming(kind, "GET", f"/v1/{path}?marker={{}}")
        yield Naming(kind, "GET", f"/v1/{path}?marker={{}}&sort_key=created_at&sort_dir=desc")


def _bodies() -> Iterator[Naming]:
    for path, more in (
        ("ports", {"address": "52:54:00:00:00:03"}),
        ("portgroups", {}),
        ("volume/connectors", {"type": "iqn", "connector_id": "y"}),
        ("volume/targets", {"volume_type": "iscsi", "volume_id": "y", "boot_index": 1}),
    ):
        yield Naming("node", "POST", f"/v1/{path}", {"node_uuid": "{}", **more})
    yield Naming("node", "POST", "/v1/ports", {"node_ident": "{}", "address": "52:54:00:00:00:03"})
    grouped = {"node_uuid": OWN["node"], "address": "52:54:00:00:00:03", "portgroup_uuid": "{}"}
    yield Naming("group", "POST", "/v1/ports", grouped)
    node = {"driver": "fake-hardware"}
    yield Naming("node", "POST", "/v1/nodes", {**node, "parent_node": "{}"})
    yield Naming("chassis", "POST", "/v1/nodes", {**node, "chassis_uuid": "{}"})
    wish = {"resource_class": "none"}
    yield Naming("node", "POST", "/v1/allocations", {**wish, "candidate_nodes": ["{}"]})
    yield Naming("node", "POST", "/v1/allocations", {**wish, "node": "{}"})
    for kind, path, field in (
        ("node", f"ports/{OWN['port']}", "node_uuid"),
        ("group", f"ports/{OWN['port']}", "portgroup_uuid"),
        ("node", f"nodes/{OWN['node']}", "parent_node"),
        ("chassis", f"nodes/{OWN['node']}", "chassis_uuid"),
    ):
        change = [{"op": "add", "path": f"/{field}", "value": "{}"}]
        yield Naming(kind, "PATCH", f"/v1/{path}", change)
    provision = f"/v1/nodes/{OWN['node']}/states/provision"
    child = {**CLEAN, "execute_on_child_nodes": True, "limit_child_node_execution": ["{}"]}
    for target in ("clean", "nonsense"):
        yield Naming("node", "PUT", provision, {"target": target, "clean_steps": [child]})
        yield Naming("runbook", "PUT", provision, {"target": target, "runbook": "{}"})


def _paths() -> Iterator[Naming]:
    """Give every route with an item in its path."""
    kinds = {
        "nodes": "node",
        "ports": "port",
        "portgroups": "group",
        "allocations": "allocation",
        "volume/connectors": "connector",
        "volume/targets": "target",
        "runbooks": "runbook",
    }
    for route in ROUTES:
        place, _ident, below = route.path.removeprefix("/v1/").partition("/<ident>")
        if place not in kinds or "<ident>" not in route.path:
            continue
        path = f"/v1/{place}/{{}}{below}".replace("<trait>", "CUSTOM_A").replace("<vif>", NOBODYS)
        for name in ("event", "certificate"):
            path = path.replace(f"<{name}>", NOBODYS)
        for name in ("indicator", "setting", "name"):
            path = path.replace(f"<{name}>", "x")
        body = {"PUT": {"target": "x"}, "POST": {"id": NOBODYS}, "PATCH": []}.get(route.method)
        yield Naming(kinds[place], route.method, path, body)


EVERY = (*_lists(), *_bodies(), *_paths())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("hidden")
    users = write_users(folder, [who.name for who in EVERYONE])
    roles = folder / "roles"
    roles.write_text("".join(f"{who.line}\n" for who in EVERYONE))
    api = make_api(
        folder, auth_strategy="http_basic", htpasswd_file=str(users), roles_file=str(roles)
    )
    for path, body in MADE:
        reply = api.call("POST", f"/v1/{path}", body, headers=as_user(ADMIN.name))
        assert reply.status_code == 201, reply.get_data(as_text=True)
    yield api
    api.services.store.close()


def said(api: Api, who: Who, naming: Naming, name: str) -> tuple[int, str]:
    method, path, body = naming.filled(name)
    reply = api.call(method, path, body, headers=as_user(who.name))
    return reply.status_code, reply.get_data(as_text=True).replace(name, "<name>")


@pytest.mark.parametrize("who", WHO, ids=lambda who: who.name)
def test_a_hidden_thing_is_answered_like_one_that_is_not_there(api: Api, who: Who) -> None:
    differences = []
    for naming in EVERY:
        pairs = [(HIDDEN[naming.kind], NOBODYS)]
        if naming.kind in NAMES:
            name = NAMES[naming.kind]
            pairs.append((name, name[:-3] + "XYZ"))
        if who.role == "service" and naming.kind == "runbook":
            continue  # services see all runbooks, as in Ironic
        for hidden, missing in pairs:
            ours, nothing = said(api, who, naming, hidden), said(api, who, naming, missing)
            if ours != nothing:
                differences.append(f"{naming}: {ours}, of nothing {nothing}")
    assert not differences, "\n".join(differences)


def test_what_is_taken_does_not_say_by_whom(api: Api) -> None:
    body = {"node_uuid": OWN["node"], "address": "52:54:00:00:00:02"}
    headers = as_user(Who("admin", FOREIGN).name)
    words = api.error(409, "POST", "/v1/ports", body, headers=headers)
    assert HIDDEN["node"] not in words
    words = api.error(409, "POST", "/v1/ports", body, headers=as_user(ADMIN.name))
    assert HIDDEN["node"] in words


def test_who_sees_it_finds_it(api: Api) -> None:
    for who in (ADMIN, Who("reader", ""), Who("member", OWNER)):
        for naming in _lists():
            status = said(api, who, naming, HIDDEN[naming.kind])[0]
            assert status == 200, (who, naming, status)


def test_a_project_knows_the_chassis_of_its_nodes(api: Api) -> None:
    headers = as_user(Who("reader", OWNER).name)
    found = api.ok("GET", f"/v1/nodes?chassis_uuid={HIDDEN['chassis']}", headers=headers)
    assert [one["uuid"] for one in found["nodes"]] == [HIDDEN["node"]]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with with_principals(tmp_path_factory.mktemp("beside")) as found:
        for path, body in MADE:
            for one in found.ask("POST", f"/v1/{path}", body):
                assert one.status == 201, (path, one)
        yield found


@pytest.mark.interop
@pytest.mark.long
@pytest.mark.skipif(not has_real_ironic(), reason="make build/stamps/peer-ironic")
@pytest.mark.parametrize("who", WHO, ids=lambda who: who.name)
def test_we_answer_as_ironic_does_of_what_is_not_there(beside: Beside, who: Who) -> None:
    """Ironic itself says more: empty lists of hidden nodes, groups and chassis, and pages after hidden markers."""
    differences = []
    for naming in (*_lists(), *_bodies()):
        if naming.path.endswith("states/provision"):
            continue  # two faults at once, and each of us has its own order
        ours, _hidden = _statuses(beside, who, naming, HIDDEN[naming.kind])
        _ours, nothing = _statuses(beside, who, naming, NOBODYS)
        if ours != nothing:
            differences.append(f"{naming}: {ours}, theirs of nothing {nothing}")
    assert not differences, "\n".join(differences)


def _statuses(beside: Beside, who: Who, naming: Naming, name: str) -> tuple[int, int]:
    ours, theirs = beside.ask(*naming.filled(name), headers=who.headers)
    return ours.status, theirs.status
