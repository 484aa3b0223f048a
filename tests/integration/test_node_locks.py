"""Changes of a node take its lock: none lands in the middle of what a worker does, on any door of the API."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from controller.errors import NodeLocked
from controller.store.claims import is_claimed
from controller.store.tables import Conductor
from controller.workflow.transition import enter_stage
from controller.workflow.verbs import set_boot_device, set_power
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until

VERSION = {"X-OpenStack-Ironic-API-Version": "1.110"}
MAC = "52:54:00:00:77:01"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path, verb_patience_s=0.1, claim_lease_s=3.0) as running:
        yield running


class Gate:
    """Holds a BMC's answer until it is opened."""

    def __init__(self, controller: RunningController, name: str) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        bmc = controller.driver.bmcs[name]
        ask = bmc.power_state

        def power_state(*, timeout_s: float) -> Any:
            self.reached.set()
            assert self.opened.wait(30)
            return ask(timeout_s=timeout_s)

        bmc.power_state = power_state  # type: ignore[method-assign]


def call(controller: RunningController, method: str, path: str, body: Any = None) -> Any:
    url = f"{controller.url}/v1/{path}"
    return requests.request(method, url, json=body, headers=VERSION, timeout=30)


def every_change(controller: RunningController, name: str) -> list[tuple[str, str, Any]]:
    reply = call(controller, "GET", f"nodes/{name}/ports")
    (port,) = reply.json()["ports"]
    uuid = controller.node(name).uuid
    extra = [{"op": "add", "path": "/extra/rack", "value": "r1"}]
    return [
        ("PATCH", f"nodes/{name}", extra),
        ("DELETE", f"nodes/{name}", None),
        ("PUT", f"nodes/{name}/management/boot_device", {"boot_device": "disk"}),
        ("PUT", f"nodes/{name}/traits", {"traits": ["CUSTOM_A"]}),
        ("POST", "ports", {"node_uuid": uuid, "address": MAC}),
        ("PATCH", f"ports/{port['uuid']}", extra),
        ("DELETE", f"ports/{port['uuid']}", None),
        ("PUT", f"nodes/{name}/states/provision", {"target": "manage"}),
        ("PUT", f"nodes/{name}/states/power", {"target": "power on"}),
    ]


def test_while_a_worker_is_at_the_node_every_change_is_409(controller: RunningController) -> None:
    controller.enrol("m1", "enroll")
    gate = Gate(controller, "m1")
    controller.ask("m1", "manage")
    assert gate.reached.wait(10)
    calls_before = list(controller.driver.bmcs["m1"].calls)
    for method, path, body in every_change(controller, "m1"):
        reply = call(controller, method, path, body)
        assert reply.status_code == 409, (method, path, reply.text)
        if "provision" not in path:
            assert "locked by host here" in reply.text or path.startswith("ports/"), reply.text
    assert controller.driver.bmcs["m1"].calls == calls_before
    gate.opened.set()
    controller.wait_for("m1", "manageable")
    for method, path, body in every_change(controller, "m1")[2:6]:
        assert call(controller, method, path, body).ok, path


def test_a_request_waits_for_what_ends_soon(tmp_path: Path) -> None:
    with running_controller(tmp_path, verb_patience_s=30.0) as controller:
        controller.enrol("m1", "enroll")
        gate = Gate(controller, "m1")
        controller.ask("m1", "manage")
        assert gate.reached.wait(10)
        replies: list[Any] = []
        document = [{"op": "add", "path": "/extra/rack", "value": "r1"}]
        asking = threading.Thread(
            target=lambda: replies.append(call(controller, "PATCH", "nodes/m1", document))
        )
        asking.start()
        gate.opened.set()
        asking.join(30)
        assert replies[0].status_code == 200
        assert controller.node("m1").extra == {"rack": "r1"}


@pytest.mark.parametrize("verb", ["active", "provide"])
def test_nothing_lands_in_the_middle_of_a_workflow(
    controller: RunningController, verb: str
) -> None:
    state = "available" if verb == "active" else "manageable"
    bmc = controller.enrol("m1", state, instance_info=IMAGE)
    for name in ("write_image", "erase_devices_metadata"):
        bmc.machine.behaviour.seconds[name] = 60.0
    controller.ask("m1", verb)
    wait_until(lambda: bool(controller.node("m1").progress), 20, "the step")
    node = controller.node("m1")
    calls, orders = len(bmc.calls), len(bmc.machine.orders)
    for method, path, body in every_change(controller, "m1"):
        if (method in {"POST", "PATCH"} and path.startswith("ports")) or "traits" in path:
            continue  # as in Ironic, which holds no lock while it waits for the ramdisk
        if path.endswith("states/power") and verb == "active":
            continue  # taken: see test_power_in_a_step
        reply = call(controller, method, path, body)
        assert reply.status_code in {400, 409}, (method, path, reply.text)
    after = controller.node("m1")
    assert (len(bmc.calls), len(bmc.machine.orders)) == (calls, orders)
    assert (after.stage, after.extra) == (node.stage, {})


def test_a_boot_device_is_set_under_a_lock_of_its_own(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable")
    reached, opened = threading.Event(), threading.Event()
    put = bmc.set_boot_device

    def slow(*arguments: Any, **named: Any) -> None:
        reached.set()
        assert opened.wait(30)
        put(*arguments, **named)

    bmc.set_boot_device = slow  # type: ignore[method-assign]
    asking = threading.Thread(
        target=lambda: set_boot_device(controller.services, "m1", "pxe", persistent=False)
    )
    asking.start()
    assert reached.wait(10)
    with pytest.raises(NodeLocked, match=r"locked by host here.*management\.call"):
        controller.ask("m1", "provide")
    with pytest.raises(NodeLocked):
        set_power(controller.services, "m1", "power on", None)
    seen_beats = beats(controller)
    wait_until(lambda: beats(controller) > seen_beats + 2, 30, "beats of the engine's keeper")
    assert controller.node("m1").stage == "management.call"  # it is no claim that was forgotten
    opened.set()
    asking.join(30)
    assert controller.node("m1").stage is None
    assert bmc.machine.boot_device == "pxe"
    assert not controller.services.calls


def beats(controller: RunningController) -> int:
    with controller.store.read() as session:
        return session.scalars(select(Conductor.beat)).one()


def test_a_lock_whose_controller_has_died_ends_by_itself(controller: RunningController) -> None:
    controller.enrol("m1", "manageable")
    controller.driver.bmcs["m1"].is_reachable = False
    with controller.store.edit() as session:
        node = session.merge(controller.node("m1"))
        enter_stage(controller.services, node, "management.call")
    controller.engine.wake()
    wait_until(lambda: controller.node("m1").stage is None, 10, "the end")
    assert controller.node("m1").last_error is None


def held(controller: RunningController, name: str, state: str) -> RunningController:
    wait_until(lambda: controller.node(name).provision_state == state, 20, state)
    wait_until(lambda: not is_claimed(controller.node(name)), 20, "nobody at it")
    return controller


def change_power(controller: RunningController, name: str, target: str) -> None:
    """Order it until it is taken: a node that waits is looked after now and then, and locked meanwhile."""
    path = f"nodes/{name}/states/power"
    wait_until(
        lambda: call(controller, "PUT", path, {"target": target}).status_code == 202,
        20,
        "the order",
    )
    wait_until(lambda: controller.node(name).target_power_state is None, 20, target)


@pytest.mark.parametrize(
    ("verb", "begins", "hold", "ends"),
    [
        ("clean", "manageable", "clean hold", "manageable"),
        ("service", "active", "service hold", "active"),
    ],
)
def test_power_and_boot_device_are_a_persons_while_a_node_is_in_a_hold(
    controller: RunningController, verb: str, begins: str, hold: str, ends: str
) -> None:
    bmc = controller.enrol("m1", begins)
    steps = [{"interface": "power", "step": name} for name in ("hold", "reboot")]
    controller.ask("m1", verb, **{f"{verb}_steps": steps}, disable_ramdisk=True)
    held(controller, "m1", hold)
    boot_device = "nodes/m1/management/boot_device"
    assert call(controller, "PUT", boot_device, {"boot_device": "disk"}).status_code == 204
    for target, is_on in (("power off", False), ("power on", True), ("rebooting", True)):
        change_power(controller, "m1", target)
        assert bmc.machine.is_on is is_on
        assert controller.node("m1").provision_state == hold
        assert getattr(controller.node("m1"), f"{verb}_step")["step"] == "hold"
    held(controller, "m1", hold)
    controller.ask("m1", "unhold")
    controller.wait_for("m1", ends)
    assert controller.node("m1").stage is None


def test_a_power_order_that_fails_leaves_the_hold_as_it_was(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable")
    controller.ask(
        "m1", "clean", clean_steps=[{"interface": "power", "step": "hold"}], disable_ramdisk=True
    )
    held(controller, "m1", "clean hold")
    bmc.stays_off = True
    set_power(controller.services, "m1", "power on", 0.3)
    for method, path, body in (
        ("PUT", "nodes/m1/states/provision", {"target": "abort"}),
        ("PUT", "nodes/m1/states/power", {"target": "power off"}),
    ):
        assert call(controller, method, path, body).status_code == 409
    wait_until(lambda: bool(controller.node("m1").last_error), 20, "its failure")
    node = controller.node("m1")
    assert (node.provision_state, node.stage) == ("clean hold", "clean.hold")
    assert not node.maintenance
    wait_until(lambda: not is_claimed(controller.node("m1")), 20, "nobody at it")
    controller.ask("m1", "unhold")
    controller.wait_for("m1", "manageable")


def test_a_machine_that_is_waited_for_can_be_rebooted_in_maintenance_too(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "available", instance_info=IMAGE)
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "active")
    held(controller, "m1", "wait call-back")
    begun = controller.node("m1").work
    change_power(controller, "m1", "rebooting")
    node = controller.node("m1")
    assert (node.provision_state, node.stage) == ("wait call-back", "deploy.wait_for_agent")
    assert begun is not None
    assert node.work is not None
    assert node.work.entered_at > begun.entered_at
    assert node.work.started_at == begun.started_at
    controller.maintain("m1", is_on=True)
    change_power(controller, "m1", "power off")
    assert not bmc.machine.is_on
    change_power(controller, "m1", "power on")
    assert controller.node("m1").stage == "deploy.wait_for_agent"
    controller.maintain("m1", is_on=False)
    assert controller.node("m1").provision_state == "wait call-back"
