"""The numbers of sensors as families of Prometheus; pure. So many names and so many numbers at most, whatever BMCs call their sensors."""

from collections.abc import Collection, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from controller.api.metrics.sensor_gauges import gauges_of
from controller.workflow.sensor_reports import NodeSensors

_MOST_NAMES = 500
_TEXT = "What sensors of machines say; names as ironic-prometheus-exporter's."
_STATUS_NAMES = frozenset(
    f"baremetal_{part}_status" for part in ("temperature", "fan", "power", "drive")
)
_STATUS_TEXT = "Health of parts of Redfish machines: 0 = OK, 1 = Warning, 2 = Critical."


def of_sensors(nodes: Collection[NodeSensors], most: int) -> Iterator[Metric]:
    """Give the families of what the sensors of nodes said last, ``most`` numbers at most."""
    families: dict[str, GaugeMetricFamily] = {}
    given = left_out = 0
    for node in nodes:
        seen: set[tuple[str, tuple[str, ...]]] = set()
        for gauge in gauges_of(node):
            key = (gauge.name, tuple(gauge.labels.values()))
            if key in seen:  # two sensors that the BMC gives the same name
                continue
            seen.add(key)
            family = families.get(gauge.name)
            if given >= most or (family is None and len(families) >= _MOST_NAMES):
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
