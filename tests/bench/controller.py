"""``make bench``, last part: how fast a controller with many bad machines obeys orders for the good ones.

1,000 nodes on SQLite: 200 with dead BMCs, 50 in a step whose agent drips, 20 whose image server drips. Orders go to the
others. Also: how long SQLite's write lock is held when 10,000 nodes are due at once, and when a controller takes 10,000 over.
Writes ``build/bench/controller.json``. Measures and never judges by exit status.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from sqlalchemy import insert

from controller.store.claims import Claim, Room, claim_due, held, let_go
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.sealed_rows import unlock
from controller.store.tables import BACKGROUND, NODE, WORKFLOW, Node, Work
from controller.workflow.takeover import AT_ONCE, set_conductor
from tests.bench.api_results import percentiles_ms
from tests.bench.conditions import busy_note, conditions
from tests.bench.servers.dripping import DrippingServer

_ROOT = Path(__file__).resolve().parents[2]
_RESULT = _ROOT / "build/bench/controller.json"
_NODES = int(os.environ.get("BENCH_NODES", "1000"))
_SECONDS = float(os.environ.get("BENCH_SECONDS", "90"))
_MANY = 10_000
_DEAD, _BAD_AGENTS, _BAD_IMAGES = 200, 50, 20
_ORDER_EVERY_S, _READ_EVERY_S = 0.5, 0.1
_INVENTORY = {
    "inventory": {"disks": [{"name": f"/dev/sd{n}", "wwn": "x" * 60} for n in range(200)]}
}
_HEADERS = {"X-OpenStack-Ironic-API-Version": "1.95"}
_SETTLE_S = 15.0
_LONGEST_ORDER_S = 60.0
_BATCH = 16
_WIDTH = 130


@dataclass
class Seen:
    """What was measured while the controller ran."""

    orders_s: list[float] = field(default_factory=list)
    api_s: list[float] = field(default_factory=list)
    late_orders: int = 0
    errors: list[str] = field(default_factory=list)


def kind_of(number: int) -> str:
    """Return what is wrong with the machine of a node."""
    ends = (_DEAD, _DEAD + _BAD_AGENTS, _DEAD + _BAD_AGENTS + _BAD_IMAGES)
    names = ("dead", "bad agent", "bad image")
    return next((name for name, end in zip(names, ends, strict=True) if number < end), "well")


def node_values(number: int, kind: str, drip_port: int) -> dict[str, Any]:
    """Return the columns of a node, large ones too."""
    url = f"http://127.0.0.1:{drip_port}"
    is_deploying = kind == "bad agent"
    image = {"image_source": f"{url}/i.qcow2", "image_os_hash_algo": "sha256"}
    return {
        "uuid": str(uuid.uuid4()),
        "name": f"n{number}",
        "created_at": 1.0,
        "provision_state": {"bad agent": "wait call-back", "bad image": "available"}.get(
            kind, "active"
        ),
        "target_provision_state": "active" if is_deploying else None,
        "power_state": "power off",
        "driver": "fake-hardware",
        "driver_info": {"id": str(number), "kind": "dead" if kind == "dead" else "well"},
        "driver_internal_info": {"agent_url": url} if is_deploying else {},
        "agent_secret": "token" if is_deploying else None,
        "instance_info": {**image, "image_os_hash_value": "0" * 64},
        "interfaces": {"boot": "fake"},
        "inventory": _INVENTORY,
        "config_drive": "x" * 60_000,
    }


def fill(store: Store, count: int, drip_port: int, kinds: Callable[[int], str]) -> None:
    """Write nodes and their work into an empty database; everything is due."""
    now = store.steady()
    order = {"name": "deploy.execute_deploy_step", "title": "write_image", "seen": [], "id": "1"}
    data = {"order": order, "steps": [], "index": 0}
    for begin in range(0, count, 500):
        numbers = range(begin, min(begin + 500, count))
        with store.edit() as session:
            values = [node_values(number, kinds(number), drip_port) for number in numbers]
            session.execute(
                insert(Node), [{**one, "id": n + 1} for n, one in zip(numbers, values, strict=True)]
            )
            common = {"subject_kind": NODE, "entered_at": now, "started_at": now, "due_at": now}
            looks = [
                {
                    **common,
                    "subject_id": n + 1,
                    "lane": BACKGROUND,
                    "stage": "sync.power",
                    "data": {},
                }
                for n in numbers
            ]
            steps = [
                {
                    **common,
                    "subject_id": n + 1,
                    "lane": WORKFLOW,
                    "stage": "deploy.step.watch",
                    "data": data,
                }
                for n in numbers
                if kinds(n) == "bad agent"
            ]
            session.execute(insert(Work), looks + steps)


def measure_lock(folder: Path) -> dict[str, Any]:
    """Return for how long SQLite's write lock is held with 10,000 nodes due, in milliseconds."""
    store = Store(f"sqlite:///{folder}/many.sqlite")
    migrate(store)
    unlock(store, folder / "secrets.key")
    fill(store, _MANY, 9, lambda _number: "well")
    took = Transactions()
    for begin in range(1, _MANY + 1, AT_ONCE):
        with took.one(), store.edit() as session:
            set_conductor(session, range(begin, begin + AT_ONCE), "here")
    claiming, storing = Transactions(), Transactions()
    claims: list[Claim] = []
    while len(claims) < _MANY:
        with claiming.one():
            claims += claim_due(store, "here", BACKGROUND, Room(any=_BATCH, suspects=_BATCH))
    for claim in claims[:500]:
        with storing.one(), store.edit() as session:
            found = held(session, claim)
            if found:
                let_go(found[1], due_at=store.steady() + 100)
    store.close()
    return {
        "nodes": _MANY,
        "claims of 16 due": claiming.summary(),
        "results": storing.summary(),
        f"takeovers of {AT_ONCE} nodes": took.summary(),
    }


class Transactions:
    """Durations of transactions, which are at most as long as they hold the lock; wall and processor time."""

    def __init__(self) -> None:
        self._wall_ms: list[float] = []
        self._cpu_ms: list[float] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Measure one."""
        wall, cpu = time.perf_counter(), time.thread_time()
        yield
        self._wall_ms.append((time.perf_counter() - wall) * 1000)
        self._cpu_ms.append((time.thread_time() - cpu) * 1000)

    def summary(self) -> dict[str, float]:
        """Return how many there were, and how long they took."""
        return {
            "count": len(self._wall_ms),
            "median_ms": round(sorted(self._wall_ms)[len(self._wall_ms) // 2], 2),
            "longest_ms": round(max(self._wall_ms), 2),
            "longest_processor_ms": round(max(self._cpu_ms), 2),
        }


class Controller:
    """The process under measurement."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        settings: Mapping[str, Any] = {
            "state_directory": str(folder),
            "listen_port": port,
            "hostname": "here",
            "agent_require_tls": False,
            "allow_unverified_images": True,
        }
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
        (folder / "settings.toml").write_text("".join(lines))
        self._log = (folder / "log").open("wb")
        module = "tests.bench.servers.controller_with_doubles"
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder / "settings.toml")],
            stderr=self._log,
            cwd=_ROOT,
        )

    def wait(self) -> None:
        """Wait until it serves."""
        for _ in range(600):
            try:
                if requests.get(f"{self.url}/healthcheck", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise TimeoutError(f"the controller does not serve; its log is {self._log.name}")

    def peak_mib(self) -> float:
        """Return the most memory that it had resident."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return round(int(line.split()[1]) / 1024, 1)
        return 0.0

    def processor_s(self) -> float:
        """Return the processor time that it has used."""
        values = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        """Return how many threads it has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._log.close()


def order_power(url: str, name: str, seen: Seen) -> None:
    """Order a machine's power to change and wait until it has."""
    with requests.Session() as session:
        session.headers.update(_HEADERS)
        node = session.get(f"{url}/v1/nodes/{name}/states", timeout=60).json()
        is_on = node["power_state"] == "power on"
        target = "power off" if is_on else "power on"
        began = time.monotonic()
        reply = session.put(
            f"{url}/v1/nodes/{name}/states/power", json={"target": target}, timeout=60
        )
        if not reply.ok:
            seen.errors.append(reply.text[:200])
            return
        while time.monotonic() - began < _LONGEST_ORDER_S:
            states = session.get(f"{url}/v1/nodes/{name}/states", timeout=60).json()
            if states["power_state"] == target and states["stage"] is None:
                seen.orders_s.append(time.monotonic() - began)
                return
            time.sleep(0.05)
        seen.late_orders += 1


def read_often(url: str, names: Sequence[str], until: float, seen: Seen) -> None:
    """Read nodes and lists as a client does."""
    with requests.Session() as session:
        session.headers.update(_HEADERS)
        while time.monotonic() < until:
            path = random.choice(
                [f"nodes/{random.choice(names)}", "nodes?limit=100", "nodes/detail?limit=20"]
            )
            began = time.monotonic()
            session.get(f"{url}/v1/{path}", timeout=60).raise_for_status()
            seen.api_s.append(time.monotonic() - began)
            time.sleep(_READ_EVERY_S)


def measure_orders(folder: Path) -> dict[str, Any]:
    """Return the latencies with bad machines around."""
    drip = DrippingServer()
    store = Store(f"sqlite:///{folder}/ingot.sqlite")
    migrate(store)
    unlock(store, folder / "secrets.key")
    fill(store, _NODES, drip.port, kind_of)
    store.close()
    port = DrippingServer().port + 1
    controller = Controller(folder, port)
    seen = Seen()
    try:
        controller.wait()
        for number in range(_DEAD + _BAD_AGENTS, _DEAD + _BAD_AGENTS + _BAD_IMAGES):
            url = f"{controller.url}/v1/nodes/n{number}/states/provision"
            requests.put(url, json={"target": "active"}, headers=_HEADERS, timeout=60)
        for number in range(20):
            url = f"{controller.url}/v1/nodes/n{number}/states/power"
            requests.put(url, json={"target": "power on"}, headers=_HEADERS, timeout=60)
        time.sleep(_SETTLE_S)
        well = [f"n{number}" for number in range(_NODES) if kind_of(number) == "well"]
        random.shuffle(well)
        began, used_s = time.monotonic(), controller.processor_s()
        until = began + _SECONDS
        reader = threading.Thread(target=read_often, args=(controller.url, well, until, seen))
        reader.start()
        clients = []
        while time.monotonic() < until and well:
            client = threading.Thread(target=order_power, args=(controller.url, well.pop(), seen))
            client.start()
            clients.append(client)
            time.sleep(_ORDER_EVERY_S)
        for thread in (*clients, reader):
            thread.join()
        share = (controller.processor_s() - used_s) / (time.monotonic() - began)
        memory_mib, threads = controller.peak_mib(), controller.threads()
        health = requests.get(f"{controller.url}/healthcheck", timeout=60)
    finally:
        controller.stop()
        drip.close()
    order_ms, api_ms = percentiles_ms(seen.orders_s), percentiles_ms(seen.api_s)
    return {
        "nodes": _NODES,
        "dead_bmcs": _DEAD,
        "dripping_agents": _BAD_AGENTS,
        "dripping_image_servers": _BAD_IMAGES,
        "orders": len(seen.orders_s),
        "late_orders": seen.late_orders,
        "errors": seen.errors[:5],
        "order_p50_ms": round(order_ms[0], 1),
        "order_p99_ms": round(order_ms[1], 1),
        "api_requests": len(seen.api_s),
        "api_p50_ms": round(api_ms[0], 1),
        "api_p99_ms": round(api_ms[1], 1),
        "memory_mib": memory_mib,
        "threads": threads,
        "processors_used": round(share, 2),
        "health": [health.status_code, health.text.strip()[:500]],
    }


def main() -> int:
    """Measure and write the result."""
    about = conditions()
    with tempfile.TemporaryDirectory(prefix="ingot-bench-") as name:
        (Path(name) / "lock").mkdir()
        lock = measure_lock(Path(name) / "lock")
        orders = measure_orders(Path(name))
    result = {"conditions": about, "orders": orders, "write_lock": lock}
    _RESULT.parent.mkdir(parents=True, exist_ok=True)
    _RESULT.write_text(json.dumps(result, indent=2) + "\n")
    console = Console(width=_WIDTH)
    console.print_json(json.dumps(result))
    if note := busy_note(float(about["load_at_start"])):
        console.print(note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
