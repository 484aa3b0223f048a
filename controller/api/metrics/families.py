"""Numbers as families of Prometheus; pure. Names follow its conventions: a unit at the end, ``_total`` for what only grows."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from controller.store.site_counts import SiteCounts
from controller.workflow.measures import BOUNDS_S, Measures, Times


def of_site(counts: SiteCounts) -> Iterator[Metric]:
    """Give the families of the whole site."""
    one = (
        ("ingot_nodes", "Nodes by provision state.", "provision_state", counts.provision_states),
        ("ingot_nodes_power", "Nodes by power state.", "power_state", counts.power_states),
        ("ingot_nodes_fault", "Nodes with a fault, by its kind.", "fault", counts.faults),
    )
    for name, text, label, values in one:
        yield _gauge(name, text, (label,), (((key,), value) for key, value in values.items()))
    maintenance = "Nodes in maintenance."
    yield GaugeMetricFamily("ingot_nodes_maintenance", maintenance, value=counts.maintenance)
    text = "Pieces of work by lane and what they wait for: running, due, later, waiting (for a machine)."
    yield _gauge("ingot_work", text, ("lane", "state"), counts.work.items())


def of_process(measures: Measures) -> Iterator[Metric]:
    """Give the families of what this controller has done since it started."""
    text = "Calls to BMCs by interface and outcome (ok, unreachable, login refused, error)."
    calls = HistogramMetricFamily("ingot_bmc_call_seconds", text, labels=("interface", "outcome"))
    for call, times in measures.calls().items():
        calls.add_metric((call.interface, call.outcome), _buckets(times), times.seconds)
    yield calls
    text = "Requests to the API by method, route and status."
    labels = ("method", "route", "status")
    requests = SummaryMetricFamily("ingot_http_request_seconds", text, labels=labels)
    for key, times in measures.requests().items():
        requests.add_metric((key.method, key.route, str(key.status)), times.count, times.seconds)
    yield requests
    text = "Bytes of files sent to machines: boot files and images."
    files = CounterMetricFamily("ingot_file_bytes", text, labels=("kind",))
    for kind, sent_bytes in measures.file_bytes().items():
        files.add_metric((kind,), sent_bytes)
    yield files
    text = "Notifications by webhook and what became of them: sent, failed (a call), given_up, lost (removed before it was sent)."
    webhooks = CounterMetricFamily(
        "ingot_webhook_notifications", text, labels=("webhook", "outcome")
    )
    for outcome, count in measures.webhooks().items():
        webhooks.add_metric(outcome, count)
    yield webhooks


def of_notifications(streams: int, behind: Mapping[str, int]) -> Iterator[Metric]:
    """Give how many event streams are read here, and how far the targets of webhooks are behind."""
    text = "Event streams of notifications that are read from this controller."
    yield GaugeMetricFamily("ingot_notification_streams", text, value=streams)
    text = "Notifications that a webhook has still to be told of, whichever controller does it."
    values = (((name,), count) for name, count in behind.items())
    yield _gauge("ingot_webhook_behind", text, ("webhook",), values)


def of_lanes(busy: Mapping[str, tuple[int, int]]) -> Iterator[Metric]:
    """Give how many threads of each lane are busy, and how many there may be."""
    for place, what in enumerate(("busy", "most")):
        values = [((lane,), pair[place]) for lane, pair in busy.items()]
        yield _gauge(
            f"ingot_lane_threads_{what}", f"Threads of the lane: {what}.", ("lane",), values
        )


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], int]]
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in sorted(values):
        family.add_metric(key, value)
    return family


def _buckets(times: Times) -> list[tuple[str, float]]:
    ends = (*(str(bound) for bound in BOUNDS_S), "+Inf")
    return list(zip(ends, map(float, accumulate(times.counts)), strict=True))
