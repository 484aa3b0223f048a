"""One simulation: heartbeats alone, then a wave of machines that are cleaned and deployed at once, and what came of it."""

import asyncio
import contextlib
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.api_results import percentiles_ms
from tests.bench.conditions import conditions
from tests.lab.ports import free_port
from tests.simulate.http import call, serve
from tests.simulate.machines import Park
from tests.simulate.options import Options
from tests.simulate.site import Process, load, running_site, token_of, uuid_of

_LOOK_S = 1.0
_TOLD_S = 15.0
_AT_A_TIME = 8
_DESCRIPTORS = 65_536
_FAILED = frozenset({"clean failed", "deploy failed"})
Say = Callable[[str], None]


class Wave:
    """The machines that are cleaned and deployed, as the API shows them."""

    def __init__(self, park: Park, options: Options) -> None:
        self._park = park
        self._options = options
        self.states: dict[str, str] = {}
        self.ended_s: dict[str, float] = {}
        """Time from the first order until it is ``active`` or has failed."""
        self._ordered: set[str] = set()
        self._refused = Counter[str]()
        self._began = 0.0
        self._room = asyncio.Semaphore(_AT_A_TIME)

    async def run(self, say: Say, on_half: Callable[[], None]) -> None:
        """Order everything and follow it to its end."""
        self._began = time.monotonic()
        uuids = [uuid_of(number) for number in range(self._options.wave)]
        await asyncio.gather(*(self._order(uuid, "provide") for uuid in uuids))
        say(f"{len(uuids)} machines were asked for, {time.monotonic() - self._began:.0f} s")
        told_at, is_half = time.monotonic(), False
        while len(self.ended_s) < len(uuids):
            await asyncio.sleep(_LOOK_S)
            await self._look()
            if not is_half and len(self._ordered) >= len(uuids) // 2:
                is_half = True
                on_half()
            if time.monotonic() - told_at > _TOLD_S:
                told_at = time.monotonic()
                say(f"{told_at - self._began:5.0f} s: {dict(Counter(self.states.values()))}")
            if time.monotonic() - self._began > self._options.longest_s:
                say("it takes too long: the rest is left as it is")
                return

    async def _order(self, uuid: str, target: str) -> None:
        path = f"/v1/nodes/{uuid}/states/provision"
        while True:
            async with self._room:
                answer = await self._ask("PUT", path, {"target": target})
            if answer is not None and answer.status == 202:
                return
            self._refused[str(answer.status if answer else "no answer")] += 1
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        marker, left = "", self._options.wave
        while left > 0:
            fields = f"fields=uuid,provision_state&limit={min(left, 1000)}{marker}"
            answer = await self._ask("GET", f"/v1/nodes?{fields}")
            if answer is None or answer.status != 200:
                return
            nodes = answer.document["nodes"]
            self.states |= {node["uuid"]: node["provision_state"] for node in nodes}
            left -= len(nodes)
            marker = f"&marker={nodes[-1]['uuid']}"
        now = time.monotonic()
        for uuid, state in self.states.items():
            if state == "available" and uuid not in self._ordered:
                self._ordered.add(uuid)
                self._park.begin(self._order(uuid, "active"))
            if uuid not in self.ended_s and (state == "active" or state in _FAILED):
                self.ended_s[uuid] = now - self._began

    async def _ask(self, method: str, path: str, document: Any = None) -> Any:
        for api in self._park.apis:
            with contextlib.suppress(OSError, TimeoutError):
                return await call(api, method, path, document)
        return None

    def figures(self) -> dict[str, Any]:
        """Return what came of it."""
        ends = sorted(self.ended_s[uuid] for uuid in self.ended_s if self.states[uuid] == "active")
        whole_s = max(self.ended_s.values(), default=0.0)
        return {
            "machines": self._options.wave,
            "states": dict(Counter(self.states.values())),
            "ended": len(self.ended_s),
            "refused_orders": dict(self._refused),
            "seconds": round(whole_s, 1),
            "deployed_per_hour": round(len(ends) * 3600 / whole_s) if whole_s else 0,
            "machine_seconds_p50": round(ends[len(ends) // 2], 1) if ends else None,
        }


async def simulate(folder: Path, options: Options, say: Say) -> dict[str, Any]:
    """Run a simulation and return its figures."""
    _allow_descriptors()
    about = conditions()
    bmc_port = free_port()
    park = Park(options, [])
    servers = [
        await serve(park.answer_bmc, "127.0.0.1", bmc_port),
        await serve(park.answer_agent, "0.0.0.0", options.agent_port),
    ]
    site = running_site(folder, options, bmc_port)
    processes = await asyncio.to_thread(site.__enter__)
    try:
        park.apis = [("127.0.0.1", process.port) for process in processes]
        found = await _figures(park, processes, options, say)
        return {"conditions": {**about, "load_at_end": load()}, **found}
    finally:
        for server in servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # they close their connections
        await asyncio.to_thread(site.__exit__, None, None, None)


async def _figures(
    park: Park, processes: list[Process], options: Options, say: Say
) -> dict[str, Any]:
    """Have the machines heartbeat, then take the wave through its course, and return what that took."""
    say(f"{options.nodes} nodes, {len(processes)} controllers, load {load()}")
    for machine in park.machines[options.wave :]:
        machine.wait_in_ramdisk(uuid_of(machine.number), token_of(machine.number))
    quiet = await _quiet(park, processes, options)
    say(f"heartbeats alone: {quiet}")
    wave = Wave(park, options)
    before = _beats(park), sum(process.cpu_s() for process in processes)
    killed: list[str] = []

    def kill_one() -> None:
        if options.kill and len(processes) > 1:
            processes[-1].kill()
            killed.append(processes[-1].name)
            say(f"{processes[-1].name} was killed")

    await wave.run(say, kill_one)
    cpu_s = sum(process.cpu_s() for process in processes if process.lives) - before[1]
    return {
        "options": {name: getattr(options, name) for name in Options.__slots__},
        "quiet": quiet,
        "wave": {
            **wave.figures(),
            "heartbeats": _beats(park) - before[0],
            "controller_cpu_s": None if killed else round(cpu_s, 1),
            "killed": killed,
        },
        "heartbeats": _heartbeats(park),
        "lookups": _of(park.seen.lookups_s),
        "counts": dict(park.seen.counts),
        "memory_mib": [process.memory_mib() for process in processes],
        "complaints": sorted({line for one in processes for line in one.complaints()})[:10],
    }


async def _quiet(park: Park, processes: list[Process], options: Options) -> dict[str, Any]:
    """Measure heartbeats and power looks alone, after a first round of them."""
    await asyncio.sleep(options.heartbeat_s if options.quiet_s else 0)
    began, cpu_s = time.monotonic(), sum(process.cpu_s() for process in processes)
    beats, looks = _beats(park), park.seen.counts["BMC calls"]
    await asyncio.sleep(options.quiet_s)
    seconds = time.monotonic() - began
    used_s = sum(process.cpu_s() for process in processes) - cpu_s
    beats, looks = _beats(park) - beats, park.seen.counts["BMC calls"] - looks
    return {
        "seconds": round(seconds, 1),
        "heartbeats": beats,
        "power_looks": looks,
        "controller_cpu_s": round(used_s, 2),
        "cpu_ms_per_heartbeat_with_looks": round(used_s * 1000 / beats, 2) if beats else None,
        "memory_mib": [process.memory_mib() for process in processes],
        **{f"heartbeat_{name}": value for name, value in _of(park.seen.beats_s[-beats:]).items()},
    }


def _beats(park: Park) -> int:
    return len(park.seen.beats_s)


def _heartbeats(park: Park) -> dict[str, Any]:
    late_s = 2 * park.options.heartbeat_s
    gaps = park.seen.gaps_s
    return {
        **_of(park.seen.beats_s),
        "longest_gap_s": round(max(gaps, default=0.0), 1),
        "gaps_over_two_intervals": sum(gap > late_s for gap in gaps),
    }


def _of(seconds: list[float]) -> dict[str, Any]:
    p50_ms, p99_ms = percentiles_ms(seconds) if seconds else (None, None)
    shown = {"p50_ms": p50_ms, "p99_ms": p99_ms, "longest_ms": max(seconds, default=0.0) * 1000}
    return {"count": len(seconds)} | {
        name: None if value is None else round(value, 1) for name, value in shown.items()
    }


def _allow_descriptors() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
