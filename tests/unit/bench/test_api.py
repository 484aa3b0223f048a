import math

from tests.bench.api_results import ApiRow, percentiles_ms, ratios, summarise_api
from tests.bench.servers.nodes import bench_node, enrolment, heartbeat, lookup, reading, share


def row(
    server: str, kind: str, rate: float, *, errors: int = 0, recorded: int | None = None
) -> ApiRow:
    return ApiRow(
        server=server,
        kind=kind,
        round=1,
        requests=10,
        errors=errors,
        requests_per_second=rate,
        cpu_ms=1000 / rate,
        p50_ms=1,
        p99_ms=2,
        body_bytes=500,
        recorded=recorded,
    )


def test_servers_stand_side_by_side_for_each_kind() -> None:
    rows = [row("a", "node", 1), row("a", "list", 1), row("b", "node", 1), row("b", "list", 1)]
    order = [(line.kind, line.server) for line in summarise_api(rows)]
    assert order == [("node", "a"), ("node", "b"), ("list", "a"), ("list", "b")]


def test_a_summary_has_medians_and_everything_that_was_lost() -> None:
    rows = [row("a", "beat", rate, errors=1, recorded=8) for rate in (100, 300, 200)]
    (line,) = summarise_api(rows)
    assert (line.requests_per_second, line.cpu_ms, line.body_bytes) == (200, 5, 50)
    assert (line.requests_per_second_min, line.requests_per_second_max) == (100, 300)
    assert (line.errors, line.not_recorded) == (3, 6)


def test_ratios_are_of_processor_time_and_have_a_goal_where_there_is_one() -> None:
    rows = [row("a", "node", 8), row("b", "node", 2), row("a", "heartbeat", 1)]
    (found,) = ratios(summarise_api(rows), "a", "b")
    assert (found.kind, found.cpu, found.goal) == ("node", 4.0, 8.0)


def test_percentiles_come_in_milliseconds_and_need_no_crowd() -> None:
    assert percentiles_ms([0.001] * 50 + [0.002] * 51)[0] == 2
    assert percentiles_ms([0.5]) == (500, 500)
    assert math.isnan(percentiles_ms([])[0])


def test_a_port_belongs_to_its_node_and_its_mac_is_looked_up() -> None:
    node = bench_node(513)
    create, port = enrolment(node)
    assert create.body is not None
    assert port.body is not None
    assert create.body["uuid"] == port.body["node_uuid"] == node.uuid
    assert port.body["address"] == "52:54:00:00:02:01"
    assert lookup(node).path.endswith(node.mac)
    assert heartbeat(node, "t").path.endswith(node.uuid)


def test_lists_longer_than_the_number_of_nodes_are_left_out() -> None:
    assert set(reading(100, 100)) == {"node", "list of 10", "list of 100"}
    assert len(reading(100, 1000)["list of 1000"]) == 5


def test_every_round_has_nodes_of_its_own() -> None:
    shares = [share(number, 3, 100, 50) for number in range(3)]
    numbers = [node.number for nodes in shares for node in nodes]
    assert len(numbers) == len(set(numbers)) == 99
    assert len(share(0, 1, 100, 50)) == 50
