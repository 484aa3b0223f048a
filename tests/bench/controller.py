"""``make bench``, last part: how fast a controller with many bad machines obeys orders for the good ones.

1,000 nodes on SQLite: 200 with dead BMCs, 50 in a step whose agent drips, 20 whose image server drips. Orders go to the
others. Also: how long SQLite's write lock is held when 10,000 nodes are due at once, and when a controller takes 10,000 over.
Writes ``build/bench/controller.json``. Measures and never judges by exit status.
"""

import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.sealed_rows import unlock
from tests.bench.api_results import percentiles_ms
from tests.bench.conditions import busy_note, conditions
from tests.bench.controller_process import Controller
from tests.bench.full_store import BAD_AGENTS, BAD_IMAGES, DEAD, fill, kind_of
from tests.bench.servers.dripping import DrippingServer
from tests.bench.write_lock import measure_lock

_ROOT = Path(__file__).resolve().parents[2]
_RESULT = _ROOT / "build/bench/controller.json"
_NODES = int(os.environ.get("BENCH_NODES", "1000"))
_SECONDS = float(os.environ.get("BENCH_SECONDS", "90"))
_ORDER_EVERY_S, _READ_EVERY_S = 0.5, 0.1
_HEADERS = {"X-OpenStack-Ironic-API-Version": "1.95"}
_SETTLE_S = 15.0
_LONGEST_ORDER_S = 60.0
_DEAD_ORDERED = 20
_WIDTH = 130


@dataclass
class Seen:
    """What was measured while the controller ran."""

    orders_s: list[float] = field(default_factory=list)
    api_s: list[float] = field(default_factory=list)
    late_orders: int = 0
    errors: list[str] = field(default_factory=list)


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


def order_bad_machines(url: str) -> None:
    """Order what keeps the controller busy in vain: deployments from bad image servers, power of dead BMCs."""
    for number in range(DEAD + BAD_AGENTS, DEAD + BAD_AGENTS + BAD_IMAGES):
        address = f"{url}/v1/nodes/n{number}/states/provision"
        requests.put(address, json={"target": "active"}, headers=_HEADERS, timeout=60)
    for number in range(_DEAD_ORDERED):
        address = f"{url}/v1/nodes/n{number}/states/power"
        requests.put(address, json={"target": "power on"}, headers=_HEADERS, timeout=60)


def order_and_read(url: str, until: float, seen: Seen) -> None:
    """Give orders to well machines and read meanwhile; returns when all have been obeyed or were too late."""
    well = [f"n{number}" for number in range(_NODES) if kind_of(number) == "well"]
    random.shuffle(well)
    threads = [threading.Thread(target=read_often, args=(url, tuple(well), until, seen))]
    threads[0].start()
    while time.monotonic() < until and well:
        threads.append(threading.Thread(target=order_power, args=(url, well.pop(), seen)))
        threads[-1].start()
        time.sleep(_ORDER_EVERY_S)
    for thread in threads:
        thread.join()


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
        order_bad_machines(controller.url)
        time.sleep(_SETTLE_S)
        began, used_s = time.monotonic(), controller.processor_s()
        order_and_read(controller.url, began + _SECONDS, seen)
        share = (controller.processor_s() - used_s) / (time.monotonic() - began)
        memory_mib, threads = controller.peak_mib(), controller.threads()
        health = requests.get(f"{controller.url}/healthcheck", timeout=60)
    finally:
        controller.stop()
        drip.close()
    order_ms, api_ms = percentiles_ms(seen.orders_s), percentiles_ms(seen.api_s)
    return {
        "nodes": _NODES,
        "dead_bmcs": DEAD,
        "dripping_agents": BAD_AGENTS,
        "dripping_image_servers": BAD_IMAGES,
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
