"""Whether and how often the controller reads the sensors of machines; as Ironic's section ``[sensor_data]``."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class SensorSettings:
    """A part of ``Settings`` (``docs/how-to/watch-with-prometheus.md``)."""

    send_sensor_data: bool = False
    """Read the sensors of nodes at intervals, for ``/metrics``, ``health`` and the API. A node in maintenance is left alone."""
    sensor_data_interval_s: float = 600.0
    """Time between two looks at a node's sensors; of a BMC that fails twice as long with each failure in a row, up to sixteen times."""
    sensor_data_workers: int = 4
    """Looks at sensors at a time; BMCs whose last look failed get half of them."""
    sensor_data_timeout_s: float = 60.0
    """Longest time of one look; what was not read by then is left out."""
    sensor_data_types: str = "ALL"
    """Which sensors are kept, with commas between: ``ALL``, or ``Temperature,Fan,Voltage,Current,Power,Drive`` and whatever else BMCs have."""
    sensor_data_for_undeployed_nodes: bool = False
    """Read the sensors of all nodes, not only of those that are ``active``."""
    sensor_metrics_most: int = 50000
    """Numbers of sensors in one answer of ``/metrics``; the rest is left out and counted (``ingot_sensor_numbers_left_out``)."""
