"""Chassis through the API: as real Ironic answers, at every version."""

from uuid import uuid4

from tests.integration.controller_api import Api


def test_a_chassis_is_made_shown_listed_changed_and_deleted(api: Api) -> None:
    made = api.ok("POST", "/v1/chassis", {"description": "rack 1", "extra": {"row": 4}})
    assert (made["description"], made["extra"], made["updated_at"]) == ("rack 1", {"row": 4}, None)
    place = f"/v1/chassis/{made['uuid']}"
    assert made["links"][0]["href"].endswith(place)
    assert made["nodes"][0][0]["href"].endswith(f"{place}/nodes")
    assert api.ok("GET", place) == made
    (listed,) = api.ok("GET", "/v1/chassis")["chassis"]
    assert set(listed) == {"uuid", "description", "links"}
    assert api.ok("GET", "/v1/chassis/detail")["chassis"] == [made]
    patch = [
        {"op": "remove", "path": "/description"},
        {"op": "add", "path": "/extra/a", "value": 1},
    ]
    changed = api.ok("PATCH", place, patch)
    assert (changed["description"], changed["extra"]) == (None, {"row": 4, "a": 1})
    assert changed["updated_at"] is not None
    api.ok("DELETE", place)
    assert "could not be found" in api.error(404, "GET", place)


def test_nodes_lie_in_chassis_that_there_are(api: Api) -> None:
    one = api.ok("POST", "/v1/chassis", {})["uuid"]
    node = {"driver": "fake-hardware", "name": "n1", "chassis_uuid": one}
    assert api.ok("POST", "/v1/nodes", node)["chassis_uuid"] == one
    api.ok("POST", "/v1/nodes", {"driver": "fake-hardware", "name": "n2"})
    for path in (f"/v1/nodes?chassis_uuid={one}", f"/v1/chassis/{one}/nodes"):
        assert [each["name"] for each in api.ok("GET", path)["nodes"]] == ["n1"]
    (detailed,) = api.ok("GET", f"/v1/chassis/{one}/nodes/detail")["nodes"]
    assert detailed["driver"] == "fake-hardware"
    assert "contains nodes" in api.error(400, "DELETE", f"/v1/chassis/{one}")
    out = [{"op": "remove", "path": "/chassis_uuid"}]
    assert api.ok("PATCH", "/v1/nodes/n1", out)["chassis_uuid"] is None
    api.ok("DELETE", f"/v1/chassis/{one}")
    into = [{"op": "add", "path": "/chassis_uuid", "value": one}]
    assert f"Chassis {one} could not be found" in api.error(400, "PATCH", "/v1/nodes/n2", into)


def test_what_is_not_there_is_not_found_and_what_is_no_uuid_is_refused(api: Api) -> None:
    nobody = f"/v1/chassis/{uuid4()}"
    for method, body in (("GET", None), ("PATCH", []), ("DELETE", None)):
        assert "could not be found" in api.error(404, method, nobody, body)
        assert "Expected UUID" in api.error(400, method, "/v1/chassis/rack-1", body)
    for path in (f"{nobody}/nodes", f"/v1/nodes?chassis_uuid={uuid4()}"):
        assert "could not be found" in api.error(404, "GET", path)
    assert "Expected UUID" in api.error(400, "GET", "/v1/nodes?chassis_uuid=rack-1")


def test_a_patch_that_comes_out_at_the_same_uuid_is_no_change(api: Api) -> None:
    one = api.ok("POST", "/v1/chassis", {})["uuid"]
    other = str(uuid4())
    there, back = ({"op": "replace", "path": "/uuid", "value": uuid} for uuid in (other, one))
    assert api.ok("PATCH", f"/v1/chassis/{one}", [there, back])["updated_at"] is None
    for patch in ([there], [back, there], [{"op": "remove", "path": "/uuid"}]):
        assert "overwrite the UUID" in api.error(400, "PATCH", f"/v1/chassis/{one}", patch)
    assert api.ok("GET", f"/v1/chassis/{one}")["uuid"] == one


def test_a_uuid_is_taken_once_and_pages_go_on(api: Api) -> None:
    uuids = sorted(str(uuid4()) for _ in range(3))
    for uuid in uuids:
        api.ok("POST", "/v1/chassis", {"uuid": uuid})
    assert "already exists" in api.error(409, "POST", "/v1/chassis", {"uuid": uuids[0]})
    page = api.ok("GET", "/v1/chassis?limit=2&sort_key=uuid")
    assert [one["uuid"] for one in page["chassis"]] == uuids[:2]
    rest = api.ok("GET", f"/v1/chassis?limit=2&sort_key=uuid&marker={uuids[1]}")
    assert [one["uuid"] for one in rest["chassis"]] == uuids[2:]
    assert "next" not in rest
    assert "names nothing" in api.error(404, "GET", f"/v1/chassis?marker={uuid4()}")
    assert "1.8" in api.error(406, "GET", "/v1/chassis?fields=uuid", version="1.7")
    assert "nope" in api.error(400, "GET", "/v1/chassis?fields=nope", version="1.7")
    assert "extra" in api.error(400, "GET", "/v1/chassis?sort_key=extra")
