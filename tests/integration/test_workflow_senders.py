"""Who may speak for a node: what strangers on the machines' network try, with what DHCP knows and without."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.protocol.lookup import Heartbeat
from controller.boot.dnsmasq_log import DhcpEvent
from controller.boot.history import take_lease
from controller.errors import Invalid, NotFound
from controller.store.database import Store
from controller.store.events import ForeignEvent
from controller.store.history_limit import HistoryLimit
from controller.store.opening import key_path
from controller.store.sealed_rows import unlock
from controller.store.strangers import Strangers
from controller.workflow import heartbeats, ramdisk
from controller.workflow.services import Services
from tests.integration.agent_behaviour import THIEF
from tests.integration.inspections import inspection
from tests.integration.running_controller import RunningController, running_controller
from tests.integration.waiting import wait_until

MAC, OTHER_MAC = "52:54:00:00:00:01", "52:54:00:00:99:99"
HERE = "127.0.0.1"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    for name in ("kernel", "ramdisk"):
        (tmp_path / name).write_bytes(b"boot file")
    files = {f"deploy_{name}": str(tmp_path / name) for name in ("kernel", "ramdisk")}
    with running_controller(tmp_path, **files) as running:
        yield running


def wait_for_agent(controller: RunningController, verb: str, state: str) -> None:
    bmc = controller.enrol("m1", "manageable", interfaces={})
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", verb)
    wait_until(lambda: controller.node("m1").provision_state == state, 5, state)


def lease(services: Services, mac: str, address: str, lease_s: float = 3600) -> None:
    take_lease(services, DhcpEvent(mac=mac, ip=address, at=time.time()), lease_s)


def look_up(services: Services, sender: str) -> Any:
    return ramdisk.lookup(services, [MAC], None, sender, give_token=True).config.agent_token


def beat(token: str, host: str = HERE) -> Heartbeat:
    return Heartbeat(callback_url=f"http://{host}:9", agent_token=token, agent_version="1")


def post(
    controller: RunningController, body: Any, sender: str = HERE, *, junk: bytes | None = None
) -> int:
    """Post an inspection's result from another address of this host; ``junk`` is no JSON, which only who reads it can say."""
    with requests.Session() as session:
        adapter = requests.adapters.HTTPAdapter()
        adapter.init_poolmanager(1, 1, source_address=(sender, 0))
        session.mount("http://", adapter)
        url = f"{controller.url}/v1/continue_inspection"
        content: Any = {"json": body} if junk is None else {"data": junk}
        return session.post(url, timeout=10, **content).status_code


def texts(controller: RunningController) -> list[str]:
    return [event.message for event in controller.events("m1")]


def test_lookups_and_heartbeats_come_from_the_leased_address_or_not_at_all(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "provide", "clean wait")
    services = controller.services
    lease(services, MAC, HERE)
    for _try in range(3):
        with pytest.raises(NotFound, match=r"^Not Found$"):
            look_up(services, THIEF)
    token = look_up(services, HERE)
    with pytest.raises(Invalid, match="it came from"):
        heartbeats.heartbeat(services, "m1", beat(token, THIEF), THIEF)
    heartbeats.heartbeat(services, "m1", beat(token), HERE)
    refused = [text for text in texts(controller) if "refused" in text]
    assert [text.partition(",")[0] for text in refused] == [
        f"lookup refused: it came from {THIEF}",
        f"heartbeat refused: it came from {THIEF}",
    ]
    assert f"DHCP gave {HERE} to {MAC}" in refused[0]


def test_what_dhcp_gave_is_known_after_a_restart_and_to_other_controllers(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "provide", "clean wait")
    lease(controller.services, MAC, HERE)
    store = Store(controller.store.url)
    unlock(store, key_path(controller.settings))
    other = Services(
        store=store,
        settings=controller.settings,
        catalog=controller.services.catalog,
        wake=lambda: None,
        clock=time.time,
        hostname="other",
    )
    with pytest.raises(NotFound):
        look_up(other, THIEF)
    assert len(look_up(other, HERE)) > 30
    store.close()


def test_a_lease_that_has_ended_or_gone_to_another_card_says_nothing(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "provide", "clean wait")
    lease(controller.services, MAC, HERE, lease_s=-1)
    assert len(look_up(controller.services, THIEF)) > 30
    lease(controller.services, MAC, HERE)
    lease(controller.services, OTHER_MAC, HERE)
    with pytest.raises(
        NotFound
    ):  # the one who has that address now is another machine, which no node is
        look_up_as_unknown(controller.services)


def look_up_as_unknown(services: Services) -> Any:
    return ramdisk.lookup(services, [OTHER_MAC], None, HERE, give_token=True)


def test_where_nothing_is_leased_an_agent_calls_back_where_it_sends_from(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "provide", "clean wait")
    token = look_up(controller.services, HERE)
    for host in ("10.0.0.1", "localhost", "127.0.0.2", "[::1]"):
        with pytest.raises(Invalid, match="another address than the one"):
            heartbeats.heartbeat(controller.services, "m1", beat(token, host), HERE)
    heartbeats.heartbeat(controller.services, "m1", beat(token, "[::ffff:127.0.0.1]"), HERE)


def test_a_stranger_who_knows_a_mac_address_inspects_nothing(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "inspect", "inspect wait")
    url = f"{controller.url}/boot/ipxe/script"
    assert "deploy_ramdisk" in requests.get(url, params={"mac": MAC}, timeout=5).text
    assert post(controller, inspection(), THIEF) == 404
    assert controller.node("m1").inventory is None
    assert any("asked for the ramdisk of this boot" in text for text in texts(controller))
    assert post(controller, inspection()) == 202
    controller.wait_for("m1", "manageable")


def test_what_a_stranger_sends_is_not_even_read(controller: RunningController) -> None:
    wait_for_agent(controller, "inspect", "inspect wait")
    junk = b"[" * (15 << 20)
    assert post(controller, None, THIEF, junk=junk) == 400  # nobody knows yet where the machine is
    requests.get(f"{controller.url}/boot/ipxe/script", params={"mac": MAC}, timeout=5)
    assert post(controller, None, THIEF, junk=junk) == 404
    assert post(controller, None, HERE, junk=b"junk") == 400
    assert any("asked for the ramdisk of this boot" in text for text in texts(controller))
    lease(controller.services, MAC, THIEF)
    assert post(controller, None, HERE, junk=junk) == 404
    assert post(controller, None, THIEF, junk=b"junk") == 400


def test_one_of_several_that_wait_is_enough_and_a_named_one_is_the_only_one(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "inspect", "inspect wait")
    lease(controller.services, MAC, HERE)
    controller.enrol("m2", "inspect wait")
    lease(controller.services, "52:54:00:00:00:02", THIEF)
    assert [post(controller, None, one, junk=b"x") for one in (HERE, THIEF)] == [400, 400]
    assert post(controller, None, "127.0.0.67", junk=b"x") == 404
    url = f"{controller.url}/v1/continue_inspection"
    for name, status in (("m1", 400), ("m2", 404)):
        named = {"node_uuid": controller.node(name).uuid}
        assert requests.post(url, params=named, data=b"x", timeout=10).status_code == status


def test_without_the_check_everything_is_read(tmp_path: Path) -> None:
    with running_controller(tmp_path, sender_check="off") as controller:
        controller.enrol("m1", "inspect wait")
        lease(controller.services, MAC, HERE)
        assert post(controller, None, THIEF, junk=b"x") == 400


def test_with_leases_a_result_comes_from_the_leased_address_whoever_asked_for_the_ramdisk(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "inspect", "inspect wait")
    lease(controller.services, MAC, THIEF)
    requests.get(f"{controller.url}/boot/ipxe/script", params={"mac": MAC}, timeout=5)
    assert post(controller, inspection()) == 404
    assert post(controller, inspection(), THIEF) == 202
    controller.wait_for("m1", "manageable")


def test_two_thousand_requests_of_strangers_leave_the_nodes_own_history_alone(
    controller: RunningController,
) -> None:
    wait_for_agent(controller, "provide", "clean wait")
    services = controller.services
    own = texts(controller)
    token = look_up(services, HERE)
    lease(services, MAC, HERE)
    for number in range(2000):
        sender = f"10.{number >> 8}.{number & 255}.1"
        with pytest.raises((Invalid, NotFound)):
            heartbeats.heartbeat(services, "m1", beat(f"x{number}", f"h{number}"), sender)
        if number % 10 == 0:
            with pytest.raises(NotFound):
                look_up(services, sender)
    services.strangers.flush()
    HistoryLimit(controller.store, 20).apply()
    events = controller.events("m1")
    assert [event.message for event in events if not event.is_foreign][: len(own)] == own
    assert len([event for event in events if event.is_foreign]) <= 5
    assert token not in str([event.message for event in events])


def test_strangers_that_cause_ever_new_texts_are_bounded_and_counted(
    controller: RunningController,
) -> None:
    controller.enrol("m1")
    own = len(texts(controller))
    for number in range(60):
        event = ForeignEvent(kind="agent", message=f"odd {number}", same=f"odd {number}")
        controller.services.strangers.record(controller.node("m1").uuid, event)
    rows = [event for event in controller.events("m1") if event.is_foreign]
    assert len(rows) == 21
    (rest,) = [event for event in rows if "more requests of strangers" in event.message]
    assert rest.data["times"] == 40
    assert len(texts(controller)) == own + 21


def test_strangers_are_written_down_also_after_the_clock_was_set_back(
    controller: RunningController,
) -> None:
    controller.enrol("m1")
    uuid, now = controller.node("m1").uuid, [time.time()]
    strangers = Strangers(controller.store, lambda: now[0])
    event = ForeignEvent(kind="agent", message="a refusal", same="a refusal")
    strangers.record(uuid, event)
    now[0] -= 3600
    strangers.record(uuid, event)
    (row,) = [event for event in controller.events("m1") if event.is_foreign]
    assert row.data["times"] == 2
