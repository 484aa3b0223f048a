"""Abort: at once where that harms nothing, after the step where it must not be interrupted; then the machine is off.

Source: Ironic's ``_do_abort``, ``continue_node_clean`` and ``continue_node_deploy`` (conductor).
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.errors import ControllerError, NodeLocked
from controller.workflow.verbs import set_power
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.waiting import wait_until


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


def flash(kind: str, priority: int = 90) -> dict[str, list[dict[str, Any]]]:
    plain = {"interface": "deploy", "reboot_requested": False}
    return {
        kind: [
            {**plain, "step": "flash", "priority": priority, "abortable": False},
            {**plain, "step": "write_image", "priority": 0, "abortable": False},
        ]
    }


def at_flash(
    controller: RunningController, name: str, kind: str, seconds: float = 0.6, **columns: Any
) -> Any:
    """Take a node into a step that must not be interrupted."""
    state, verb = ("manageable", "provide") if kind == "clean" else ("available", "active")
    bmc = controller.enrol(name, state, instance_info=IMAGE, **columns)
    bmc.machine.behaviour.steps = flash(kind)
    bmc.machine.behaviour.seconds["flash"] = seconds
    controller.ask(name, verb)
    wait_until(
        lambda: (
            controller.node(name).stage == f"{kind}.step.watch"
            and getattr(controller.node(name), f"{kind}_step")["step"] == "flash"
        ),
        10,
        "the step",
    )
    return bmc


@pytest.mark.parametrize(
    ("kind", "failed"), [("clean", "clean failed"), ("deploy", "deploy failed")]
)
def test_an_abort_waits_for_the_end_of_a_step_that_must_not_be_interrupted(
    controller: RunningController, kind: str, failed: str
) -> None:
    bmc = at_flash(controller, "m1", kind)
    before = controller.node("m1")
    controller.ask("m1", "abort")
    controller.ask("m1", "abort")
    node = controller.node("m1")
    assert node.provision_state == before.provision_state
    assert getattr(node, f"{kind}_step")["abort_after"] is True
    node = controller.wait_for("m1", failed)
    assert node.last_error == "Aborted by request"
    assert node.maintenance is False
    assert not bmc.machine.is_on
    ended = list(bmc.machine.ordered("flash"))
    assert len(ended) == 1
    assert not bmc.machine.ordered("write_image"), "nothing is begun after the step"
    requests = [event.message for event in controller.events("m1", "request")]
    assert requests[1:] == [
        f"abort was asked for; it is carried out after {kind} step flash, which must not be interrupted"
    ]
    messages = [event.message for event in controller.events("m1")]
    off = messages.index("the BMC was told to power off")
    assert any(text.startswith(f"{kind} step flash ended") for text in messages[:off])


def test_deleted_waits_for_the_step_too_and_is_then_carried_out(
    controller: RunningController,
) -> None:
    bmc = at_flash(controller, "m1", "deploy")
    controller.ask("m1", "abort")
    controller.ask("m1", "deleted")
    assert bmc.machine.is_on
    bmc.machine.behaviour.steps = {"clean": []}
    node = controller.wait_for("m1", "available")
    assert (node.last_error, node.instance_info) == (None, {})
    messages = [event.message for event in controller.events("m1")]
    assert any(text.startswith("deploy step flash ended") for text in messages)


def test_deleted_is_carried_out_although_the_step_fails(controller: RunningController) -> None:
    bmc = at_flash(controller, "m1", "deploy")
    bmc.machine.behaviour.failures["flash"] = "wrong vendor"
    controller.ask("m1", "deleted")
    bmc.machine.behaviour.steps = {"clean": []}
    controller.wait_for("m1", "available")


def test_an_abort_survives_the_death_of_the_controller(tmp_path: Path) -> None:
    with running_controller(tmp_path) as controller:
        bmc = at_flash(controller, "m1", "clean", seconds=1.0)
        controller.ask("m1", "abort")
        controller.engine.stop(timeout_s=5)
        again = type(controller.engine)()
        controller.engine = again
        object.__setattr__(controller.services, "wake", again.wake)
        again.start(controller.services)
        controller.wait_for("m1", "clean failed")
        assert not bmc.machine.is_on


@pytest.mark.parametrize("kind", ["clean", "deploy"])
def test_the_limit_of_an_uninterruptible_step_does_not_cut_the_power(
    tmp_path: Path, kind: str
) -> None:
    with running_controller(
        tmp_path, clean_step_timeout_s=0.3, deploy_step_timeout_s=0.3
    ) as controller:
        bmc = at_flash(controller, "m1", kind, seconds=120.0)
        node = controller.wait_for("m1", f"{kind} failed")
        assert bmc.machine.is_on
        assert "has reported no progress for 0 s" in str(node.last_error)
        assert f"raise {kind}_step_timeout_s" in str(node.last_error)
        assert "must not be interrupted, so the machine is left as it is" in str(node.last_error)
        assert node.maintenance
        assert node.fault in {"clean failure", "step failure"}


def test_an_agent_that_falls_silent_in_such_a_step_keeps_its_power(tmp_path: Path) -> None:
    with running_controller(tmp_path, agent_silence_timeout_s=0.3) as controller:
        bmc = at_flash(controller, "m1", "deploy", seconds=120.0)
        bmc.machine.agent.stop()
        node = controller.wait_for("m1", "deploy failed")
        assert bmc.machine.is_on
        assert "must not be interrupted" in str(node.last_error)


def test_an_aborted_machine_that_must_stay_on_is_reset(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "manageable", disable_power_off=True)
    bmc.machine.behaviour.seconds["erase_devices_metadata"] = 60.0
    controller.ask("m1", "provide")
    wait_until(lambda: bool(controller.node("m1").progress), 10, "the step")
    controller.ask("m1", "abort")
    node = controller.wait_for("m1", "clean failed")
    assert bmc.calls[-1] == "reset"
    assert "agent_url" not in node.driver_internal_info


def test_a_machine_that_cannot_be_switched_off_after_an_abort_says_so(tmp_path: Path) -> None:
    with running_controller(tmp_path, bmc_tries=2) as controller:
        bmc = controller.enrol("m1", "manageable")
        bmc.machine.behaviour.seconds["erase_devices_metadata"] = 60.0
        controller.ask("m1", "provide")
        wait_until(lambda: bool(controller.node("m1").progress), 10, "the step")
        bmc.is_reachable = False
        controller.ask("m1", "abort")
        node = controller.wait_for("m1", "clean failed")
        assert str(node.last_error).startswith("Aborted by request; tidying up failed: BMC")


@pytest.mark.parametrize("is_aborted", [True, False], ids=["aborted", "silent"])
@pytest.mark.parametrize(
    ("state", "verb", "failed", "target"),
    [
        ("manageable", "provide", "clean failed", None),
        ("manageable", "inspect", "inspect failed", None),
        ("available", "active", "deploy failed", None),
        ("active", "rescue", "rescue failed", "disk"),
    ],
)
def test_a_machine_that_was_switched_off_does_not_boot_the_ramdisk_any_more(
    tmp_path: Path, state: str, verb: str, failed: str, target: str | None, *, is_aborted: bool
) -> None:
    words = {"rescue_password": "x"} if verb == "rescue" else {}
    # However slow this machine is, whoever aborts must not come after the limit.
    limit_s = 600.0 if is_aborted else 1.0
    with running_controller(tmp_path, callback_timeout_s=limit_s) as controller:
        bmc = controller.enrol("m1", state, instance_info=IMAGE)
        bmc.machine.behaviour.calls_back = False
        controller.ask("m1", verb, **words)
        if is_aborted:
            wait_until(
                lambda: str(controller.node("m1").stage).endswith("wait_for_agent"), 20, "the boot"
            )
            controller.ask("m1", "abort")
        controller.wait_for("m1", failed)
        wait_until(lambda: controller.node("m1").stage is None, 20, "the end")
        node = controller.node("m1")
        if bmc.machine.is_on:  # a failed cleaning is left on, for whoever looks for the reason
            assert (verb, is_aborted) == ("provide", False)
            return
        assert node.driver_internal_info.get("boot_target") == target
        assert not {"agent_url", "lookup_bmc_addresses"} & set(node.driver_internal_info)


STATES = {
    "clean": ("manageable", "provide", "clean failed"),
    "deploy": ("available", "active", "deploy failed"),
    "inspect": ("manageable", "inspect", "inspect failed"),
}
VERBS = ("manage", "provide", "active", "rebuild", "deleted", "inspect", "abort")
POWER = ("power on", "rebooting", "power off")


@pytest.mark.parametrize("kind", STATES)
def test_a_verb_after_an_abort_is_refused_until_the_machine_is_off(
    tmp_path: Path, kind: str
) -> None:
    state, verb, failed = STATES[kind]
    with running_controller(tmp_path, verb_patience_s=0.2) as controller:
        bmc = controller.enrol("m1", state, instance_info=IMAGE)
        bmc.machine.behaviour.calls_back = False
        bmc.machine.behaviour.inspection = None
        controller.ask("m1", verb)
        wait_until(lambda: "wait" in controller.node("m1").provision_state, 10, "the wait")
        bmc.stays_on = True
        controller.ask("m1", "abort")
        for later in VERBS:
            with pytest.raises(NodeLocked, match="locked by host here"):
                controller.ask("m1", later)
        with pytest.raises(NodeLocked):
            set_power(controller.services, "m1", "power on", None)
        bmc.stays_on = False
        controller.wait_for("m1", failed)
        assert not bmc.machine.is_on


@pytest.mark.parametrize("seed", range(3))
def test_after_an_abort_the_machine_is_off_before_anything_else_begins(
    tmp_path: Path, seed: int
) -> None:
    """Verbs and power orders in any order, as fast as they are taken."""
    dice = random.Random(seed)
    with running_controller(tmp_path, verb_patience_s=0.05) as controller:
        bmc = controller.enrol("m1", "manageable", instance_info=IMAGE)
        for name in ("erase_devices_metadata", "erase_devices", "write_image"):
            bmc.machine.behaviour.seconds[name] = 30.0
        changes: list[str] = []
        bmc.machine.on_change = changes.append
        aborts = 0
        while aborts < 4 or controller.node("m1").stage is not None:
            word = dice.choice((*VERBS, *POWER, "abort", "abort") if aborts < 4 else ("abort",))
            try:
                if word in POWER:
                    set_power(controller.services, "m1", word, None)
                else:
                    controller.ask("m1", word)
            except ControllerError:
                continue
            if word == "abort":
                changes.append("abort")
                aborts += 1
        for number, change in enumerate(changes):
            if change == "abort" and not _was_off(changes[:number]):
                following = [c for c in changes[number + 1 :] if c != "abort"]
                assert following[:1] in ([], ["off"]), changes


def _was_off(changes: list[str]) -> bool:
    power = [change for change in changes if change == "off" or change.startswith("on")]
    return not power or power[-1] == "off"
