"""What the sensors of nodes said last, in this process's memory. Pure but for the memory."""

import threading
from collections.abc import Collection
from dataclasses import dataclass, replace

from controller.hardware.abilities import Health
from controller.hardware.sensors import SensorReport


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSensors:
    """A report, and whose it is."""

    node_uuid: str
    node_name: str | None
    instance_uuid: str | None
    driver: str
    report: SensorReport


class SensorReports:
    """The last report of each node that this controller reads. Used by many threads."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._of: dict[str, NodeSensors] = {}
        self._missed_since: dict[str, float] = {}

    def put(self, found: NodeSensors) -> None:
        """Keep a report in place of the last one."""
        with self._lock:
            self._of[found.node_uuid] = found
            self._missed_since.pop(found.node_uuid, None)

    def get(self, node_uuid: str) -> NodeSensors | None:
        """Return a node's; ``None`` = there is none."""
        with self._lock:
            return self._of.get(node_uuid)

    def health(self, node_uuid: str, *, since: float) -> Health | None:
        """Return what a node's sensors meant; ``None`` = not known, or not since then (seconds since the epoch)."""
        found = self.get(node_uuid)
        return found.report.health if found and found.report.collected_at >= since else None

    def is_awaited(self, node_uuid: str, *, now: float, hold_s: float) -> bool:
        """Whether a node has no report yet, and was not asked about for longer than that: its sensors may still mean what they meant before.

        Args:
            node_uuid: A node whose sensors this controller reads.
            now: Seconds since the epoch.
            hold_s: So long a first report is waited for.
        """
        with self._lock:
            if node_uuid in self._of:
                return False
            return now - self._missed_since.setdefault(node_uuid, now) < hold_s

    def all(self) -> Collection[NodeSensors]:
        """Return all, by node; a copy."""
        with self._lock:
            return [self._of[key] for key in sorted(self._of)]

    def keep_only(self, node_uuids: Collection[str]) -> None:
        """Forget the nodes that are not among these."""
        with self._lock:
            for known in (self._of, self._missed_since):
                for key in known.keys() - set(node_uuids):
                    del known[key]


def only_types(report: SensorReport, types: str) -> SensorReport:
    """Return a report with the kinds of sensors that the setting ``sensor_data_types`` names."""
    wanted = {one.strip().lower() for one in types.split(",")}
    if "all" in wanted:
        return report
    kept = {kind: found for kind, found in report.readings.items() if kind.lower() in wanted}
    return replace(report, readings=kept)
