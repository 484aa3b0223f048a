"""The laboratory's Redfish BMC streams events to whoever listens (DSP0266 13.5.3)."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.integration.redfish_doubles import Client, RedfishLab
from tests.integration.redfish_fixtures import shared
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
RESET = "Systems/1/Actions/ComputerSystem.Reset"
TEST_EVENT = "EventService/Actions/EventService.SubmitTestEvent"
SUBSCRIPTIONS = "EventService/Subscriptions"
SOON_S = 10


@pytest.fixture
def lab(shared: RedfishLab) -> Iterator[RedfishLab]:
    with shared.as_new() as made:
        wait_until_none_is_left(made.client())  # of the test before
        yield made


def listen(lab: RedfishLab, **headers: str) -> requests.Response:
    """Open the stream that the service names."""
    address = lab.client().get("EventService")["ServerSentEventUri"]
    return requests.get(
        f"{lab.bmc.url}{address}",
        auth=(lab.bmc.username, lab.bmc.password),
        verify=str(lab.bmc.certificate),
        headers=headers,
        stream=True,
        timeout=SOON_S,
    )


def events(stream: requests.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the events of a stream, each with the number before it."""
    number = ""
    for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        if name == "id":
            number = value
        elif name == "data":
            yield number, json.loads(value)


def subscriptions(client: Client) -> list[str]:
    return [one["@odata.id"] for one in client.get(SUBSCRIPTIONS)["Members"]]


def wait_until_none_is_left(client: Client) -> None:
    give_up_at = time.monotonic() + SOON_S
    while subscriptions(client) and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert subscriptions(client) == []


def test_events_come_in_order_with_numbers_of_their_own(lab: RedfishLab) -> None:
    client = lab.client()
    with listen(lab) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        client.ask("POST", RESET, {"ResetType": "On"})
        client.ask("POST", TEST_EVENT, {"EventType": "Alert", "Message": "second"})
        came = events(stream)
        (first_number, first), (second_number, second) = next(came), next(came)
    assert "On" in first["Events"][0]["Message"]
    assert second["Events"][0]["Message"] == "second"
    assert {first["@odata.type"], second["@odata.type"]} == {"#Event.v1_10_1.Event"}
    assert first_number != second_number


def test_a_subscription_stands_for_a_stream_as_long_as_it_is_open(lab: RedfishLab) -> None:
    client = lab.client()
    with listen(lab):
        (path,) = subscriptions(client)
        shown = client.get(path)
        assert (shown["SubscriptionType"], shown["Destination"]) == ("SSE", None)
    wait_until_none_is_left(client)


def test_the_end_of_the_subscription_is_the_end_of_the_stream(lab: RedfishLab) -> None:
    client = lab.client()
    with listen(lab) as stream:
        (path,) = subscriptions(client)
        assert client.ask("DELETE", path).status_code == 204
        assert list(events(stream)) == []


def test_there_are_a_few_streams_and_no_more(lab: RedfishLab) -> None:
    open_ones = []
    while (stream := listen(lab)).ok:
        open_ones.append(stream)
        assert len(open_ones) < 20
    assert stream.status_code == 503
    for one in open_ones:
        one.close()
    wait_until_none_is_left(lab.client())
    with listen(lab) as again:
        assert again.ok


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/json", 406), ("text/event-stream", 200), ("application/json, */*;q=0.1", 200)],
)
def test_who_takes_no_events_gets_none(lab: RedfishLab, accept: str, status: int) -> None:
    with listen(lab, Accept=accept) as stream:
        assert stream.status_code == status
        if status != 200:
            assert stream.json()["error"]["code"].endswith("HeaderInvalid")


def test_a_bmc_without_events_has_no_stream(lab: RedfishLab) -> None:
    address = lab.client().get("EventService")["ServerSentEventUri"]
    lab.bmc.set_faults(RedfishFaults(without_optional=True))
    assert lab.client().ask("GET", address).status_code == 404
