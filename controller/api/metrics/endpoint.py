"""The route ``/metrics``, in the text format of Prometheus (version 0.0.4)."""

from collections.abc import Iterator
from itertools import chain

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from controller.api.call import Call
from controller.api.metrics.families import of_lanes, of_notifications, of_process, of_site
from controller.api.metrics.sensor_families import of_sensors
from controller.store.site_counts import count_site
from controller.workflow.services import Services


def show(call: Call) -> Response:
    """Show numbers of the site and of this controller: nodes, work, BMC calls, requests, files, sensors, the process; for Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(call.services))
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Collected(Collector):
    """What is asked once, for one answer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Give all families."""
        services = self._services
        with services.store.read() as session:
            counts = count_site(session, services.steady())
        lanes = of_lanes(services.lanes_busy())
        most = services.settings.sensor_metrics_most
        sensors = of_sensors(services.sensors.all(), most)
        told = of_notifications(services.notifications.streams, services.webhooks.behind())
        return chain(of_site(counts), lanes, told, of_process(services.measures), sensors)
