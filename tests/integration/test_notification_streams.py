"""Event streams of notifications from a real controller, read by curl; and through kills of the controller."""

import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.controller_process import controller_process
from tests.integration.curl_stream import PATIENCE_S, curl
from tests.integration.killed_process import Process, process
from tests.integration.waiting import wait_until

__all__ = ["process"]

HEADERS = {"X-OpenStack-Ironic-API-Version": "latest"}


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    reply = requests.request(
        method, f"{url}/v1{path}", json=body, headers=HEADERS, timeout=PATIENCE_S
    )
    assert reply.ok, reply.text
    return reply.json() if reply.content else None


def add(url: str, name: str) -> None:
    ask(url, "POST", "/nodes", {"driver": "fake-hardware", "name": name})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("site")
    with controller_process(folder, notification_streams=3, threads=4) as url:
        yield url


def test_curl_follows_and_comes_again_where_it_was(site: str) -> None:
    stream = f"{site}/v1/notifications/stream"
    with curl(stream) as first:
        first.wait_place()
        add(site, "one")
        (event,) = first.wait_count(1)
    assert event["event"] == "baremetal.node.create.end"
    assert json.loads(event["data"])["id"] == int(event["id"])
    add(site, "two")
    with curl(stream, "--header", f"Last-Event-ID: {event['id']}") as second:
        (again,) = second.wait_count(1)
        assert json.loads(again["data"])["payload"]["ironic_object.data"]["name"] == "two"
        ask(site, "PUT", "/nodes/one/maintenance", {})
        second.wait_count(2)
    with curl(f"{stream}?since=0&node=one&type=baremetal.node.maintenance_set.*") as third:
        (chosen,) = third.wait_count(1)
        assert chosen["event"] == "baremetal.node.maintenance_set.end"


def test_more_streams_than_there_may_be_are_refused_and_others_served(site: str) -> None:
    """More than there are threads for requests: none is held by a stream."""
    stream = f"{site}/v1/notifications/stream"

    def refusal() -> int:
        with requests.get(stream, headers=HEADERS, timeout=PATIENCE_S, stream=True) as reply:
            return reply.status_code

    with curl(stream) as one, curl(stream) as two, curl(stream) as three:
        for each in (one, two, three):
            each.wait_place()
        assert refusal() == 503
        add(site, "three")
        for each in (one, two, three):
            each.wait_count(1)
        metrics = requests.get(f"{site}/metrics", timeout=PATIENCE_S).text
        assert "ingot_notification_streams 3.0" in metrics
    wait_until(lambda: refusal() == 200, 20, "a place is free again")


def test_who_was_away_for_too_long_is_told_of_the_gap(tmp_path: Path) -> None:
    with controller_process(tmp_path, notification_entries=3) as url:
        for number in range(8):
            add(url, f"m{number}")

        def oldest() -> int:
            return int(ask(url, "GET", "/notifications")["notifications"][0]["id"])

        wait_until(lambda: oldest() == 6, 30, "the older ones are removed")
        stream = f"{url}/v1/notifications/stream"
        with curl(stream, "--header", "Last-Event-ID: 2") as behind:
            gap, *rest = behind.wait_count(4)
            assert (gap["event"], gap["id"], gap["data"]) == ("gap", "5", '{"until": 5}')
            assert [one["id"] for one in rest] == ["6", "7", "8"]
        with curl(stream, "--header", "Last-Event-ID: 99") as ahead:
            assert ahead.wait_count(4)[0]["event"] == "gap"
        with curl(stream, "--header", "Last-Event-ID: 5") as just_there:
            assert [one["id"] for one in just_there.wait_count(3)] == ["6", "7", "8"]


def test_the_command_line_lists_and_follows(site: str) -> None:
    program = Path(os.environ.get("INGOT_PROGRAM", "build/venv/bin/ingot"))
    add(site, "four")
    words = [str(program), "--url", site, "events", "--node", "four"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "four  create.end" in listed
    following = subprocess.Popen(
        [*words, "--follow", "--since", "0"], stdout=subprocess.PIPE, text=True
    )
    assert following.stdout
    try:
        assert "create.end" in following.stdout.readline()
        ask(site, "PUT", "/nodes/four/maintenance", {"reason": "new fan"})
        assert "maintenance_set.end  on: new fan" in following.stdout.readline()
    finally:
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
        following.stdout.close()


@pytest.mark.long
@pytest.mark.timeout(240)
def test_kills_of_the_controller_lose_none_and_double_none(process: Process) -> None:
    """Of each change that was answered there is one notification, in one row of numbers, with one reader through all kills."""
    wanted = 0
    seen: list[int] = []
    place = "0"
    for turn in range(4):
        stop = threading.Event()
        done: list[int] = []

        def change(stop: threading.Event = stop, done: list[int] = done, turn: int = turn) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                body = {"driver": "fake-hardware", "name": f"n{turn}-{number}"}
                try:
                    reply = requests.post(
                        f"{process.url}/v1/nodes", json=body, headers=HEADERS, timeout=10
                    )
                except requests.RequestException:
                    return
                if reply.ok:
                    done.append(number)

        thread = threading.Thread(target=change)
        stream = f"{process.url}/v1/notifications/stream"
        with curl(stream, "--header", f"Last-Event-ID: {place}") as reader:
            thread.start()
            reader.wait_count(10)
            process.kill()
            reader.process.wait(PATIENCE_S)
            stop.set()
            thread.join(PATIENCE_S)
            seen += reader.numbers()
            place = str(seen[-1])
        wanted += len(done)
        process.start()
    with curl(
        f"{process.url}/v1/notifications/stream", "--header", f"Last-Event-ID: {place}"
    ) as last:
        last.wait_place()
        with sqlite3.connect(process.folder / "ingot.sqlite") as database:
            (nodes,) = database.execute("SELECT count(*) FROM nodes").fetchone()
            (newest,) = database.execute("SELECT last FROM notification_counters").fetchone()
        last.wait_count(newest - int(place))
        seen += last.numbers()
    assert seen == list(range(1, newest + 1))
    assert nodes >= wanted
    assert newest >= nodes
