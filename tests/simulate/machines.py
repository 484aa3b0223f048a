"""Machines without hardware, thousands in one process: a BMC, and an agent when the machine boots the ramdisk.

Each agent has a loopback address of its own (127.x.y.z), as machines have, so that the controller's limits by
address mean what they mean in a rack.
"""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.integration.agent_behaviour import Behaviour
from tests.integration.agent_double_answers import end, shown
from tests.simulate.http import Answer, Asked, call
from tests.simulate.options import Options

_BOOT_S = (60.0, 120.0)
_SECONDS = {"erase_devices_metadata": 10.0, "erase_devices": 60.0, "write_image": 90.0}
"""How long steps take; others end at once."""
_BMC_S = (0.01, 0.05)
_AGAIN_S = 2.0
_VERSIONS = {"generic_hardware_manager": "1"}
_FIRST_ADDRESS = 0x7F01_0000


def mac_of(number: int) -> str:
    """Return the MAC address of a machine."""
    return f"52:54:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def address_of(number: int) -> str:
    """Return the address of a machine's agent."""
    value = _FIRST_ADDRESS + number + 1
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def number_of(address: str) -> int:
    """Return the machine that has this address."""
    value = 0
    for part in address.split("."):
        value = value << 8 | int(part)
    return value - _FIRST_ADDRESS - 1


@dataclass
class Seen:
    """What the machines saw of the controllers."""

    beats_s: list[float] = field(default_factory=list)
    """How long each heartbeat took that was taken."""
    gaps_s: list[float] = field(default_factory=list)
    """Time between two of an agent's that were taken."""
    lookups_s: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Park:
    """All machines, and where the controllers are."""

    def __init__(self, options: Options, apis: list[tuple[str, int]]) -> None:
        self.options = options
        self.apis = apis
        self.seen = Seen()
        self.chance = random.Random(options.seed)
        self.machines = [Machine(self, number) for number in range(options.nodes)]
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the rest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def ask(
        self, machine: "Machine", method: str, path: str, document: Any = None
    ) -> Answer | None:
        """Ask a controller; one that does not answer is followed by the next. ``None`` = none answers."""
        for turn in range(len(self.apis)):
            api = self.apis[(machine.number + turn) % len(self.apis)]
            try:
                return await call(api, method, path, document, source=machine.address)
            except (OSError, TimeoutError):
                self.seen.counts["no answer"] += 1
        return None

    async def answer_bmc(self, asked: Asked) -> tuple[int, Any]:
        """Answer as a machine's BMC, or as a web server with an image."""
        _, kind, *rest = asked.path.split("/")
        if kind != "bmc":
            return 200, "an image"
        await asyncio.sleep(self.chance.uniform(*_BMC_S))
        self.seen.counts["BMC calls"] += 1
        machine = self.machines[int(rest[0])]
        if asked.document is not None:
            machine.obey(asked.document)
        return 200, {"power": machine.is_on, "boot": machine.boot_device}

    async def answer_agent(self, asked: Asked) -> tuple[int, Any]:
        """Answer as the agent at the address."""
        agent = self.machines[number_of(asked.at)].agent
        if agent is None:
            raise ConnectionError("no agent runs there")
        return await agent.answer(asked)


class Machine:
    """A power switch with an agent behind it."""

    def __init__(self, park: Park, number: int) -> None:
        self.park, self.number = park, number
        self.address = address_of(number)
        self.is_on = False
        self.boot_device = "disk"
        self.agent: Agent | None = None
        self._life: asyncio.Task[None] | None = None

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out an order to the BMC."""
        self.boot_device = order.get("boot", self.boot_device)
        wanted = order.get("power")
        if wanted == "reset":
            self.switch(is_on=False)
        if wanted is not None:
            self.switch(is_on=wanted != "off")

    def switch(self, *, is_on: bool) -> None:
        """Switch the power."""
        if is_on == self.is_on:
            return
        self.is_on = is_on
        if self._life is not None:
            self._life.cancel()
        self._life, self.agent = None, None
        if is_on and self.boot_device == "pxe":
            self.boot_device = "disk"
            self._life = self.park.begin(self._boot())

    def wait_in_ramdisk(self, node_uuid: str, token: str) -> None:
        """Be on, with an agent that has its token already."""
        self.is_on = True
        agent = Agent(self, node_uuid, token)
        self.agent = agent
        self._life = self.park.begin(agent.beat_for_ever(is_first=False))

    async def _boot(self) -> None:
        park = self.park
        await asyncio.sleep(park.chance.uniform(*_BOOT_S) / park.options.speed)
        if park.chance.random() < park.options.hanging_boots:
            park.seen.counts["boots that hang"] += 1
            return
        while True:
            began = time.monotonic()
            answer = await park.ask(self, "GET", f"/v1/lookup?addresses={mac_of(self.number)}")
            if answer is not None and answer.status == 200:
                break
            park.seen.counts["lookups again"] += 1
            await asyncio.sleep(_AGAIN_S)
        park.seen.lookups_s.append(time.monotonic() - began)
        token = answer.document["config"]["agent_token"]
        self.agent = Agent(self, answer.document["node"]["uuid"], token)
        await self.agent.beat_for_ever(is_first=True)


class Agent:
    """One boot of the ramdisk."""

    def __init__(self, machine: Machine, node_uuid: str, token: str) -> None:
        self._machine, self._park = machine, machine.park
        self._node_uuid, self._token = node_uuid, token
        self._commands: list[dict[str, Any]] = []
        self._taken_at: float | None = None

    async def beat_for_ever(self, *, is_first: bool) -> None:
        """Send heartbeats; agents of one site do not beat together."""
        interval_s = self._park.options.heartbeat_s
        if not is_first:
            await asyncio.sleep(self._park.chance.uniform(0, interval_s))
        again_s = _AGAIN_S
        while True:
            is_taken = await self.beat()
            again_s = _AGAIN_S if is_taken else min(2 * again_s, interval_s)
            await asyncio.sleep(interval_s if is_taken else again_s)

    async def beat(self) -> bool:
        """Send one heartbeat; true = it was taken."""
        body = {
            "callback_url": f"http://{self._machine.address}:{self._park.options.agent_port}",
            "agent_token": self._token,
            "agent_version": "13.0.0",
        }
        began = time.monotonic()
        answer = await self._park.ask(
            self._machine, "POST", f"/v1/heartbeat/{self._node_uuid}", body
        )
        now, seen = time.monotonic(), self._park.seen
        if answer is None or answer.status != 202:
            seen.counts[f"heartbeats: {answer.status if answer else 'no answer'}"] += 1
            return False
        seen.beats_s.append(now - began)
        if self._taken_at is not None:
            seen.gaps_s.append(now - self._taken_at)
        self._taken_at = now
        return True

    async def answer(self, asked: Asked) -> tuple[int, Any]:
        """Answer the controller."""
        if asked.query.get("agent_token") != [self._token]:
            return 401, {"faultcode": "Client", "faultstring": "Unauthorized: Token invalid."}
        if asked.document is None:
            return 200, {"commands": [shown(command) for command in self._commands]}
        if any(command["command_status"] == "RUNNING" for command in self._commands):
            return 409, {"faultcode": "Client", "faultstring": "Agent is busy: executing command"}
        command = self._begin(asked.document)
        self._park.seen.counts[f"command {command['name']}"] += 1
        if asked.query.get("wait") == ["true"] or command["name"] not in _SECONDS:
            self._end(command)
        else:
            self._park.begin(self._run(command))
        return 200, shown(command)

    def _begin(self, body: dict[str, Any]) -> dict[str, Any]:
        short = body["name"].partition(".")[2]
        params = body["params"]
        command = {
            "id": str(uuid.uuid4()),
            "command_name": short,
            "command_status": "RUNNING",
            "command_error": None,
            "command_result": None,
            "name": params["step"]["step"] if short.startswith("execute_") else short,
            "full_name": body["name"],
            "params": params,
        }
        self._commands.append(command)
        return command

    async def _run(self, command: dict[str, Any]) -> None:
        seconds = _SECONDS[command["name"]] / self._park.options.speed
        await asyncio.sleep(seconds * self._park.chance.uniform(0.7, 1.3))
        self._end(command)
        if self._machine.agent is self:
            await self.beat()

    def _end(self, command: dict[str, Any]) -> None:
        behaviour = Behaviour()
        is_step = command["name"] in _SECONDS
        if is_step and self._park.chance.random() < self._park.options.failing_steps:
            self._park.seen.counts["steps that fail"] += 1
            behaviour.failures[command["name"]] = "the drive does not answer"
        end(command, behaviour, _VERSIONS)
        if command["name"] == "power_off":
            asyncio.get_running_loop().call_later(0.1, self._switch_off)

    def _switch_off(self) -> None:
        self._machine.switch(is_on=False)
