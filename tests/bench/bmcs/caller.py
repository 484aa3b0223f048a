"""One driver under measurement: ``python -m tests.bench.bmcs.caller DRIVER``, a process of its own.

The first line of standard input has the ``driver_info`` of all BMCs; each further line orders one call to each of them
(``{"call": ..., "threads": ...}``) and is answered with what they took.
"""

import json
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.bmcs.drivers import Call, driver
from tests.bench.bmcs.rack import say, say_ready

_MOST_WORDS = 300


def call_all(call: Call, infos: Sequence[Mapping[str, Any]], what: str, threads: int) -> Any:
    """Make one call to each BMC; ``threads`` at the same time."""
    waiting: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
    for info in infos:
        waiting.put(info)
    latencies_s: list[float] = []
    errors: list[str] = []

    def work() -> None:
        while True:
            try:
                info = waiting.get_nowait()
            except queue.Empty:
                return
            began = time.monotonic()
            try:
                call(info, what)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is counted and shown
                errors.append(f"{type(error).__name__}: {error}"[:_MOST_WORDS])
            else:
                latencies_s.append(time.monotonic() - began)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {
        "seconds": time.monotonic() - began,
        "latencies_s": latencies_s,
        "errors": errors,
    }


def main(argv: Sequence[str]) -> int:
    """Carry out orders until standard input ends."""
    infos = json.loads(sys.stdin.readline())
    with driver(argv[0]) as call:
        say_ready()
        for line in sys.stdin:
            order = json.loads(line)
            say(json.dumps(call_all(call, infos, order["call"], order["threads"])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
