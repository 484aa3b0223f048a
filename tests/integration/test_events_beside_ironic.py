"""What a network service says of ports: taken and refused as by real Ironic, and told in the node's history."""

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
MAC = "52:54:00:00:ee:01"
UUID = "6f6ed9c8-5f0a-4ad5-9ac6-6e3c1a0c9f11"
EVENT = {"event": "network.bind_port", "port_id": UUID, "mac_address": MAC, "status": "ACTIVE"}
ODD: dict[str, tuple[object, ...]] = {
    "event": ("network.unbind_port", "network.delete_port", "network.nope", "", None, 1),
    "port_id": ("x", UUID.upper(), UUID.replace("-", ""), None, 5, ""),
    "mac_address": (MAC.upper(), "52-54-00-00-ee-01", "52540000ee01", "", None, 5),
    "status": ("", "DOWN", None, 5, "x" * 10_000),
    "device_id": (None, UUID, "x", 5, ""),
    "binding:host_id": (None, UUID, "host-1", 5),
    "binding:vnic_type": (None, "baremetal", "", 5),
    "nope": (None, "x"),
}
BODIES: tuple[object, ...] = (
    *({}, [], None, "x", {"events": None}, {"events": []}, {"events": {}}, {"events": ["x"]}),
    *(
        {"events": [{}]},
        {"events": [EVENT], "x": 1},
        {"events": [EVENT, EVENT]},
        {"events": [EVENT, {}]},
    ),
)


@pytest.mark.parametrize("name", ODD)
def test_members_are_checked_as_by_ironic(both: Beside, name: str) -> None:
    gone = {key: value for key, value in EVENT.items() if key != name}
    for event in (gone, *(EVENT | {name: value} for value in ODD[name])):
        ours, theirs = both.ask("POST", "/v1/events", {"events": [event]})
        assert ours == theirs, event


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_bodies_are_checked_as_by_ironic(both: Beside, body: object) -> None:
    ours, theirs = both.ask("POST", "/v1/events", body)
    assert ours == theirs


def test_it_is_there_since_its_version(both: Beside) -> None:
    for minor in (1, 53, 54):
        ours, theirs = both.ask("POST", "/v1/events", {"events": [EVENT]}, minor=minor)
        assert ours == theirs, minor
        shown, known = both.ask("GET", "/v1", minor=minor)
        assert shown.document.get("events") == known.document.get("events"), minor
    ours, theirs = both.ask("GET", "/v1/events")
    assert ours.status == theirs.status == 405


def test_the_history_of_the_ports_node_tells_it(both: Beside) -> None:
    node = both.node()
    port = {"uuid": both.uuid(), "node_uuid": node, "address": MAC}
    both.ok("POST", "/v1/ports", port)
    event = EVENT | {"mac_address": MAC.upper(), "status": "ACTIVE" + "\x1b[31m" * 50}
    for _ in range(3):
        assert (
            both.ours.call("POST", "/v1/events", {"events": [event]}, version="1.115").status_code
            == 204
        )
    history = both.ours.ok("GET", f"/v1/nodes/{node}/history?detail=true")["history"]
    (told,) = [one for one in history if "the network service says" in one["event"]]
    assert f"network.bind_port of port {MAC}" in told["event"]
    assert "\x1b" not in told["event"]
    assert len(told["event"]) < 300
    assert told["data"]["port_id"] == UUID
    assert told["data"]["times"] == 3
    assert both.ours.ok("GET", f"/v1/nodes/{node}")["provision_state"] == "enroll"


def test_a_request_has_a_bound(both: Beside) -> None:
    reply = both.ours.call("POST", "/v1/events", {"events": [EVENT] * 257}, version="1.115")
    assert reply.status_code == 400
    assert "256" in reply.get_data(as_text=True)
