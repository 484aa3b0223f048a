"""Many Redfish BMCs in one process: ``python -m tests.bench.bmcs.redfish_rack CERTIFICATE`` with the plan on standard input.

Each has a TCP port with TLS, and the service of the lab's BMC (``tests/lab/redfish``) with state, accounts and sessions of its
own; the machine is a word. One event loop carries the connections, where the lab has a thread for each.
"""

import asyncio
import itertools
import ssl
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.bench.bmcs.plan import ADDRESS, PASSWORD, USERNAME, BenchBmc, Fault
from tests.bench.bmcs.rack import answer_line, read_plan, say_ready
from tests.lab.redfish.answers import Answer
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.facts import Facts, to_json
from tests.lab.redfish.server import on_the_wire
from tests.lab.redfish.service import Request, respond
from tests.lab.redfish.state import Account, State

_SLOW_S, _LATE_S = 1.0, 5.0
_LATE_EVERY = 10
_BACKLOG = 64


class Machine:
    """A machine that is on or off."""

    def __init__(self, about: BenchBmc) -> None:
        self.about = about
        self.on_at: float | None = None
        """When the power was switched on (``time.monotonic()``); ``None`` = it is off."""
        self._uuid = str(uuid.uuid4())

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Answer what a BMC asks its machine."""
        match question["do"]:
            case "facts":
                on = self.on_at is not None
                return to_json(Facts(name=self.about.name, uuid=self._uuid, is_on=on, boots=0))
            case "is on":
                return {"on": self.on_at is not None}
            case "power on":
                self.on_at = self.on_at or time.monotonic()
            case "power off":
                self.on_at = None
        return {}


class RackBmc:
    """One service and its connections."""

    def __init__(self, machine: Machine) -> None:
        account = Account(name=USERNAME, password=PASSWORD)
        self.machine = machine
        self._desk = Desk(machine.answer, State(accounts=(account,)), folder=Path("/nonexistent"))
        self._numbers = itertools.count(1)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        try:
            while True:
                request = await _request(reader)
                await asyncio.sleep(self._late_s())
                writer.write(_bytes(respond(self._desk, request)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the client has gone
        finally:
            writer.close()

    def _late_s(self) -> float:
        match self.machine.about.fault:
            case Fault.SLOW:
                return _SLOW_S
            case Fault.LOSSY:
                return 0 if next(self._numbers) % _LATE_EVERY else _LATE_S
            case _:
                return 0


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _version = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    split = urlsplit(target)
    return Request(
        method=method,
        path=unquote(split.path).rstrip("/"),
        parameters=dict(parse_qsl(split.query, keep_blank_values=True)),
        headers=headers,
        body=await reader.readexactly(int(headers.get("content-length", 0))),
    )


def _bytes(answer: Answer) -> bytes:
    headers, content = on_the_wire(answer)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    first = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
    return f"{first}{lines}\r\n".encode() + content


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be dead: take the connection and whatever comes, without a word."""
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    finally:
        writer.close()


async def serve(plan: Sequence[BenchBmc], certificate: Path) -> None:
    """Serve until standard input ends."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    machines = [Machine(about) for about in plan]
    for machine in machines:
        is_dead = machine.about.fault is Fault.DEAD
        await asyncio.start_server(
            _say_nothing if is_dead else RackBmc(machine).connected,
            ADDRESS,
            machine.about.port,
            ssl=None if is_dead else tls,
            backlog=_BACKLOG,
        )
    ended = asyncio.Event()

    def line() -> None:
        if not answer_line({one.about.name: one.on_at for one in machines}):
            ended.set()

    asyncio.get_running_loop().add_reader(sys.stdin, line)
    say_ready()
    await ended.wait()


def main(argv: Sequence[str]) -> int:
    """Run the rack."""
    (certificate,) = argv
    asyncio.run(serve(read_plan(), Path(certificate)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
