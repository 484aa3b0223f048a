import base64
import json
from contextlib import ExitStack
from pathlib import Path

import bcrypt
import pytest

from controller.log_output import LineFormatter
from controller.store.conductors import Serves, take_name
from tests.integration.controller_api import LATEST, Api, make_api
from tests.integration.hardware_types import HARDWARE_TYPES

RANGE = {
    "X-OpenStack-Ironic-API-Minimum-Version": "1.1",
    "X-OpenStack-Ironic-API-Maximum-Version": LATEST,
}


def test_the_root_document_is_what_discovery_expects(api: Api) -> None:
    root = api.ok("GET", "/", version=None)
    (version,) = root["versions"]
    assert version == root["default_version"]
    assert version["id"] == "v1"
    assert version["status"] == "CURRENT"
    assert (version["min_version"], version["version"]) == ("1.1", LATEST)
    assert version["links"] == [{"href": "http://localhost/v1/", "rel": "self"}]


def test_the_version_document_lists_what_the_version_has(api: Api) -> None:
    new = api.ok("GET", "/v1/")
    assert new["version"]["version"] == LATEST
    assert new["media_types"]["base"] == "application/json"
    assert {"nodes", "ports", "lookup", "conductors", "continue_inspection"} <= set(new)
    assert "conductors" not in api.ok("GET", "/v1", version="1.48")


def test_every_reply_says_which_versions_there_are(api: Api) -> None:
    for path in ("/", "/v1", "/v1/nodes", "/v1/nodes/none", "/v1/nothing"):
        reply = api.call("GET", path)
        assert {name: reply.headers[name] for name in RANGE} == RANGE
        assert reply.headers["X-OpenStack-Ironic-API-Version"] == LATEST
        assert reply.headers["Openstack-Request-Id"].startswith("req-")


@pytest.mark.parametrize("version", ["1.116", "2.1", "abc"])
def test_a_version_that_is_not_served_is_406_with_the_range(api: Api, version: str) -> None:
    words = api.error(406, "GET", "/v1/nodes", version=version)
    assert version in words
    reply = api.call("GET", "/v1/nodes", version=version)
    assert {name: reply.headers[name] for name in RANGE} == RANGE


def test_the_standard_version_header_counts_too(api: Api) -> None:
    api.node(name="one")
    reply = api.client.get("/v1/nodes/one", headers={"OpenStack-API-Version": "baremetal 1.5"})
    assert reply.headers["X-OpenStack-Ironic-API-Version"] == "1.5"
    assert "name" in reply.get_json()
    assert "clean_step" not in reply.get_json()


def test_a_route_of_a_newer_version_is_not_there(api: Api) -> None:
    assert api.call("GET", "/v1/conductors", version="1.48").status_code == 404
    (one,) = api.ok("GET", "/v1/conductors", version="1.49")["conductors"]
    assert one["hostname"] == "lab-1"
    assert one["alive"] is True
    assert api.ok("GET", "/v1/conductors/lab-1")["drivers"] == HARDWARE_TYPES
    assert "nope" in api.error(404, "GET", "/v1/conductors/nope")


def test_conductors_have_pages_and_fields(api: Api) -> None:
    for number in (2, 3):
        take_name(api.services.store, f"lab-{number}", "1", Serves())
    page = api.ok("GET", "/v1/conductors?limit=2&fields=hostname,alive")
    assert [(one["hostname"], one["alive"]) for one in page["conductors"]] == [
        ("lab-1", True),
        ("lab-2", True),
    ]
    assert set(page["conductors"][0]) == {"hostname", "alive", "links"}
    assert "marker=lab-2" in page["next"]
    rest = api.ok("GET", "/v1/conductors?marker=lab-2")["conductors"]
    assert [one["hostname"] for one in rest] == ["lab-3"]
    last = api.ok("GET", "/v1/conductors?sort_key=hostname&sort_dir=desc&limit=1")["conductors"]
    assert last[0]["hostname"] == "lab-3"
    assert "nope" in api.error(404, "GET", "/v1/conductors?marker=nope")
    assert "valid: created_at" in api.error(400, "GET", "/v1/conductors?fields=nope")
    assert "alive" in api.error(400, "GET", "/v1/conductors?sort_key=alive")
    assert "same request" in api.error(400, "GET", "/v1/conductors?fields=alive&detail=true")


def test_what_is_not_there_is_an_error_in_the_clients_form(api: Api) -> None:
    assert "/v1/nothing" in api.error(404, "GET", "/v1/nothing")
    assert "DELETE" in api.error(405, "DELETE", "/v1/nodes")
    assert api.call("DELETE", "/v1/nodes").headers["Allow"]


def test_too_deep_and_too_large_bodies_are_refused_flatly(api: Api) -> None:
    deep = b'{"extra":' * 30 + b"1" + b"}" * 30
    reply = api.call("POST", "/v1/nodes", data=deep)
    assert reply.status_code == 400
    assert set(reply.get_json()) == {"faultcode", "faultstring"}
    reply = api.call("POST", "/v1/nodes", data=b'"' + b"x" * (1 << 20) + b'"')
    assert reply.status_code == 413
    assert reply.get_json()["faultcode"] == "Client"


def test_a_large_config_drive_is_taken_where_it_belongs(api: Api) -> None:
    node = api.node()
    drive = base64.b64encode(b"x" * (3 << 20)).decode()
    body = json.dumps({"target": "provide", "configdrive": drive}).encode()
    path = f"/v1/nodes/{node['uuid']}/states/provision"
    assert api.call("PUT", path, data=body).status_code != 413


def test_malformed_json_is_the_clients_fault(api: Api) -> None:
    for path in ("/v1/nodes", "/v1/ports"):
        assert "not valid JSON" in api.error(400, "POST", path, data=b"{bad")


def test_drivers_tell_their_interfaces_and_keys(api: Api) -> None:
    drivers = {one["name"]: one for one in api.ok("GET", "/v1/drivers")["drivers"]}
    assert set(drivers) == set(HARDWARE_TYPES)
    assert drivers["ipmi"]["hosts"] == ["lab-1"]
    ipmi = api.ok("GET", "/v1/drivers/ipmi")
    assert ipmi["default_boot_interface"] == "ipxe"
    assert "direct" in ipmi["enabled_deploy_interfaces"]
    assert "ipmi_address" in api.ok("GET", "/v1/drivers/ipmi/properties")
    valid = f"valid: {', '.join(HARDWARE_TYPES)}"
    assert valid in api.error(404, "GET", "/v1/drivers/nope")
    assert "default_boot_interface" not in api.ok("GET", "/v1/drivers/ipmi", version="1.29")


def test_fields_of_drivers_can_be_chosen(api: Api) -> None:
    one, *_ = api.ok("GET", "/v1/drivers?fields=name,default_boot_interface")["drivers"]
    assert set(one) == {"name", "default_boot_interface", "links"}
    shown = api.ok("GET", "/v1/drivers/ipmi?fields=enabled_power_interfaces")
    assert "ipmitool" in shown["enabled_power_interfaces"]
    assert "nope" in api.error(400, "GET", "/v1/drivers?fields=nope")
    assert api.error(406, "GET", "/v1/drivers?fields=name", version="1.76")


def test_an_unexpected_failure_is_500_and_names_the_request(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api.services.store, "read", None)
    words = api.error(500, "GET", "/v1/conductors")
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    line = LineFormatter().format(record).splitlines()[0]
    request_id = words.rpartition(" ")[2]
    assert request_id.startswith("req-")
    assert line.endswith(
        f"request failed unexpectedly request_id={request_id} method=GET path=/v1/conductors"
    )


def test_a_database_that_does_not_answer_is_503(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with api.services.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE conductors")
    words = api.error(503, "GET", "/v1/conductors")
    assert "retry" in words
    assert "SELECT" not in words
    assert "the database does not answer" in caplog.text


def test_boot_files_are_served_by_the_same_application(api: Api) -> None:
    reply = api.client.get("/boot/ipxe")
    assert reply.status_code == 200
    assert reply.get_data(as_text=True).startswith("#!ipxe")
    assert api.client.get("/images/nothing").status_code == 404


def test_with_basic_authentication_only_the_ramdisk_and_discovery_are_open(tmp_path: Path) -> None:
    path = tmp_path / "htpasswd"
    path.write_text("ann:" + bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode() + "\n")
    api = make_api(tmp_path, auth_strategy="http_basic", htpasswd_file=str(path))
    assert api.call("GET", "/").status_code == 200
    assert api.call("GET", "/v1/").status_code == 200
    assert api.call("GET", "/v1/lookup?addresses=52:54:00:00:00:01").status_code == 404
    for closed in ("/v1/nodes", "/nodes/", "/v1/nodes/", "/v1/drivers", "/v1/nothing"):
        reply = api.call("GET", closed)
        assert reply.status_code == 401, closed
        assert reply.headers["WWW-Authenticate"].startswith("Basic")
        assert {name: reply.headers[name] for name in RANGE} == RANGE
    welcome = {"Authorization": "Basic " + base64.b64encode(b"ann:pw").decode()}
    assert api.client.get("/v1/nodes", headers=welcome).status_code == 200
    api.services.store.close()


def test_more_requests_than_connections_to_the_database_are_told_to_come_again(api: Api) -> None:
    pool = api.services.store.engine.pool
    pool._timeout, pool._max_overflow = 0.05, 0  # type: ignore[attr-defined]
    with ExitStack() as held:
        for _ in range(pool.size()):  # type: ignore[attr-defined]
            held.enter_context(api.services.store.engine.connect())
        reply = api.call("GET", "/v1/nodes")
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0
    assert "database" in reply.get_json()["error_message"]
    api.ok("GET", "/v1/nodes")


FOREIGN = {"Origin": "http://evil.example"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Origin": "http://localhost"}, 201),
        (FOREIGN, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
def test_a_foreign_page_cannot_enrol_a_node(api: Api, headers: dict[str, str], status: int) -> None:
    sent = {"Content-Type": "application/json"} | headers
    reply = api.client.post("/v1/nodes", data='{"driver": "fake-hardware"}', headers=sent)
    assert reply.status_code == status, reply.text
    assert len(api.ok("GET", "/v1/nodes")["nodes"]) == (status == 201)
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_what_machines_call_asks_for_no_type_and_no_name(api: Api) -> None:
    for path in ("/v1/heartbeat/x", "/v1/continue_inspection"):
        reply = api.client.post(path, data="{}", headers={"Host": "any.example"})
        assert reply.status_code in (400, 404), reply.text
