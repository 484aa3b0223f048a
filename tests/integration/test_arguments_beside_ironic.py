"""Arguments that a request must not have, and odd values of those that it may: real Ironic's statuses."""

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
NODE = "/v1/nodes/{node}"
PERSISTENT: tuple[object, ...] = (0, 1, 2, -1, 1.0, "1", "2", "yes", None, [])
ODD: list[tuple[str, str, object]] = [
    ("DELETE", NODE + "?x=1", None),
    ("PATCH", NODE + "?x=1", [{"op": "add", "path": "/extra/a", "value": 1}]),
    ("POST", "/v1/nodes?x=1", {"driver": "fake-hardware"}),
    ("POST", "/v1/nodes", {"driver": "fake-hardware", "power_interface": ""}),
    ("POST", "/v1/ports?x=1", {"node_uuid": "{node}", "address": "52:54:00:00:bb:01"}),
    ("POST", "/v1/chassis?x=1", {"description": "d"}),
    ("PUT", NODE + "/maintenance", {"foo": 1}),
    ("PUT", NODE + "/maintenance", {"reason": "r", "foo": 1}),
    ("PUT", NODE + "/maintenance?foo=1", {"reason": "r"}),
    ("DELETE", NODE + "/maintenance?foo=1", None),
    ("PUT", NODE + "/traits", {"traits": ["CUSTOM_A"], "x": 1}),
    ("PUT", NODE + "/traits?x=1", {"traits": ["CUSTOM_A"]}),
    *(
        ("PUT", NODE + "/management/boot_device", {"boot_device": "pxe", "persistent": value})
        for value in PERSISTENT
    ),
    ("PUT", NODE + "/management/boot_device", {"boot_device": "pxe", "foo": 1}),
    ("PUT", NODE + "/management/boot_device?foo=1", {"boot_device": "pxe"}),
    *(
        (method, NODE + path, body)
        for method, path, body in (
            ("GET", "/states?x=1", None),
            ("PUT", "/states/power?x=1", {"target": "power off"}),
            ("PUT", "/states/boot_mode?x=1", {"target": "uefi"}),
            ("PUT", "/states/console?x=1", {"enabled": False}),
            ("GET", "/states/console?x=1", None),
            ("GET", "/management/boot_device?x=1", None),
            ("GET", "/management/boot_device/supported?x=1", None),
            ("GET", "/inventory?x=1", None),
            ("GET", "/vendor_passthru/methods?x=1", None),
            ("PUT", "/traits/CUSTOM_A?x=1", None),
            ("DELETE", "/traits/CUSTOM_A?x=1", None),
            ("DELETE", "/traits?x=1", None),
            ("POST", "/vifs?x=1", {"id": "a"}),
            ("DELETE", "/vifs/a?x=1", None),
        )
    ),
    ("GET", "/v1/drivers/fake-hardware/properties?x=1", None),
    ("GET", "/v1/drivers/fake-hardware/vendor_passthru/methods?x=1", None),
]
REPEATED = (
    *(
        "limit=1&limit=2",
        "limit=1&limit=1",
        "sort_dir=asc&sort_dir=desc",
        "sort_key=id&sort_key=id",
    ),
    *(
        "detail=true&detail=true",
        "fields=uuid&fields=extra",
        "description_contains=a&description_contains=b",
    ),
    *(
        "shard=a&shard=b",
        "node={node}&node={node}",
        "nope=1&nope=2",
        "limit=1&",
        "limit=1&&sort_dir=asc",
    ),
    *(
        "driver=a&driver=b",
        "provision_state=active&provision_state=enroll",
        "maintenance=true&maintenance=false",
    ),
)
LISTS = (
    "nodes",
    "ports",
    "portgroups",
    "chassis",
    "allocations",
    "volume/connectors",
    "volume/targets",
)
SORTED = {
    "nodes": ("", "uuid", "name", "nope", "extra", "health", "reservation", "node_id"),
    "ports": ("", "node_id", "address", "portgroup_uuid2", "extra"),
    "portgroups": ("", "node_id", "address", "extra"),
    "chassis": ("", "node_id", "description"),
    "volume/connectors": ("", "node_id", "type"),
    "volume/targets": ("", "node_id", "boot_index"),
    "nodes/{node}/history": (
        *("", "id", "created_at", "severity", "event", "event_type", "user", "uuid", "nope"),
    ),
}
SOUGHT_FIRST = (
    "portgroups",
    "allocations",
    "inspection_rules",
    "volume/connectors",
    "volume/targets",
)
UNKNOWN = ("nodes", "ports", "chassis", "deploy_templates", "runbooks", *SOUGHT_FIRST)
EMPTY = ("node=", "node_uuid=", "node_uuid=nope", "portgroup=", "address=", "sort_key=", "shard=")


def filled(value: object, node: str) -> object:
    if isinstance(value, dict):
        return {key: filled(one, node) for key, one in value.items()}
    return value.replace("{node}", node) if isinstance(value, str) else value


@pytest.mark.parametrize(("method", "path", "body"), ODD)
def test_the_status_is_ironics(both: Beside, method: str, path: str, body: object) -> None:
    node = both.node()
    both.set_node(node, provision_state="manageable", power_state="power off")
    ours, theirs = both.ask(method, path.replace("{node}", node), filled(body, node))
    assert ours.status == theirs.status, (ours.document, theirs.document)


@pytest.mark.parametrize("arguments", REPEATED)
def test_an_argument_that_is_there_twice_is_a_list_or_refused_as_by_ironic(
    both: Beside, arguments: str
) -> None:
    node = both.node()
    for kind in LISTS:
        ours, theirs = both.ask("GET", f"/v1/{kind}?{arguments.replace('{node}', node)}")
        assert ours.status == theirs.status, kind
    ours, theirs = both.ask("GET", f"{NODE}?{arguments}".replace("{node}", node))
    assert ours.status == theirs.status


def test_fields_in_several_arguments_are_all_shown(both: Beside) -> None:
    node = both.node()
    for path in (NODE.replace("{node}", node), "/v1/drivers/fake-hardware"):
        ours, theirs = both.ask("GET", f"{path}?fields=name&fields=properties")
        assert ours.status == theirs.status == 200
        assert ours.document.keys() == theirs.document.keys() == {"name", "properties", "links"}
    ours, theirs = both.ask("GET", "/v1/nodes?fields=uuid&fields=name&limit=1")
    assert [one.keys() for one in ours.document["nodes"]] == [{"uuid", "name", "links"}]
    assert [one.keys() for one in theirs.document["nodes"]] == [{"uuid", "name", "links"}]
    next_page = both.ours.ok("GET", "/v1/nodes?fields=uuid&fields=name&limit=1")["next"]
    assert "fields=uuid,name&" in next_page


@pytest.mark.parametrize("kind", SORTED)
def test_lists_are_sorted_by_what_ironic_sorts_by(both: Beside, kind: str) -> None:
    node = both.node()
    for key in SORTED[kind]:
        for direction in ("asc", "desc"):
            path = f"/v1/{kind.replace('{node}', node)}?sort_key={key}&sort_dir={direction}"
            ours, theirs = both.ask("GET", path)
            assert ours.status == theirs.status, path


def test_a_history_is_sorted_and_its_pages_follow_each_other(both: Beside) -> None:
    node = both.node()
    for number in range(3):
        patch = [{"op": "add", "path": f"/extra/{number}", "value": number}]
        assert (
            both.ours.call("PATCH", f"/v1/nodes/{node}", patch, version="1.115").status_code == 200
        )
    path = f"/v1/nodes/{node}/history?detail=true"
    whole = both.ours.ok("GET", f"{path}&sort_key=created_at&sort_dir=desc")["history"]
    assert len(whole) >= 2
    dates = [one["created_at"] for one in whole]
    assert dates == sorted(dates, reverse=True)
    paged = []
    marker = ""
    while page := both.ours.ok(
        "GET", f"{path}&sort_key=created_at&sort_dir=desc&limit=1&marker={marker}"
    )["history"]:
        paged += page
        marker = page[0]["uuid"]
    assert paged == whole


def test_a_marker_that_is_no_event_is_not_found(both: Beside) -> None:
    node = both.node()
    for marker in (both.uuid(), "x"):
        ours, theirs = both.ask("GET", f"/v1/nodes/{node}/history?marker={marker}")
        assert ours.status == theirs.status, marker


@pytest.mark.parametrize("arguments", EMPTY)
def test_an_empty_argument_is_what_it_is_for_ironic(both: Beside, arguments: str) -> None:
    for kind in ("ports", "portgroups", "volume/connectors", "volume/targets", "allocations"):
        ours, theirs = both.ask("GET", f"/v1/{kind}?{arguments}")
        assert ours.status == theirs.status, kind


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_patch_of_what_is_not_there_is_answered_as_by_ironic(both: Beside, kind: str) -> None:
    patches: tuple[object, ...] = (
        [{"op": "add", "path": "/nope", "value": 1}],
        [{"op": "add", "path": "/extra/a", "value": 1}],
        [{"op": "bad", "path": "/extra/a"}],
        {"a": 1},
    )
    for patch in patches:
        ours, theirs = both.ask("PATCH", f"/v1/{kind}/{both.uuid()}", patch)
        assert ours.status == theirs.status, patch


def test_a_node_is_validated_by_an_argument_too(both: Beside) -> None:
    node = both.node(name="asked")
    for query in (
        *(f"node_uuid={node}", "node=asked", f"node={node}", "node=nope", "node_uuid=nope"),
        *("", "node_uuid=asked", "node=a b", f"node_uuid={both.uuid()}", f"node_uuid={node}&x=1"),
    ):
        ours, theirs = both.ask("GET", f"/v1/nodes/validate?{query}")
        assert ours.status == theirs.status, query
    ours, _ = both.ask("GET", f"/v1/nodes/{node}/validate")
    assert both.ask("GET", "/v1/nodes/validate?node=asked")[0] == ours


def test_what_a_node_cannot_do_is_said_as_ironic_says_it(both: Beside) -> None:
    kinds = ("bios", "console", "firmware", "inspect", "raid", "rescue")
    node = both.node(**{f"{kind}_interface": f"no-{kind}" for kind in kinds})
    ours, theirs = both.ask("GET", f"/v1/nodes/{node}/validate")
    for kind in kinds:
        assert ours.document[kind]["result"] is theirs.document[kind]["result"] is False, kind
        assert f"does not support {kind}" in ours.document[kind]["reason"]
        assert f"does not support {kind}" in theirs.document[kind]["reason"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_drivers_have_no_vendor_methods(both: Beside, method: str) -> None:
    body: dict[str, str] | None = None if method == "GET" else {}
    place = "/v1/drivers/fake-hardware/vendor_passthru"
    for path in (place, f"{place}/nope", "/v1/drivers/nope/vendor_passthru"):
        ours, theirs = both.ask(method, path, body)
        assert ours.status == theirs.status == 400, path
    assert both.ours.call(method, f"{place}?method=x", body, version="1.115").status_code == 400


def test_odd_spellings_are_ironics(both: Beside) -> None:
    for value in ("5", "x", "", "5.5", "-1", "0", 5):
        node = both.node()
        both.set_node(node, provision_state="manageable", power_state="power off")
        body = {"target": "power off", "timeout": value}
        ours, theirs = both.ask("PUT", f"/v1/nodes/{node}/states/power", body)
        assert ours.status == theirs.status, value
    node = both.node()
    for path in ("/extra/", "/extra/a/", "/extra//a", "/", "", "extra", "/extra/a-b"):
        patch = [{"op": "add", "path": path, "value": 1}]
        ours, theirs = both.ask("PATCH", f"/v1/nodes/{node}", patch)
        assert ours.status == theirs.status, path
    for minor in (1, 90, 91, 115):
        ours, theirs = both.ask("GET", "/v1.json", minor=minor)
        assert ours.status == theirs.status, minor
