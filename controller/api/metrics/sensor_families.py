"""The numbers of sensors as families of Prometheus; pure. So many names and so many numbers at most, whatever BMCs call their sensors."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from prometheus_client.core import GaugeMetricFamily, Metric

from controller.api.metrics.sensor_gauges import Gauge, gauges_of
from controller.workflow.sensor_reports import NodeSensors

_MOST_NAMES, _MOST_NAMES_OF_NODE = 2000, 400
_MOST_OF_NODE = 1000
"""A node has 500 sensors at most, those of Redfish with a number or two each."""
_TEXT = "What sensors of machines say; names as ironic-prometheus-exporter's."
_STATUS_NAMES = frozenset(
    f"baremetal_{part}_status" for part in ("temperature", "fan", "power", "drive")
)
_STATUS_TEXT = "Health of parts of Redfish machines: 0 = OK, 1 = Warning, 2 = Critical."


def of_sensors(nodes: Collection[NodeSensors], most: int) -> Iterator[Metric]:
    """Give the families of what the sensors of nodes said last, ``most`` numbers at most; nodes take turns, so that none has all the room."""
    families: dict[str, GaugeMetricFamily] = {}
    given = left_out = 0
    for gauge in _in_turn([_of_node(node) for node in nodes]):
        family = families.get(gauge.name) if gauge else None
        if gauge is None or given >= most or (family is None and len(families) >= _MOST_NAMES):
            left_out += 1
            continue
        if family is None:
            text = _STATUS_TEXT if gauge.name in _STATUS_NAMES else _TEXT
            family = families[gauge.name] = GaugeMetricFamily(
                gauge.name, text, labels=tuple(gauge.labels)
            )
        labels = {label: text for label, text in gauge.labels.items() if text}
        family.add_sample(gauge.name, labels, gauge.value)
        given += 1
    yield from (families[name] for name in sorted(families))
    if nodes:
        text = "Numbers of sensors that are in this answer, and that found no room (sensor_metrics_most)."
        yield GaugeMetricFamily("ingot_sensor_numbers", text, value=given)
        yield GaugeMetricFamily("ingot_sensor_numbers_left_out", text, value=left_out)


def _in_turn(several: Sequence[Iterator[Gauge | None]]) -> Iterator[Gauge | None]:
    """Give one of each, and again one of each, as long as any has more."""
    while several:
        going = []
        for one in several:
            with suppress(StopIteration):
                yield next(one)
                going.append(one)
        several = going


def _of_node(node: NodeSensors) -> Iterator[Gauge | None]:
    """Give the numbers of a node, of two sensors of one name the first; ``None`` = one for which a single node has no room."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    names: set[str] = set()
    for gauge in gauges_of(node):
        key = (gauge.name, tuple(gauge.labels.values()))
        if key in seen:
            continue
        is_new = gauge.name not in names
        if len(seen) >= _MOST_OF_NODE or (is_new and len(names) >= _MOST_NAMES_OF_NODE):
            yield None
            continue
        seen.add(key)
        names.add(gauge.name)
        yield gauge
