"""A controller, a machine with the laboratory's BMC, and people who watch and type; all in a network of their own."""

import base64
import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.integration.bmc_doubles import LabMachine, lab_machine
from tests.integration.controller_process import controller_process
from tests.integration.waiting import wait_until
from tests.lab.serial_line import SerialLine

PATIENCE_S = 60
_VERSION = {"X-OpenStack-Ironic-API-Version": "latest"}


class TypedOn:
    """A serial line with nothing but a queue behind it."""

    def __init__(self) -> None:
        self.typed: queue.Queue[bytes] = queue.Queue()
        self.serial = SerialLine(self.typed.put)

    def expect(self, wanted: bytes) -> None:
        got = b""
        while len(got) < len(wanted):
            got += self.typed.get(timeout=PATIENCE_S)
        assert got == wanted

    def show(self, data: bytes) -> None:
        self.serial.show(data, waits=True)


class People:
    """What people ask of one node's console."""

    def __init__(self, url: str, ident: str, auth: tuple[str, str] | None = None) -> None:
        self.url, self.ident, self.auth = url, ident, auth

    def call(self, method: str, below: str, body: object = None) -> requests.Response:
        path = f"{self.url}/v1/nodes/{self.ident}{below}"
        return requests.request(
            method, path, json=body, headers=_VERSION, timeout=PATIENCE_S, auth=self.auth
        )

    def ok(self, method: str, below: str, body: object = None) -> Any:
        reply = self.call(method, below, body)
        assert reply.ok, reply.text
        return reply.json() if reply.content else None

    def switch(self, *, is_on: bool) -> None:
        self.ok("PUT", "/states/console", {"enabled": is_on})

    def wait_open(self) -> None:
        def is_open() -> bool:
            reply = self.call("GET", "/console")
            return bool(reply.ok and reply.json()["state"] == "open")

        wait_until(is_open, 10, "the console is open")

    def keyboard(self, *, force: bool = False) -> str:
        word: str = self.ok("PUT", "/console/keyboard", {"force": force})["keyboard"]
        return word

    def type(self, keyboard: str, data: bytes, at: int = 0) -> int:
        body = {"keyboard": keyboard, "data": base64.b64encode(data).decode(), "at": at}
        taken: int = self.ok("POST", "/console/input", body)["taken"]
        return taken


class Watcher:
    """Somebody who follows a console."""

    def __init__(self, people: People, query: str = "") -> None:
        place = urlsplit(people.url)
        connection = HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE_S)
        headers = dict(_VERSION)
        if people.auth:
            word = base64.b64encode(":".join(people.auth).encode()).decode()
            headers["Authorization"] = f"Basic {word}"
        connection.request(
            "GET", f"/v1/nodes/{people.ident}/console/output{query}", headers=headers
        )
        self._socket = connection.sock
        self.reply = connection.getresponse()
        assert self.reply.status == 200, self.reply.read()
        self.shown = bytearray()
        self.place = ""
        self.standing: dict[str, Any] = {}
        self.has_ended = False
        self._grown = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for(self, wanted: bytes, timeout_s: float = PATIENCE_S) -> None:
        with self._grown:
            assert self._grown.wait_for(lambda: wanted in self.shown, timeout_s), self.shown

    def wait_standing(self, **wanted: object) -> None:
        def is_so() -> bool:
            return all(self.standing.get(key) == value for key, value in wanted.items())

        with self._grown:
            assert self._grown.wait_for(is_so, PATIENCE_S), self.standing

    def wait_end(self) -> None:
        with self._grown:
            assert self._grown.wait_for(lambda: self.has_ended, PATIENCE_S)
        self.leave()

    def leave(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(SHUT_RDWR)
        self._thread.join(PATIENCE_S)
        self._socket.close()

    def _read(self) -> None:
        kind = ""
        with contextlib.suppress(OSError, HTTPException), self.reply:
            while line := self.reply.readline():
                word, _, value = line.decode().rstrip("\n").partition(": ")
                if word == "event":
                    kind = value
                elif word == "id":
                    self.place = value
                elif word == "data":
                    self._take(kind, value)
        with self._grown:
            self.has_ended = True
            self._grown.notify_all()

    def _take(self, kind: str, value: str) -> None:
        with self._grown:
            if kind == "output":
                self.shown += base64.b64decode(value)
            elif kind == "status":
                self.standing = json.loads(value)
            self._grown.notify_all()


@contextmanager
def console_site(
    folder: Path, line: TypedOn, **settings: str | bool | float
) -> Iterator[tuple[LabMachine, str]]:
    """Give a machine and the URL of a controller."""
    with (
        lab_machine(folder, line.serial) as machine,
        machine.network.inside(),
        controller_process(folder, **settings) as url,
    ):
        yield machine, url


def enrol(url: str, machine: LabMachine, name: str = "m1", **more: object) -> People:
    """Add a node with this machine's BMC."""
    body = {
        "driver": "ipmi",
        "name": name,
        "console_interface": "ipmitool-socat",
        "driver_info": machine.info,
        **more,
    }
    reply = requests.post(f"{url}/v1/nodes", json=body, headers=_VERSION, timeout=PATIENCE_S)
    assert reply.ok, reply.text
    return People(url, name)
