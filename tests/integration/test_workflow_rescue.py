"""Rescue and unrescue with a machine without hardware: the agent double speaks the exact wire shapes.

Source of states and order: Ironic's ``do_node_rescue``, ``AgentRescue`` and ``AgentRescueMixin``.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agent.protocol.password_hash import hash_password
from controller.errors import Invalid, InvalidStateRequested
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.test_controller_api_clients import CLIENT, Baremetal, environment
from tests.integration.waiting import wait_until

PASSWORD = "correct horse; battery $staple"  # a test's


def rescue(controller: RunningController, name: str, **columns: Any) -> Any:
    bmc = controller.enrol(name, "active", instance_info=IMAGE, **columns)
    bmc.machine.power_on()
    controller.ask(name, "rescue", rescue_password=PASSWORD)
    return bmc


def is_hash_of(password: str, hashed: str) -> bool:
    algorithm = {"5": "sha256", "6": "sha512"}[hashed[1]]
    return hash_password(password, algorithm, hashed.split("$")[2]) == hashed


def test_a_node_is_rescued_and_goes_back_to_its_own_system(controller: RunningController) -> None:
    bmc = rescue(controller, "m1")
    node = controller.wait_for("m1", "rescue")
    (order,) = bmc.machine.ordered("finalize_rescue")
    assert order["hashed"] is True
    assert order["rescue_password"].startswith("$6$")
    assert is_hash_of(PASSWORD, order["rescue_password"])
    assert (node.target_provision_state, node.last_error) == (None, None)
    assert node.instance_info == IMAGE, "the instance is untouched"
    assert node.agent_secret is None
    assert "agent_url" not in node.driver_internal_info
    states = [event.message for event in controller.events("m1", "state")]
    assert states == [
        "active -> rescuing",
        "rescuing -> rescue wait",
        "rescue wait -> rescuing",
        "rescuing -> rescue",
    ]
    controller.ask("m1", "unrescue")
    node = controller.wait_for("m1", "active")
    assert bmc.machine.boots == ["disk", "off", "pxe", "off", "disk"]
    assert node.driver_internal_info["boot_target"] == "disk"
    assert "set_boot_device disk bios True" in bmc.calls


def test_the_password_is_nowhere_in_the_open_and_gone_at_the_end(
    controller: RunningController, tmp_path: Path
) -> None:
    bmc = controller.enrol("m1", "active", instance_info=IMAGE)
    bmc.machine.behaviour.boot_s = 1.0
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    wait_until(lambda: controller.node("m1").provision_state == "rescue wait", 10, "the boot")
    with controller.store.read() as session:
        (stored,) = session.execute(text("select data from work where lane = 'workflow'")).scalars()
    assert "ingot-sealed:" in str(stored)
    assert PASSWORD not in str(stored)
    assert "$6$" not in str(stored)
    controller.wait_for("m1", "rescue")
    (order,) = bmc.machine.ordered("finalize_rescue")
    history = " ".join(event.message + json.dumps(event.data) for event in controller.events("m1"))
    for secret in (PASSWORD, order["rescue_password"]):
        assert secret not in history
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_a_new_rescue_takes_the_place_of_the_old_one(controller: RunningController) -> None:
    bmc = rescue(controller, "m1")
    controller.wait_for("m1", "rescue")
    controller.ask("m1", "rescue", rescue_password="another one")
    controller.wait_for("m1", "rescue")
    old, new = (order["rescue_password"] for order in bmc.machine.ordered("finalize_rescue"))
    assert is_hash_of(PASSWORD, old)
    assert is_hash_of("another one", new)


def test_a_node_is_taken_back_from_its_instance_out_of_the_rescue(
    controller: RunningController,
) -> None:
    bmc = rescue(controller, "m1")
    controller.wait_for("m1", "rescue")
    bmc.machine.behaviour.steps = {"clean": []}
    controller.ask("m1", "deleted")
    node = controller.wait_for("m1", "available")
    assert node.instance_info == {}


def test_an_agent_that_cannot_open_the_login_fails_the_rescue_and_says_why(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "active", instance_info=IMAGE)
    bmc.machine.behaviour.failures["finalize_rescue"] = "the ramdisk has no service rescue-login"
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    node = controller.wait_for("m1", "rescue failed")
    assert str(node.last_error) == (
        "rescue failed: m1: the agent did not open the rescue login: "
        "the ramdisk has no service rescue-login"
    )
    assert not bmc.machine.is_on
    assert len(bmc.machine.ordered("collect_system_logs")) == 1
    controller.ask("m1", "unrescue")
    controller.wait_for("m1", "active")
    assert bmc.machine.boots[-1] == "disk"


def test_only_with_the_operators_leave_an_agent_without_hashes_gets_the_password(
    tmp_path: Path,
) -> None:
    with running_controller(tmp_path, require_rescue_password_hashed=False) as controller:
        bmc = controller.enrol("m1", "active", instance_info=IMAGE)
        bmc.machine.behaviour.failures["finalize_rescue"] = "unexpected keyword argument 'hashed'"
        controller.ask("m1", "rescue", rescue_password=PASSWORD)
        controller.wait_for("m1", "rescue failed")
        first, second = bmc.machine.ordered("finalize_rescue")
        assert first["hashed"] is True
        assert second == {"rescue_password": PASSWORD}


def test_a_controller_that_dies_between_the_order_and_its_note_boots_the_machine_once_more(
    controller: RunningController,
) -> None:
    """The agent has opened the login, and nobody knows: it serves nobody now, so only a second boot can tell."""
    bmc = controller.enrol("m1", "active", instance_info=IMAGE)
    killed: list[Any] = []

    def change_work(change: str) -> None:
        with controller.store.edit() as session:
            session.execute(text(f"update work set {change} where lane = 'workflow'"))

    def lose_the_claim(change: str) -> None:
        """Leave the work to others while the order is under way, as a controller does that is killed then."""
        if change == "order finalize_rescue" and not killed:
            killed.append(bmc.machine.agent)
            change_work(
                "claim_id = null, claim_owner = null"
            )  # claimed work is not due: nobody takes it

    bmc.machine.on_change = lose_the_claim
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    wait_until(lambda: bool(killed) and killed[0].has_stopped, 20, "the agent to serve nobody")
    change_work("due_at = 1")  # the lease has ended: another controller looks
    controller.services.wake()
    controller.wait_for("m1", "rescue", timeout_s=30)
    messages = [event.message for event in controller.events("m1")]
    assert sum("booting once more" in message for message in messages) == 1
    first, second = bmc.machine.ordered("finalize_rescue")
    assert first == second
    assert [boot for boot in bmc.machine.boots if boot != "off"] == ["pxe", "pxe"]


def test_an_agent_that_falls_silent_twice_fails_the_rescue(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "active", instance_info=IMAGE)
    bmc.machine.on_change = lambda change: (
        bmc.machine.agent.stop() if change == "order finalize_rescue" else None
    )
    bmc.machine.behaviour.seconds["finalize_rescue"] = 40.0
    object.__setattr__(controller.services.settings, "agent_request_timeout_s", 0.3)
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    node = controller.wait_for("m1", "rescue failed", timeout_s=40)
    assert "booting once more did not help" in str(node.last_error)
    assert not bmc.machine.is_on


def test_an_abort_while_the_ramdisk_is_awaited_leaves_the_machine_off(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "active", instance_info=IMAGE)
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    wait_until(lambda: controller.node("m1").provision_state == "rescue wait", 10, "the wait")
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "rescue failed")
    assert node.last_error == "Aborted by request"
    assert not bmc.machine.is_on
    assert not bmc.machine.ordered("finalize_rescue")


@pytest.mark.parametrize(
    ("password", "message"),
    [
        (None, '"rescue_password" is required'),
        ("", '"rescue_password" is required'),
        ("   ", "not only spaces"),
        ("a\nb", "no control character"),
        ("x" * 1025, "1 to 1024 letters"),
    ],
)
def test_a_password_that_nobody_could_type_is_refused_before_the_machine_is_touched(
    controller: RunningController, password: str | None, message: str
) -> None:
    bmc = controller.enrol("m1", "active", instance_info=IMAGE)
    with pytest.raises(Invalid, match=message):
        controller.ask("m1", "rescue", rescue_password=password)
    assert controller.node("m1").provision_state == "active"
    assert bmc.calls == []


def test_what_cannot_be_rescued_is_refused(controller: RunningController) -> None:
    controller.enrol("m1", "active", interfaces={"rescue": "no-rescue", "boot": "fake"})
    with pytest.raises(Invalid, match="has rescue_interface no-rescue; set it to agent"):
        controller.ask("m1", "rescue", rescue_password=PASSWORD)
    controller.enrol("m2", "active", interfaces={})
    with pytest.raises(Invalid, match="no deploy_kernel"):
        controller.ask("m2", "rescue", rescue_password=PASSWORD)
    controller.enrol("m3", "manageable")
    with pytest.raises(InvalidStateRequested, match='"rescue" can not be performed'):
        controller.ask("m3", "rescue", rescue_password=PASSWORD)


def test_a_fake_rescue_interface_needs_no_machine(controller: RunningController) -> None:
    controller.enrol("m1", "active", interfaces={"rescue": "fake", "boot": "fake"})
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    controller.wait_for("m1", "rescue")
    controller.ask("m1", "unrescue")
    controller.wait_for("m1", "active")


def test_the_rescue_has_boot_files_of_its_own(
    controller: RunningController, tmp_path: Path
) -> None:
    folder = tmp_path / "boot"
    folder.mkdir()
    for name in ("kernel", "ramdisk", "rescue-kernel", "rescue-ramdisk"):
        (folder / name).write_bytes(hashlib.sha256(name.encode()).digest())
    object.__setattr__(controller.services.settings, "deploy_kernel", str(folder / "kernel"))
    object.__setattr__(controller.services.settings, "deploy_ramdisk", str(folder / "ramdisk"))
    bmc = controller.enrol(
        "m1",
        "active",
        interfaces={},
        instance_info=IMAGE,
        driver_info={"fake_id": "m1", "rescue_kernel": str(folder / "rescue-kernel")},
    )
    controller.ask("m1", "rescue", rescue_password=PASSWORD)
    controller.wait_for("m1", "rescue")
    assert bmc.machine.boots[-1] == "pxe"


@pytest.mark.interop
@pytest.mark.skipif(
    not (CLIENT / "baremetal").exists(),
    reason="build/peers/client has no baremetal program; make peers installs it",
)
def test_the_real_client_rescues_and_unrescues(
    controller: RunningController, tmp_path: Path
) -> None:
    bmc = controller.enrol("m1", "active", instance_info=IMAGE)
    home = environment(tmp_path, OS_AUTH_TYPE="none", OS_ENDPOINT=controller.url)
    baremetal = Baremetal(home)
    baremetal.ok("node", "rescue", "m1", "--rescue-password", PASSWORD, "--wait", "60")
    assert baremetal.json("node", "show", "m1")["provision_state"] == "rescue"
    (order,) = bmc.machine.ordered("finalize_rescue")
    assert is_hash_of(PASSWORD, order["rescue_password"])
    baremetal.ok("node", "unrescue", "m1", "--wait", "60")
    assert baremetal.json("node", "show", "m1")["provision_state"] == "active"
    assert "can not be performed" in baremetal.refused("node", "unrescue", "m1")
    assert PASSWORD not in baremetal.ok("node", "show", "m1")
