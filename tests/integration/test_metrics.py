"""``/metrics`` as Prometheus reads it: numbers of the site, of the BMCs, of the process."""

from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from controller.store.site_counts import count_site
from controller.workflow.machine import interfaces_of
from controller.workflow.verbs import set_power
from tests.integration.basic_users import as_user, write_users
from tests.integration.controller_api import make_api
from tests.integration.databases import new_database, postgres_url
from tests.integration.running_controller import running_controller
from tests.integration.waiting import wait_until

__all__ = ["postgres_url"]

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read(url: str) -> Samples:
    reply = requests.get(f"{url}/metrics", timeout=30)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    return samples_of(reply.text)


def test_what_a_controller_does_is_counted(tmp_path: Path) -> None:
    with running_controller(tmp_path, power_sync_interval_s=0) as controller:
        good = controller.enrol("m1", "manageable")
        bad = controller.enrol("m2", "active")
        bad.is_reachable = False
        set_power(controller.services, "m1", "power on", None)
        set_power(controller.services, "m2", "power on", None)
        wait_until(lambda: controller.node("m1").power_state == "power on", 20, "power")
        wait_until(lambda: controller.node("m2").last_error is not None, 20, "the failure")
        assert requests.get(f"{controller.url}/v1/nodes/m1", timeout=30).ok
        found = read(controller.url)
    assert found["ingot_nodes", (("provision_state", "manageable"),)] == 1
    assert found["ingot_nodes", (("provision_state", "active"),)] == 1
    assert found["ingot_nodes_maintenance", ()] == 0
    route = ("method", "GET"), ("route", "/v1/nodes/<ident>"), ("status", "200")
    assert found["ingot_http_request_seconds_count", route] == 1
    interface = interfaces_of(controller.services, controller.node("m1")).names["power"]

    def calls(outcome: str) -> float:
        return found[
            "ingot_bmc_call_seconds_count", (("interface", interface), ("outcome", outcome))
        ]

    assert calls("ok") == len(good.calls)
    assert calls("unreachable") == len(bad.calls) == 3
    assert found["process_resident_memory_bytes", ()] > 1e6


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_site_is_counted_by_both_databases(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = new_database(request.getfixturevalue("postgres_url")) if kind == "postgres" else ""
    with running_controller(tmp_path, database_url=url, power_sync_interval_s=0) as controller:
        controller.enrol("m1", "manageable", power_state="power on")
        controller.enrol("m2", "available", fault="power failure", maintenance=True)
        controller.enrol("m3", "available")
        with controller.store.read() as session:
            counts = count_site(session, controller.services.steady())
    assert dict(counts.provision_states) == {"manageable": 1, "available": 2}
    assert counts.power_states["power on"] == 1
    assert sum(counts.power_states.values()) == 3
    assert dict(counts.faults) == {"power failure": 1}
    assert counts.maintenance == 1


def test_only_who_may_see_the_whole_site_reads_them(tmp_path: Path) -> None:
    users = write_users(tmp_path, ["ann", "guest"])
    roles = tmp_path / "roles"
    roles.write_text("ann:reader\nguest:reader:p-one\n")
    api = make_api(
        tmp_path, auth_strategy="http_basic", htpasswd_file=str(users), roles_file=str(roles)
    )
    assert api.call("GET", "/metrics").status_code == 401
    assert api.call("GET", "/metrics", headers=as_user("guest")).status_code == 403
    assert samples_of(api.call("GET", "/metrics", headers=as_user("ann")).text)
