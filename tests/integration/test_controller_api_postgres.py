"""The API on PostgreSQL: what depends on the database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.controller_api import Api, make_api
from tests.integration.databases import new_database
from tests.integration.postgres_server import postgres_server

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def api(url: str, tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path, database_url=new_database(url))
    yield made
    made.services.store.close()


def names(api: Api, query: str) -> list[str]:
    return [node["name"] for node in api.ok("GET", f"/v1/nodes?{query}")["nodes"]]


def test_pages_put_null_first_and_lose_nothing(api: Api) -> None:
    uuids = {}
    for number, owner in enumerate([None, "b", "a", None, "b"]):
        uuids[f"n{number}"] = api.node(name=f"n{number}", owner=owner)["uuid"]
    assert names(api, "sort_key=owner") == ["n0", "n3", "n2", "n1", "n4"]
    assert names(api, f"sort_key=owner&marker={uuids['n3']}") == ["n2", "n1", "n4"]
    assert names(api, f"sort_key=owner&sort_dir=desc&marker={uuids['n2']}") == ["n3", "n0"]


def test_filters_and_patches_work(api: Api) -> None:
    node = api.node(name="a", description="100% A", conductor_group="Rack1")
    api.node(name="b", parent_node="a")
    assert names(api, "description_contains=0%25 a") == ["a"]
    assert names(api, "conductor_group=rack1&maintenance=false&associated=false") == ["a"]
    assert names(api, "include_children=true") == ["a", "b"]
    path = f"/v1/nodes/{node['uuid']}"
    api.ok("PATCH", path, [{"op": "add", "path": "/extra/deep", "value": {"x": [1]}}])
    assert api.ok("GET", path)["extra"] == {"deep": {"x": [1]}}
    port = api.ok("POST", "/v1/ports", {"node_uuid": node["uuid"], "address": "52:54:00:00:00:01"})
    api.ok("PATCH", f"/v1/ports/{port['uuid']}", [{"op": "add", "path": "/name", "value": "p"}])
    assert api.ok("GET", "/v1/ports/p")["node_uuid"] == node["uuid"]
    assert {one["name"] for one in api.ok("GET", "/v1/shards")["shards"]} == {"None"}
    api.ok("DELETE", "/v1/nodes/b")
    api.ok("DELETE", path)
    assert api.ok("GET", "/v1/ports")["ports"] == []


def test_groups_volumes_and_vifs_are_kept_and_go_with_their_node(api: Api) -> None:
    node = api.node(name="a", network_interface="flat")["uuid"]
    whose = {"node_uuid": node}
    group = api.ok("POST", "/v1/portgroups", whose | {"name": "bond"})["uuid"]
    assert "already exists" in api.error(409, "POST", "/v1/portgroups", whose | {"name": "bond"})
    member = {"address": "52:54:00:00:00:01", "portgroup_uuid": group, "physical_network": "p"}
    api.ok("POST", "/v1/ports", whose | member)
    assert api.ok("GET", "/v1/portgroups/bond")["physical_network"] == "p"
    assert len(api.ok("GET", "/v1/portgroups/bond/ports")["ports"]) == 1
    api.ok("POST", "/v1/nodes/a/vifs", {"id": "v"})
    assert api.ok("GET", "/v1/nodes/a/vifs") == {"vifs": [{"id": "v"}]}
    connector = whose | {"type": "ip", "connector_id": "192.0.2.1"}
    api.ok("POST", "/v1/volume/connectors", connector)
    assert "192.0.2.1" in api.error(409, "POST", "/v1/volume/connectors", connector)
    target = whose | {"volume_type": "iscsi", "volume_id": "v", "boot_index": 0}
    api.ok("POST", "/v1/volume/targets", target | {"properties": {"auth_password": "geheim"}})
    assert "boot_index 0" in api.error(409, "POST", "/v1/volume/targets", target)
    api.ok("DELETE", "/v1/nodes/a")
    for path in ("portgroups", "volume/connectors", "volume/targets", "ports"):
        assert api.ok("GET", f"/v1/{path}")[path.rpartition("/")[2]] == []


def test_of_many_that_want_one_name_one_gets_it(api: Api) -> None:
    def create(_number: int) -> int:
        return api.call("POST", "/v1/nodes", {"driver": "ipmi", "name": "one"}).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(create, range(16)))
    assert codes == [201] + [409] * 15


def test_patches_at_once_lose_nothing(api: Api) -> None:
    path = f"/v1/nodes/{api.node()['uuid']}"

    def add(number: int) -> int:
        patch = [{"op": "add", "path": f"/extra/k{number}", "value": number}]
        return api.call("PATCH", path, patch).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(add, range(24))) == {200}
    assert len(api.ok("GET", path)["extra"]) == 24
