"""``make bench``, second part: requests per second, CPU per request and memory of our controller and the real Ironic.

Both run at the same time on loopback with the same nodes of fake hardware and take turns. Writes ``build/bench/api.json``
and a table. Measures and never judges by exit status.
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.api_results import ApiRow, api_table, percentiles_ms, ratios, summarise_api
from tests.bench.conditions import busy_note, conditions
from tests.bench.options import MIB, OptionError, Options, read_options
from tests.bench.servers.load import CONNECTIONS, Answers, Request, send
from tests.bench.servers.nodes import (
    WRITERS,
    BenchNode,
    bench_node,
    changes,
    enrolment,
    heartbeat,
    lookup,
    reading,
    share,
)
from tests.bench.servers.server import Server
from tests.bench.servers.start import has_real_ironic, our_controller, real_ironic

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "build/bench"
_WIDTH = 130
_MEMORY_AT = "memory, MiB (PSS)"


class Bench:
    """The servers, what is measured of them, and the errors that they answered."""

    def __init__(self, servers: Sequence[Server], options: Options) -> None:
        self.servers = servers
        self.options = options
        self.rows: list[ApiRow] = []
        self.notes: list[str] = []
        self.memory_mib: dict[str, dict[str, float]] = {server.name: {} for server in servers}

    def run(self) -> None:
        """Enrol, then the rounds; the servers take turns."""
        self._weigh("started")
        for server in self.servers:
            nodes = [bench_node(number) for number in range(self.options.nodes)]
            steps = [enrolment(node) for node in nodes]
            self._measure(server, "enrol a node", 1, [node for node, _ in steps])
            self._measure(server, "enrol its port", 1, [port for _, port in steps])
        self._weigh(f"{self.options.nodes} nodes")
        for number in range(self.options.rounds):
            for kind, requests in reading(self.options.requests, self.options.nodes).items():
                for server in self.servers:
                    self._measure(server, kind, number + 1, requests)
            for writers in WRITERS:
                requests = changes(self.options.requests, self.options.nodes)
                for server in self.servers:
                    kind = f"change, {writers} connections"
                    self._measure(server, kind, number + 1, requests, connections=writers)
            for server in self.servers:
                self._agents(server, number)
        self._weigh("after the load")

    def _agents(self, server: Server, number: int) -> None:
        """Look nodes up as agents do, then send heartbeats of these agents."""
        nodes = share(number, self.options.rounds, self.options.nodes, self.options.requests)
        server.set_state([node.uuid for node in nodes], "clean wait")
        answers = self._measure(server, "lookup", number + 1, [lookup(node) for node in nodes])
        tokens = [answer and answer["config"]["agent_token"] for answer in answers.documents]
        server.set_state([node.uuid for node in nodes], "clean hold")
        beats = [heartbeat(node, token) for node, token in zip(nodes, tokens, strict=True) if token]
        send(server.url, beats)  # the first one of a boot does more and is not measured
        server.wait_until_quiet()
        before = self._heartbeat_times(server, nodes)
        self._measure(server, "heartbeat", number + 1, beats, nodes=nodes, before=before)

    def _measure(
        self,
        server: Server,
        kind: str,
        number: int,
        requests: Sequence[Request],
        *,
        nodes: Sequence[BenchNode] = (),
        before: Sequence[str | None] = (),
        connections: int = CONNECTIONS,
    ) -> Answers:
        cpu_before = server.wait_until_quiet()
        answers = send(server.url, requests, connections)
        cpu_s = server.wait_until_quiet() - cpu_before
        recorded = None
        if nodes:
            after = self._heartbeat_times(server, nodes)
            recorded = sum(old != new for old, new in zip(before, after, strict=True))
        p50_ms, p99_ms = percentiles_ms(answers.latencies_s)
        self.notes += [f"{server.name}, {kind}: {text}" for text in answers.errors[:1]]
        self.rows.append(
            ApiRow(
                server=server.name,
                kind=kind,
                round=number,
                requests=len(requests),
                errors=len(answers.errors),
                requests_per_second=round(len(requests) / answers.seconds, 1),
                cpu_ms=round(cpu_s * 1000 / len(requests), 2),
                p50_ms=round(p50_ms, 2),
                p99_ms=round(p99_ms, 2),
                body_bytes=answers.body_bytes,
                recorded=recorded,
            )
        )
        return answers

    def _heartbeat_times(self, server: Server, nodes: Sequence[BenchNode]) -> list[str | None]:
        paths = [f"/v1/nodes/{node.uuid}?fields=driver_internal_info" for node in nodes]
        answers = send(server.url, [Request(method="GET", path=path) for path in paths])
        return [
            answer and answer["driver_internal_info"].get("agent_last_heartbeat")
            for answer in answers.documents
        ]

    def _weigh(self, when: str) -> None:
        for server in self.servers:
            server.wait_until_quiet()
            self.memory_mib[server.name][when] = round(server.pss_bytes() / MIB, 1)


def main() -> int:
    """Run everything; 2 = an option is wrong."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        options = read_options(os.environ)
    except OptionError as error:
        console.print(str(error), style="red")
        return 2
    _FOLDER.mkdir(parents=True, exist_ok=True)
    about = conditions()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_FOLDER)))
        (scratch / "ours").mkdir()
        servers = [stack.enter_context(our_controller(scratch / "ours"))]
        if has_real_ironic():
            servers.append(stack.enter_context(real_ironic(scratch / "ironic")))
        bench = Bench(servers, options)
        if not has_real_ironic():
            bench.notes.append(
                "left out: Ironic, build/peers/ironic is missing (make peers makes it)"
            )
        bench.run()
    _report(bench, about, console)
    return 0


def _report(bench: Bench, about: dict[str, Any], console: Console) -> None:
    summaries = summarise_api(bench.rows)
    found = ratios(summaries, "ingot", "ironic")
    if busy := busy_note(float(about["load_at_start"])):
        bench.notes.append(busy)
    document = {
        "conditions": about,
        "options": {name: asdict(bench.options)[name] for name in ("rounds", "nodes", "requests")},
        "notes": bench.notes,
        "rows": [asdict(row) for row in bench.rows],
        "summary": [asdict(line) for line in summaries],
        "ratios": [asdict(ratio) for ratio in found],
        "memory_mib": bench.memory_mib,
    }
    (_FOLDER / "api.json").write_text(json.dumps(document, indent=1))
    console.print(api_table(summaries))
    for ratio in found:
        goal = "" if ratio.goal is None else f" (goal {ratio.goal:g})"
        line = f"CPU of Ironic / ours, {ratio.kind}: {ratio.cpu}{goal}"
        console.print(line, markup=False, highlight=False)
    for name, values in bench.memory_mib.items():
        line = ", ".join(f"{when} {mib:.0f}" for when, mib in values.items())
        console.print(f"{_MEMORY_AT} of {name}: {line}", markup=False, highlight=False)
    for note in bench.notes:
        console.print(f"- {note}", markup=False, highlight=False)
    console.print(f"written: {_FOLDER.relative_to(_ROOT)}/api.json")


if __name__ == "__main__":
    sys.exit(main())
