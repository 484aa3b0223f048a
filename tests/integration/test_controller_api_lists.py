from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from controller.store.tables import Node
from tests.integration.controller_api import Api


def names(api: Api, query: str) -> list[str]:
    return [node["name"] for node in api.ok("GET", f"/v1/nodes?{query}")["nodes"]]


def all_pages(api: Api, query: str) -> list[str]:
    found: list[str] = []
    path = f"/v1/nodes?{query}"
    for _ in range(20):
        reply = api.ok("GET", path)
        found += [node["name"] for node in reply["nodes"]]
        if "next" not in reply:
            return found
        url = urlsplit(reply["next"])
        path = f"{url.path}?{url.query}"
    pytest.fail("the list has no end")


def test_pages_follow_each_other_to_the_end(api: Api) -> None:
    made = [api.node(name=f"n{number}")["name"] for number in range(7)]
    assert all_pages(api, "limit=3") == made
    assert all_pages(api, "limit=7") == made
    assert all_pages(api, "limit=3&sort_dir=desc") == made[::-1]
    assert all_pages(api, "limit=2&fields=name&sort_key=name") == made


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_no_node_is_lost_or_doubled_when_the_sort_key_repeats_or_is_null(
    api: Api, direction: str, limit: int
) -> None:
    for number, owner in enumerate([None, "b", "a", None, "b", "a", "c"]):
        api.node(name=f"n{number}", owner=owner)
    expected = ["n0", "n3", "n2", "n5", "n1", "n4", "n6"]
    found = all_pages(api, f"sort_key=owner&sort_dir={direction}&limit={limit}")
    assert found == (expected if direction == "asc" else expected[::-1])


def test_the_next_link_keeps_the_filters(api: Api) -> None:
    for number in range(4):
        api.node(name=f"n{number}", resource_class="big" if number % 2 else "small")
    assert all_pages(api, "limit=1&resource_class=big&fields=name,uuid") == ["n1", "n3"]


def test_filters_choose_nodes(api: Api) -> None:
    api.node(name="a", driver="ipmi", owner="me", description="The first 100% node", shard="s1")
    api.node(name="b", instance_uuid="11111111-2222-4333-8444-555555555555", lessee="me")
    api.node(name="c", maintenance=True, conductor_group="Rack1", instance_name="web")
    api.set_row("c", provision_state="active", fault="power failure")
    assert names(api, "driver=ipmi") == ["a"]
    assert names(api, "associated=true") == ["b"]
    assert names(api, "associated=false") == ["a", "c"]
    assert names(api, "maintenance=yes") == ["c"]
    assert names(api, "provision_state=active") == ["c"]
    assert names(api, "fault=power%20failure") == ["c"]
    assert names(api, "fault=none") == ["a", "b"]
    assert names(api, "fault=step%20failure") == []
    assert names(api, "project=me") == ["a", "b"]
    assert names(api, "owner=me&driver=ipmi") == ["a"]
    assert names(api, "description_contains=100%25") == ["a"]
    assert names(api, "description_contains=FIRST") == ["a"]
    assert names(api, "description_contains=_") == []
    assert names(api, "shard=s1,s2") == ["a"]
    assert names(api, "sharded=false") == ["b", "c"]
    assert names(api, "conductor_group=rack1") == ["c"]
    assert names(api, "conductor=lab-1") == ["a", "b"]  # c is in a group that nobody serves
    assert names(api, "conductor=other") == []
    assert names(api, "instance_name=web") == ["c"]
    assert names(api, "instance_uuid=11111111-2222-4333-8444-555555555555") == ["b"]
    assert names(api, "retired=false") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=0", "Limit must be positive"),
        ("limit=x", "Expected an integer for limit: x"),
        ("sort_dir=up", "sort direction"),
        ("sort_key=driver_info", "invalid field for sorting"),
        ("sort_key=agent_secret", "invalid field for sorting"),
        ("marker=nothing", "names nothing in this list"),
        ("color=red", "Unexpected arguments: color"),
        ("provision_state=asleep", 'Provision state "asleep" is not valid'),
        ("fault=sad", "Unrecognized fault"),
        ("maintenance=maybe", "acceptable values"),
        ("fields=uuid&detail=true", "fields in the same request"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_with_the_reason(
    api: Api, query: str, reason: str
) -> None:
    assert reason in api.error(400, "GET", f"/v1/nodes?{query}")


def test_a_list_of_nodes_is_one_query_and_reads_only_its_columns(api: Api) -> None:
    for number in range(5):
        api.node(name=f"n{number}")
    seen: list[str] = []
    engine = api.services.store.engine
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))

    def queries() -> list[str]:
        return [one for one in seen if one != "BEGIN"]

    api.ok("GET", "/v1/nodes?fields=uuid,provision_state")
    assert len(queries()) == 1
    assert "driver_info" not in queries()[0]
    seen.clear()
    api.ok("GET", "/v1/nodes/detail")
    assert len(queries()) == 1


def test_a_thousand_nodes_are_listed_in_one_answer(api: Api) -> None:
    with api.services.store.edit() as session:
        session.add_all(
            Node(
                uuid=f"00000000-0000-4000-8000-{number:012}",
                created_at=1.0,
                provision_state="active",
                driver="ipmi",
                driver_info={"ipmi_address": "10.0.0.1", "ipmi_password": "x"},
            )
            for number in range(1000)
        )
    api.ok("GET", "/v1/nodes?limit=1")
    for query in ("", "?detail=true"):
        assert len(api.ok("GET", f"/v1/nodes{query}")["nodes"]) == 1000
