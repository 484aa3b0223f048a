from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from controller.workflow import heartbeats
from tests.integration.controller_api import Api, make_api

MAC = "52:54:00:aa:00:01"
LOOKUP = f"/v1/lookup?addresses={MAC},junk"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = make_api(tmp_path, agent_require_tls=False)
    yield made
    made.services.store.close()


@pytest.fixture
def node(api: Api) -> str:
    uuid = str(api.node(name="one", properties={"cpu_arch": "x86_64"})["uuid"])
    api.ok("POST", "/v1/ports", {"node_uuid": uuid, "address": MAC})
    return uuid


def test_a_booted_ramdisk_finds_its_node_and_gets_its_token_once(api: Api, node: str) -> None:
    api.set_row(node, provision_state="clean wait", target_provision_state="available")
    found = api.ok("GET", LOOKUP, version="1.62")
    assert found["node"]["uuid"] == node
    assert found["node"]["properties"] == {"cpu_arch": "x86_64"}
    assert found["node"]["links"][0]["href"].endswith(node)
    assert found["config"]["heartbeat_timeout"] > 0
    assert found["config"]["agent_token_required"] is True
    assert {"metrics", "metrics_statsd", "agent_containers"} <= set(found["config"])
    token = found["config"]["agent_token"]
    assert len(token) > 30
    again = api.ok("GET", LOOKUP, version="1.62")  # its answer may have been lost
    assert again["config"]["agent_token"] == token
    assert api.call("POST", f"/v1/heartbeat/{node}", beat(token), version="1.68").status_code == 202
    assert api.ok("GET", LOOKUP, version="1.62")["config"]["agent_token"] == "******"
    shown = api.call("GET", f"/v1/nodes/{node}").get_data(as_text=True)
    assert token not in shown


def test_a_stranger_and_an_idle_node_get_the_same_bare_answer(api: Api, node: str) -> None:
    idle = api.call("GET", LOOKUP, version="1.62")
    stranger = api.call("GET", "/v1/lookup?addresses=52:54:00:aa:00:99", version="1.62")
    assert idle.status_code == stranger.status_code == 404
    assert idle.data == stranger.data
    history = api.ok("GET", f"/v1/nodes/{node}/history")["history"]
    assert any("lookup refused in state enroll" in one["event"] for one in history)


@pytest.mark.parametrize("query", ["", "?addresses=junk", "?addresses="])
def test_a_lookup_without_any_address_is_malformed(api: Api, query: str) -> None:
    assert "At least one of" in api.error(400, "GET", f"/v1/lookup{query}")


def test_an_api_version_without_ramdisks_has_no_lookup(api: Api, node: str) -> None:
    api.set_row(node, provision_state="clean wait")
    assert api.call("GET", LOOKUP, version="1.21").status_code == 404
    assert api.ok("GET", LOOKUP, version="1.31")["config"]["agent_token"] is None
    assert api.call("POST", f"/v1/heartbeat/{node}", {}, version="1.21").status_code == 404


def beat(token: str) -> dict[str, Any]:
    return {
        "callback_url": "http://127.0.0.1:9999",
        "agent_token": token,
        "agent_version": "13.0.0",
    }


def test_a_heartbeat_with_the_right_token_is_taken(api: Api, node: str) -> None:
    api.set_row(node, provision_state="clean wait", target_provision_state="available")
    token = api.ok("GET", LOOKUP, version="1.62")["config"]["agent_token"]
    reply = api.call("POST", f"/v1/heartbeat/{node}", beat(token), version="1.68")
    assert reply.status_code == 202
    assert reply.data == b""
    info = api.ok("GET", f"/v1/nodes/{node}")["driver_internal_info"]
    assert info["agent_url"] == "http://127.0.0.1:9999"


def test_a_heartbeat_that_is_not_right_is_refused_with_the_reason(api: Api, node: str) -> None:
    api.set_row(node, provision_state="clean wait", target_provision_state="available")
    token = api.ok("GET", LOOKUP, version="1.62")["config"]["agent_token"]
    path = f"/v1/heartbeat/{node}"
    assert "token" in api.error(400, "POST", path, beat("wrong"), version="1.68")
    assert "callback_url" in api.error(400, "POST", path, {"agent_token": token}, version="1.68")
    for url in ("http://[::1", "https://10.0.0.5:99999/", "https://10.0.0.5:x", "https://"):
        body = beat(token) | {"callback_url": url}
        assert "callback_url" in api.error(400, "POST", path, body, version="1.68")
    for pem in ("zz", "zz\u00e9"):
        body = beat(token) | {"agent_verify_ca": pem}
        assert "agent_verify_ca" in api.error(400, "POST", path, body, version="1.68")
    assert "agent_version" in api.error(
        400, "POST", path, beat(token) | {"agent_version": 13}, version="1.68"
    )
    assert "agent_verify_ca" in api.error(
        400, "POST", path, beat(token) | {"agent_verify_ca": "x"}, version="1.62"
    )
    words = {
        api.error(400, "POST", f"/v1/heartbeat/{ident}", beat("x"), version="1.68")
        for ident in ("nope", "one", node)
    }
    assert words == {"Invalid or missing agent token received."}
    assert "agent_url" not in api.ok("GET", f"/v1/nodes/{node}")["driver_internal_info"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inventory": {}},
        {"inventory": {"interfaces": []}},
        {"inventory": {"interfaces": [{"mac_address": 5}]}},
        {"inventory": "x"},
    ],
)
def test_an_inspection_without_interfaces_is_malformed(
    api: Api, node: str, body: dict[str, Any]
) -> None:
    bare = api.call("POST", "/v1/continue_inspection", data=b"junk", version=None)
    assert bare.status_code == 404  # nothing waits, so nothing is read
    api.set_row(node, provision_state="inspect wait")
    words = api.error(400, "POST", "/v1/continue_inspection", body, version=None)
    assert "inventory.interfaces" in words


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"bmc_address": ["x"]}, "inventory.bmc_address must be a string"),
        ({"bmc_v6address": {}}, "inventory.bmc_v6address must be a string"),
        ({"disks": 5}, "inventory.disks must be a list"),
    ],
)
def test_an_inventory_with_wrong_types_is_malformed(
    api: Api, node: str, part: dict[str, Any], words: str
) -> None:
    api.set_row(node, provision_state="inspect wait")
    body = {"inventory": {"interfaces": [{"name": "eth0", "mac_address": MAC}]} | part}
    assert words in api.error(400, "POST", "/v1/continue_inspection", body, version=None)


def test_inspection_results_are_served_at_the_oldest_and_the_newer_versions_only(api: Api) -> None:
    body = {"inventory": {"interfaces": [{"mac_address": MAC}]}}
    for version in (None, "1.50", "1.84"):
        reply = api.call("POST", "/v1/continue_inspection", body, version=version)
        assert reply.status_code == 404


@pytest.mark.parametrize(
    ("field", "characters"),
    [
        ("agent_verify_ca", 16385),
        ("callback_url", 513),
        ("agent_version", 65),
        ("agent_token", 256),
    ],
)
def test_every_field_of_a_heartbeat_is_bounded_before_anything_is_looked_up(
    api: Api, node: str, field: str, characters: int
) -> None:
    statements: list[str] = []
    engine = api.services.store.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    words = api.error(
        400,
        "POST",
        f"/v1/heartbeat/{node}",
        beat("x") | {field: "a" * characters},
        version="1.68",
    )
    assert f"{field} has {characters} characters" in words
    assert statements == []


def test_a_megabyte_of_certificates_is_not_even_read(api: Api, node: str) -> None:
    body = beat("x") | {"agent_verify_ca": "-----BEGIN CERTIFICATE-----\n" * 40_000}
    reply = api.call("POST", f"/v1/heartbeat/{node}", body, version="1.68")
    assert reply.status_code == 413


def test_a_certificate_is_parsed_only_for_the_right_token_and_in_no_transaction(
    api: Api, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.set_row(node, provision_state="clean wait")
    token = api.ok("GET", LOOKUP, version="1.62")["config"]["agent_token"]
    parsed: list[bool] = []

    def parse(_beat: Any) -> bool:
        with api.services.store.edit():  # would wait for a writer's lock
            parsed.append(True)
        return True

    monkeypatch.setattr(heartbeats, "_is_certificate", parse)
    body = beat("wrong") | {"agent_verify_ca": "x"}
    api.error(400, "POST", f"/v1/heartbeat/{node}", body, version="1.68")
    assert parsed == []
    body = beat(token) | {"agent_verify_ca": "x"}
    assert api.call("POST", f"/v1/heartbeat/{node}", body, version="1.68").status_code == 202
    assert parsed == [True]


@pytest.mark.parametrize(
    "written", ["525400AABB03", "5254.00aa.bb03", "52-54-00-AA-BB-03", "52:54:00:aa:bb:03"]
)
def test_ports_and_lookups_take_every_spelling_of_an_address_and_show_ironics(
    api: Api, node: str, written: str
) -> None:
    port = api.ok("POST", "/v1/ports", {"node_uuid": node, "address": written})
    assert port["address"] == "52:54:00:aa:bb:03"
    assert api.ok("GET", f"/v1/ports?address={written}")["ports"][0]["uuid"] == port["uuid"]
    api.set_row(node, provision_state="clean wait")
    found = api.ok("GET", f"/v1/lookup?addresses={written}", version="1.62")
    assert found["node"]["uuid"] == node


def test_a_lookup_with_two_hundred_cards_finds_the_node_by_the_last(api: Api, node: str) -> None:
    api.set_row(node, provision_state="clean wait")
    others = [f"52:54:00:00:{number:02x}:01" for number in range(200)]
    found = api.ok("GET", f"/v1/lookup?addresses={','.join([*others, MAC])}", version="1.62")
    assert found["node"]["uuid"] == node


def test_a_card_that_two_machines_have_does_not_keep_them_from_their_nodes(
    api: Api, node: str
) -> None:
    usb = "02:00:00:00:00:01"
    api.ok("POST", "/v1/ports", {"node_uuid": node, "address": usb})
    other = str(api.node(name="two")["uuid"])
    api.ok("POST", "/v1/ports", {"node_uuid": other, "address": "52:54:00:aa:00:02"})
    for one in (node, other):
        api.set_row(one, provision_state="clean wait")
    found = api.ok("GET", f"/v1/lookup?addresses={usb},52:54:00:aa:00:02", version="1.62")
    assert found["node"]["uuid"] == other
    assert (
        api.ok("GET", f"/v1/lookup?addresses={usb},{MAC}", version="1.62")["node"]["uuid"] == node
    )
    for one in (node, other):
        history = api.ok("GET", f"/v1/nodes/{one}/history")["history"]
        assert any(
            "a machine fits the nodes one, two: it was taken for two" in e["event"] for e in history
        )
