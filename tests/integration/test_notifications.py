"""What is told of nodes: Ironic's notifications, in one numbered log, to whom they are for."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from controller.store.database import Store
from controller.store.notification_limit import NotificationLimit
from controller.store.notification_log import extent, read_after
from controller.store.notifications import Notification
from controller.store.tables import Node
from controller.workflow.verbs import set_power
from tests.integration.basic_users import api_with_users, as_user
from tests.integration.controller_api import Api
from tests.integration.databases import add_nodes, postgres_url, store, url
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until

__all__ = ["postgres_url", "store", "url"]

PREFIX = "baremetal.node."
DATA = "ironic_object.data"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path, power_sync_interval_s=0) as found:
        yield found


def told(store: Store, *, after: int = 0) -> list[str]:
    return [row.event_type.removeprefix(PREFIX) for row in read_after(store, after, 1000)]


def documents(api: Api, query: str = "", **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.ok("GET", f"/v1/notifications{query}", **options)[
        "notifications"
    ]
    return found


def test_what_people_do_is_told_in_its_order(api: Api) -> None:
    node = api.node(name="m1", extra={"rack": "7"})
    path = f"/v1/nodes/{node['uuid']}"
    api.ok("PATCH", path, [{"op": "add", "path": "/extra/row", "value": "b"}])
    api.ok("PUT", f"{path}/maintenance", {"reason": "fan"})
    api.ok("DELETE", f"{path}/maintenance")
    api.ok("PUT", f"{path}/states/power", {"target": "power on"})
    api.set_row(node["uuid"], stage=None, power_state="power on", target_power_state=None)
    api.ok("DELETE", path)
    found = documents(api)
    assert [one["event_type"].removeprefix(PREFIX) for one in found] == [
        "create.end",
        "update.end",
        "maintenance_set.end",
        "maintenance_set.end",
        "power_set.start",
        "power_set.end",
        "delete.end",
    ]
    assert [one["id"] for one in found] == list(range(1, 8))
    assert {one["publisher_id"] for one in found} == {"ingot-controller.lab-1"}
    assert {one["priority"] for one in found} == {"info"}
    assert len({one["message_id"] for one in found}) == 7
    payloads = [one["payload"] for one in found]
    assert {one["ironic_object.namespace"] for one in payloads} == {"ironic"}
    assert payloads[0]["ironic_object.name"] == "NodeCRUDPayload"
    assert payloads[1][DATA]["extra"] == {"rack": "7", "row": "b"}
    assert payloads[2][DATA]["maintenance_reason"] == "fan"
    assert payloads[4][DATA]["to_power"] == "power on"
    assert {one[DATA]["power_interface"] for one in payloads} == {"fake"}
    assert all("driver_info" not in one[DATA] for one in payloads)


def test_secrets_are_masked_and_nothing_is_too_long(api: Api) -> None:
    secret = "Tr0ub4dor"
    api.node(extra={"admin_password": secret, "url": f"https://u:{secret}@x/"})
    large = {str(number): "x" * 1000 for number in range(200)}
    api.node(properties=large, description="y" * 200)
    first, second = (one["payload"] for one in documents(api))
    assert secret not in str(first)
    assert first[DATA]["extra"]["admin_password"] == "******"
    assert "left out" in second[DATA]["properties"]


def test_a_deployment_is_told_from_its_begin_to_its_end(controller: RunningController) -> None:
    controller.enrol("m1", instance_info=IMAGE)
    begin = extent(controller.store).newest
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    found = told(controller.store, after=begin)
    steps = [one for one in found if one.startswith("provision_set.")]
    assert steps[0] == "provision_set.start"
    assert steps[-1] == "provision_set.end"
    assert set(steps[1:-1]) <= {"provision_set.success"}
    powers = [one.removeprefix("power_set.") for one in found if one.startswith("power_set.")]
    on, off_by_the_agent = ["start", "end"], ["end"]
    assert powers == [*on, *off_by_the_agent, *on]
    rows = read_after(controller.store, begin, 1000)
    events = controller.events("m1", "state")
    assert len(steps) == len(events)
    with controller.store.read() as session:
        first = session.scalars(select(Notification).where(Notification.number == rows[0].number))
        assert '"previous_provision_state":"available"' in first.one().payload


def test_failures_are_errors(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable")
    begin = extent(controller.store).newest
    bmc.is_reachable = False
    set_power(controller.services, "m1", "power on", None)
    wait_until(lambda: controller.node("m1").last_error is not None, 20, "the failure")
    controller.ask("m1", "provide")
    wait_until(lambda: controller.node("m1").provision_state == "clean failed", 20, "the failure")
    rows = read_after(controller.store, begin, 1000)
    by_type = {row.event_type.removeprefix(PREFIX): row.priority for row in rows}
    assert by_type["power_set.error"] == "error"
    assert by_type["provision_set.error"] == "error"
    assert by_type["provision_set.start"] == "info"


def test_what_is_found_so_is_told_as_corrected(tmp_path: Path) -> None:
    with running_controller(tmp_path, power_sync_interval_s=0.2) as controller:
        bmc = controller.enrol("m1", "manageable")
        wait_until(lambda: controller.node("m1").power_state == "power off", 20, "a look")
        begin = extent(controller.store).newest
        bmc.machine.power_on()
        wait_until(lambda: controller.node("m1").power_state == "power on", 20, "another look")
        bmc.is_reachable = False
        wait_until(lambda: controller.node("m1").maintenance, 20, "the fault")
        assert told(controller.store, after=begin) == [
            "power_state_corrected.success",
            "power_state_corrected.success",
            "maintenance_set.end",
        ]
        first, second, _ = read_after(controller.store, begin, 10)
        assert '"from_power":"power off"' in first.payload
        assert '"from_power":"power on"' in second.payload


def test_what_is_rolled_back_is_not_told_and_takes_no_number(store: Store) -> None:
    add_nodes(store, 1, None)

    def fail() -> None:
        with store.edit() as session:
            session.scalars(select(Node)).one().maintenance = True
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    add_nodes(store, 1, None)
    assert [row.number for row in read_after(store, 0, 10)] == [1, 2]
    assert extent(store).newest == 2


def test_who_reads_behind_a_number_misses_none_of_many_writers(store: Store) -> None:
    """A transaction that takes long never makes a lower number appear behind a higher one."""
    writers, each = 8, 25
    others = [store, *(Store(store.url) for _ in range(3))]
    uuids = [str(uuid.uuid4()) for _ in range(writers)]
    with store.edit() as session:
        for one in uuids:
            row = Node(uuid=one, created_at=1.0, provision_state="enroll", driver="x")
            session.add(row)

    def write(which: int) -> None:
        for turn in range(each):
            with others[which % len(others)].edit() as session:
                node = session.scalars(select(Node).where(Node.uuid == uuids[which])).one()
                node.description = str(turn)
                session.flush()

    threads = [threading.Thread(target=write, args=(which,)) for which in range(writers)]
    seen: list[int] = []
    place = 0
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or place < extent(store).newest:
        for told_row in read_after(store, place, 7):
            seen.append(told_row.number)
            place = told_row.number
    for thread in threads:
        thread.join()
    for other in others[1:]:
        other.close()
    assert seen == list(range(1, writers * (each + 1) + 1))


def test_the_log_is_bounded_by_count_and_by_age(store: Store) -> None:
    for _ in range(12):
        add_nodes(store, 1, None)
    assert NotificationLimit(store, keep=5, longest_s=3600).apply() == 7
    assert [row.number for row in read_after(store, 0, 100)] == [8, 9, 10, 11, 12]
    assert extent(store).oldest == 8
    assert NotificationLimit(store, keep=5, longest_s=3600).apply() == 0
    assert NotificationLimit(store, keep=5, longest_s=-1).apply() == 5
    assert (extent(store).oldest, extent(store).newest) == (13, 12)
    add_nodes(store, 1, None)
    assert [row.number for row in read_after(store, 0, 100)] == [13]


def test_a_list_is_chosen_and_paged(api: Api) -> None:
    first, second = api.node(name="m1"), api.node(name="m2")
    for _ in range(3):
        api.ok("PUT", "/v1/nodes/m1/maintenance", {})
        api.ok("DELETE", "/v1/nodes/m1/maintenance")
    assert len(documents(api)) == 8
    assert [one["id"] for one in documents(api, "?node=m2")] == [2]
    assert len(documents(api, f"?node={first['uuid']}&type=baremetal.node.maintenance_*")) == 6
    assert len(documents(api, "?type=baremetal.node.create.end,baremetal.node.delete.end")) == 2
    page = api.ok("GET", "/v1/notifications?limit=5&since=1")
    assert [one["id"] for one in page["notifications"]] == [2, 3, 4, 5, 6]
    rest = api.ok("GET", page["next"])
    assert [one["id"] for one in rest["notifications"]] == [7, 8]
    assert "next" not in rest
    api.ok("DELETE", "/v1/nodes/m2")
    gone = documents(api, f"?node={second['uuid']}")
    assert [one["event_type"] for one in gone][-1] == "baremetal.node.delete.end"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=x", "since must be a number"),
        ("since=-1", "since must be a number"),
        ("limit=0", "must be positive"),
        ("type=a b", "event types"),
        ("color=red", "Unexpected arguments"),
    ],
)
def test_nonsense_is_refused(api: Api, query: str, words: str) -> None:
    assert words in api.error(400, "GET", f"/v1/notifications?{query}")


def test_everybody_gets_what_is_theirs_alone(tmp_path: Path) -> None:
    users = {"boss": "admin", "ann": "reader:red", "bob": "member:blue", "eve": "reader:green"}
    api = api_with_users(tmp_path, users)
    boss = {"headers": as_user("boss")}
    for name, owner, lessee in (("r", "red", None), ("b", "blue", "red"), ("n", None, None)):
        body = {"driver": "fake-hardware", "name": name, "owner": owner, "lessee": lessee}
        api.ok("POST", "/v1/nodes", body, **boss)
    api.set_row("b", last_error="the BMC says no", maintenance=True)

    def names(user: str) -> list[str]:
        found = documents(api, headers=as_user(user))
        return [one["payload"][DATA]["name"] for one in found]

    assert names("boss") == ["r", "b", "n", "b"]
    assert names("ann") == ["r", "b", "b"]
    assert names("bob") == ["b", "b"]
    assert names("eve") == []
    errors = {
        user: documents(api, headers=as_user(user))[-1]["payload"][DATA]["last_error"]
        for user in ("boss", "ann", "bob")
    }
    assert errors == {"boss": "the BMC says no", "ann": None, "bob": "the BMC says no"}
    assert api.call("GET", "/v1/notifications").status_code == 401
    api.ok("PATCH", "/v1/nodes/r", [{"op": "replace", "path": "/owner", "value": "blue"}], **boss)
    assert names("ann") == ["r", "b", "b"]  # that it was given away is the new owner's to know
    assert names("bob") == ["b", "b", "r"]
