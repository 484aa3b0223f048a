"""Webhooks from a real controller to real receivers: signed, in order, slow, dead, refusing, through restarts."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.controller_process import controller_process
from tests.integration.curl_stream import curl
from tests.integration.databases import new_database
from tests.integration.postgres_server import postgres_server
from tests.integration.waiting import wait_until
from tests.integration.webhook_receiver import (
    SECRET_TEXT,
    Receiver,
    receiver,
    signature_by_openssl,
)
from tests.integration.with_ramdisk import WITH_RAMDISK
from tests.lab.ports import free_port

PATIENCE_S = 60
HEADERS = {"X-OpenStack-Ironic-API-Version": "latest"}


def hook_file(folder: Path, **targets: str) -> str:
    secret = folder / "secret"
    secret.write_text(SECRET_TEXT + "\n")
    text = "".join(
        f'[webhooks.{name}]\nsecret_file = "{secret}"\n{lines}\n' for name, lines in targets.items()
    )
    path = folder / "webhooks.toml"
    path.write_text(text)
    return str(path)


def to(url: str, *events: str) -> str:
    return f'url = "{url}"\nevents = {json.dumps(list(events))}'


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def ask(url: str, method: str, path: str, body: Any = None) -> None:
    reply = requests.request(
        method, f"{url}/v1{path}", json=body, headers=HEADERS, timeout=PATIENCE_S
    )
    assert reply.ok, reply.text


def add(url: str, *names: str) -> None:
    for name in names:
        ask(url, "POST", "/nodes", {"driver": "fake-hardware", "name": name})


def metric(url: str, line: str) -> str:
    text = requests.get(f"{url}/metrics", timeout=PATIENCE_S).text
    return next((one.rpartition(" ")[2] for one in text.splitlines() if one.startswith(line)), "")


def wait_taken(hook: Receiver, count: int) -> None:
    wait_until(lambda: len(hook.taken()) >= count, 20, f"{count} calls")


def test_calls_are_signed_and_come_in_order(tmp_path: Path, hook: Receiver) -> None:
    chosen = "baremetal.node.maintenance_set.*"
    with receiver() as other:
        file = hook_file(tmp_path, a=to(hook.url), b=to(other.url, chosen))
        with controller_process(tmp_path, webhook_file=file) as url:
            add(url, "m1", "m2")
            ask(url, "PUT", "/nodes/m1/maintenance", {"reason": "fan"})
            add(url, "m3")
            wait_taken(hook, 4)
            wait_taken(other, 1)
            behind = 'ingot_webhook_behind{webhook="b"}'
            wait_until(lambda: metric(url, behind) == "0.0", 20, "all is told")
            assert (
                metric(url, 'ingot_webhook_notifications_total{outcome="sent",webhook="a"}')
                == "4.0"
            )
    assert hook.types() == ["create.end", "create.end", "maintenance_set.end", "create.end"]
    assert other.types() == ["maintenance_set.end"]
    for got in hook.got:
        assert got.headers["webhook-signature"] == signature_by_openssl(got)
        assert got.headers["webhook-id"] == got.document["message_id"]
        assert got.headers["content-type"] == "application/json"


@pytest.mark.long
def test_a_dead_target_holds_up_nobody_and_gets_all_of_it_later(
    tmp_path: Path, hook: Receiver
) -> None:
    port = free_port()
    with receiver() as slow:
        slow.delay_s = 5
        targets = {
            "a": to(hook.url),
            "dead": to(f"http://127.0.0.1:{port}/hook"),
            "slow": to(slow.url),
        }
        file = hook_file(tmp_path, **targets)
        with controller_process(tmp_path, webhook_file=file, webhook_timeout_s=1) as url:
            names = [f"m{number}" for number in range(5)]
            add(url, *names)
            wait_taken(hook, 5)
            log = tmp_path / "controller.log"
            wait_until(lambda: "refused the connection" in log.read_text(), 20, "the words")
            wait_until(lambda: "did not answer within 1 s" in log.read_text(), 20, "the words")
            with receiver(port) as back:
                wait_taken(back, 5)
                numbers = [one.number for one in back.taken()]
            assert numbers == sorted(numbers)
            slow.delay_s = 0
            wait_taken(slow, 5)
            again = "takes notifications again"
            wait_until(lambda: log.read_text().count(again) == 2, 40, "both are well again")


@pytest.mark.long
def test_one_that_is_refused_is_tried_again_and_then_passed_over(
    tmp_path: Path, hook: Receiver
) -> None:
    hook.answer = lambda n: 400 if n < 5 else 204
    with controller_process(tmp_path, webhook_file=hook_file(tmp_path, a=to(hook.url))) as url:
        add(url, "m1", "m2")
        wait_taken(hook, 1)
        assert [one.number for one in hook.got] == [1, 1, 1, 1, 1, 2]
        assert len({one.headers["webhook-id"] for one in hook.got}) == 2
        given_up = 'ingot_webhook_notifications_total{outcome="given_up",webhook="a"}'
        wait_until(lambda: metric(url, given_up) == "1.0", 20, "it is counted")
        words = (tmp_path / "controller.log").read_text()
        assert "is given up after 5 tries" in words
        assert "answers 400 Bad Request" in words


def test_what_is_too_old_is_given_up(tmp_path: Path, hook: Receiver) -> None:
    hook.answer = lambda _n: 503
    file = hook_file(tmp_path, a=to(hook.url))
    with controller_process(tmp_path, webhook_file=file, webhook_give_up_s=2) as url:
        add(url, "m1", "m2", "m3")
        log = tmp_path / "controller.log"
        wait_until(lambda: "more notifications are given up" in log.read_text(), 40, "the words")
        hook.answer = lambda _n: 204
        add(url, "m4")
        wait_taken(hook, 1)
    assert [one.number for one in hook.taken()] == [4]


class Killable:
    """A controller that is killed and started again."""

    def __init__(self, folder: Path, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        lines = {"listen_port": port, "state_directory": str(folder / "state"), **WITH_RAMDISK}
        self._config = folder / "controller.toml"
        self._config.write_text(
            "".join(
                f"{key} = {json.dumps(value)}\n" for key, value in {**lines, **settings}.items()
            )
        )
        self._log = folder / "controller.log"

    @contextmanager
    def running(self, *, end: signal.Signals = signal.SIGKILL) -> Iterator[None]:
        program = Path(sys.executable).with_name("ingot-controller")
        with self._log.open("ab") as log:
            process = subprocess.Popen([program, "serve", "--config", self._config], stderr=log)
        try:
            wait_until(self._answers, PATIENCE_S, "the start")
            yield
        finally:
            process.send_signal(end)
            process.wait(PATIENCE_S)

    def _answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.RequestException:
            return False


@pytest.mark.long
@pytest.mark.timeout(180)
def test_kills_lose_none_and_keep_the_order(tmp_path: Path, hook: Receiver) -> None:
    hook.delay_s = 0.05
    controller = Killable(tmp_path, webhook_file=hook_file(tmp_path, a=to(hook.url)))
    with controller.running():
        pass  # the target is known from here on
    for turn in range(3):
        with controller.running():
            add(controller.url, *(f"n{turn}-{number}" for number in range(20)))
    with controller.running(end=signal.SIGTERM):
        wait_until(lambda: {one.number for one in hook.taken()} >= set(range(1, 61)), 60, "all")
    first = list(dict.fromkeys(one.number for one in hook.taken()))
    assert first == list(range(1, 61))
    assert len(hook.taken()) <= 60 + 4  # at most the one that was under way at each kill
    by_number: dict[int, set[str]] = {}
    for one in hook.taken():
        by_number.setdefault(one.number, set()).add(one.headers["webhook-id"])
    assert all(len(names) == 1 for names in by_number.values())


@pytest.mark.postgres
@pytest.mark.long
@pytest.mark.timeout(240)
def test_of_several_controllers_one_tells_and_another_goes_on(
    tmp_path: Path, hook: Receiver
) -> None:
    file = hook_file(tmp_path, a=to(hook.url))
    folders = {name: tmp_path / name for name in ("one", "two")}
    for folder in folders.values():
        folder.mkdir()
    with postgres_server() as server:
        shared = {
            "database_url": new_database(server),
            "secrets_key_file": str(tmp_path / "key"),
            "webhook_file": file,
        }
        stacks = {name: ExitStack() for name in folders}
        with stacks["one"], stacks["two"]:
            urls = {
                name: stack.enter_context(
                    controller_process(folders[name], hostname=name, **shared)
                )
                for name, stack in stacks.items()
            }
            for number in range(10):
                add(urls["one"], f"a{number}")
                add(urls["two"], f"b{number}")
            wait_taken(hook, 20)
            assert [one.number for one in hook.taken()] == list(range(1, 21))
            publishers = {one.document["publisher_id"] for one in hook.taken()}
            assert publishers == {"ingot-controller.one", "ingot-controller.two"}
            lists = [
                requests.get(f"{url}/v1/notifications", headers=HEADERS, timeout=60).json()
                for url in urls.values()
            ]
            assert lists[0] == lists[1]
            with curl(f"{urls['two']}/v1/notifications/stream?since=15") as reader:
                add(urls["one"], "late")
                assert len(reader.wait_count(6)) == 6
                assert reader.numbers() == list(range(16, 22))
            stacks["one"].close()
            add(urls["two"], "c")
            wait_taken(hook, 22)
    assert [one.number for one in hook.taken()] == list(range(1, 23))
