"""The log of the hardware by the Redfish driver: of the laboratory's BMC, of recorded machines, and of services that order it otherwise."""

import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sushy.resources.system.system import System

from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.bmc.redfish_document import read as read_document
from controller.bmc.redfish_errors import NotOfferedError
from controller.bmc.redfish_log import LogReading, clear_log
from controller.bmc.redfish_turns import in_turns
from controller.hardware.abilities import Health
from controller.hardware.sensors import BmcLog
from controller.workflow.hardware_events import bad_entries
from tests.integration.redfish_doubles import RedfishLab, driver_info
from tests.integration.redfish_fixtures import bmc, driver, lab, shared
from tests.integration.redfish_table import ROOT, TableService

__all__ = ["bmc", "driver", "lab", "shared"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 20.0


def test_the_log_is_read_newest_first_and_cleared(lab: RedfishLab, bmc: RedfishBmc) -> None:
    bmc.clear_log(timeout_s=S)
    for switch in (bmc.power_on, bmc.reset, bmc.power_off):
        switch(timeout_s=S)
    log = bmc.log(100, timeout_s=S)
    assert log.total == len(log.entries) >= 3
    times = [entry.created_at or 0 for entry in log.entries]
    assert times == sorted(times, reverse=True)
    client = lab.client()
    (system,) = client.get("Systems")["Members"]
    entries = client.get(f"{system['@odata.id']}/LogServices/SEL/Entries")["Members"]
    assert {entry.message for entry in log.entries} == {one["Message"] for one in entries}
    assert {entry.severity for entry in log.entries} <= set(Health)
    assert len(bmc.log(1, timeout_s=S).entries) == 1
    bmc.clear_log(timeout_s=S)
    assert bmc.log(100, timeout_s=S).total <= 1


def service(entries: Mapping[str, Any], *, logs: tuple[str, ...] = ("SEL",)) -> TableService:
    base = f"{ROOT}/Systems/1/LogServices"
    return TableService(
        {
            f"{ROOT}/Systems/1": {"LogServices": {"@odata.id": base}},
            base: {"Members": [{"@odata.id": f"{base}/{name}"} for name in logs]},
            **{f"{base}/{name}": {"Entries": {"@odata.id": f"{base}/{name}/E"}} for name in logs},
            **{f"{base}/SEL/E{path}": body for path, body in entries.items()},
        }
    )


def entry(number: int, **more: Any) -> dict[str, Any]:
    created = f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}+00:00"
    return {"Id": str(number), "Created": created, "Message": f"event {number}", **more}


def read_log(system: Any, most: int) -> BmcLog:
    """Read a log at once; the driver does it in turns."""
    reading = LogReading(most)
    for _ in reading.steps(system):
        pass
    return reading.log


def read(one: TableService, most: int) -> list[str]:
    asked: Any = one
    return [entry.message for entry in read_log(asked, most).entries]


def test_a_bmc_without_a_log_says_so() -> None:
    made: Any = TableService({f"{ROOT}/Systems/1": {"Links": {"ManagedBy": []}}})
    for call in (lambda: read_log(made, 5), lambda: clear_log(made)):
        with pytest.raises(NotOfferedError, match=r"does not offer a log .* look at its own page"):
            call()


def test_a_log_that_cannot_be_cleared_says_so() -> None:
    made: Any = service({"": {"Members": [entry(1)]}})
    with pytest.raises(NotOfferedError, match="does not offer to clear the log"):
        clear_log(made)


@pytest.mark.parametrize("is_oldest_first", [True, False])
def test_the_newest_are_found_at_either_end(is_oldest_first: bool) -> None:
    several = [entry(number) for number in range(30)]
    ordered = several if is_oldest_first else several[::-1]
    pages = {
        "": {
            "Members": ordered[:20],
            "Members@odata.count": 30,
            "Members@odata.nextLink": f"{ROOT}/Systems/1/LogServices/SEL/E?skip=20",
        },
        "?skip=20": {"Members": ordered[20:]},
    }
    assert read(service(pages), 3) == ["event 29", "event 28", "event 27"]


@pytest.mark.parametrize("is_oldest_first", [True, False])
def test_entries_that_are_only_linked_are_read_at_both_ends(is_oldest_first: bool) -> None:
    base = f"{ROOT}/Systems/1/LogServices/SEL/E"
    numbers = range(100) if is_oldest_first else range(99, -1, -1)
    members = {"Members": [{"@odata.id": f"{base}/{number}"} for number in numbers]}
    made = service({"": members, **{f"/{number}": entry(number) for number in range(100)}})
    assert read(made, 2) == ["event 99", "event 98"]
    assert made.asked < 15


@pytest.mark.parametrize("is_linked", [True, False])
def test_a_long_log_is_read_in_small_steps_and_little_of_it_is_held(is_linked: bool) -> None:
    base = f"{ROOT}/Systems/1/LogServices/SEL/E"
    several = [entry(number, x="y" * 1000) for number in range(3000)]
    given = [{"@odata.id": f"{base}/{one['Id']}"} for one in several] if is_linked else several
    made: Any = service({"": {"Members": given}, **{f"/{one['Id']}": one for one in several}})
    reading, asked = LogReading(50), made.asked
    for _ in reading.steps(made):
        assert made.asked - asked <= 6
        asked = made.asked
        assert len(reading._found) <= 100
    assert [one.message for one in reading.log.entries[:2]] == ["event 2999", "event 2998"]
    assert len(reading.log.entries) == 50


def test_a_page_without_end_is_cut_off() -> None:
    made: Any = service({"": {"Members": [entry(1)] * 20_000}})
    assert read_log(made, 5).total == 5000


def test_orders_of_power_come_between_the_requests_of_a_long_reading(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    is_switched, begun = threading.Event(), threading.Event()

    def steps(system: System) -> Iterator[None]:
        while not is_switched.is_set():
            read_document(system, system.path)
            begun.set()
            yield

    def read_on() -> None:
        ended.extend(in_turns(bmc._calls, "read on", 90, steps))

    ended: list[None] = []
    reader = threading.Thread(target=read_on)
    reader.start()
    assert begun.wait(20)
    RedfishDriver.connect(RedfishDriver(bmc._calls._sessions), driver_info(lab)).power_on(
        timeout_s=30
    )
    assert reader.is_alive()
    is_switched.set()
    reader.join(30)
    assert not reader.is_alive()


def test_the_log_of_the_hardware_is_chosen_of_several() -> None:
    made = service({"": {"Members": [entry(1)]}}, logs=("Audit", "SEL", "Crashdump"))
    assert read(made, 5) == ["event 1"]


@pytest.mark.parametrize(
    "members",
    [
        [None, 7, "x", []],
        [{"Message": 7}],
        [{"Message": "m", "Created": "yesterday", "Severity": "Bad", "Id": 5}],
        [{"Message": "m", "Created": "9999-99-99"}, {"Message": "m\nn", "Created": 7}],
        "nonsense",
        None,
    ],
)
def test_entries_of_any_form_are_read_past_or_shown_on_one_line(members: Any) -> None:
    loop = f"{ROOT}/Systems/1/LogServices/SEL/E"
    made: Any = service(
        {"": {"Members": members, "Members@odata.nextLink": loop, "Members@odata.count": "many"}}
    )
    for one in read_log(made, 10).entries:
        assert (one.id + one.message + one.sensor).isprintable()
        assert one.severity is None


@pytest.mark.parametrize(
    "odd",
    [
        "9999-12-31T23:59:59-23:00",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:00",
        "1969-12-31T23:59:59Z",
        pytest.param((datetime.now(UTC) + timedelta(days=3)).isoformat(), id="in three days"),
    ],
)
def test_a_time_that_cannot_be_true_is_none_and_hides_nothing_newer(odd: str) -> None:
    members = [entry(number) for number in range(3)]
    members.append({"Id": "odd", "Created": odd, "Message": "odd", "Severity": "Critical"})
    asked: Any = service({"": {"Members": members}})
    found = read_log(asked, 4).entries
    assert [one.message for one in found] == ["event 2", "event 1", "event 0", "odd"]
    assert found[-1].created_at is None
    assert bad_entries(found, time.time()) == []


def test_a_time_without_an_offset_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        asked: Any = service(
            {"": {"Members": [{"Message": "m", "Created": "2026-01-01T00:00:00"}]}}
        )
        (found,) = read_log(asked, 1).entries
        assert found.created_at == datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    finally:
        monkeypatch.undo()
        time.tzset()
