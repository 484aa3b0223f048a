"""Kexec at the end of a deployment with machines without hardware: what starts the system, and every way back to the firmware."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.agent_client.client import AgentClient
from controller.store.nodes import get_node
from tests.integration.agent_double import Agent
from tests.integration.running_controller import (
    IMAGE,
    MachineBmc,
    RunningController,
    running_controller,
)
from tests.integration.waiting import wait_until

BY_FIRMWARE = ["pxe", "off", "disk"]
BY_KEXEC = ["pxe", "kexec"]


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningController]:
    monkeypatch.setattr("controller.workflow.stages.kexec._QUIET_S", 0.6)
    monkeypatch.setattr("controller.workflow.stages.kexec._LOOK_S", 0.05)
    for name in ("kernel", "ramdisk"):
        (tmp_path / name).write_bytes(b"boot file")
    files = {
        "deploy_kernel": str(tmp_path / "kernel"),
        "deploy_ramdisk": str(tmp_path / "ramdisk"),
    }
    with running_controller(tmp_path, kexec=True, kexec_timeout_s=2.0, **files) as running:
        yield running


def enrol(controller: RunningController, **columns: Any) -> MachineBmc:
    return controller.enrol("m1", instance_info=IMAGE, **columns)


def deployed(controller: RunningController) -> list[str]:
    """Deploy and return what the history says of kexec."""
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert (node.power_state, node.last_error, node.agent_secret) == ("power on", None, None)
    assert node.driver_internal_info["boot_target"] == "disk"
    assert "agent_url" not in node.driver_internal_info
    return [one.message for one in controller.events("m1") if one.message.startswith("kexec: ")]


def test_the_agent_starts_the_system_and_the_machine_stays_on(
    controller: RunningController,
) -> None:
    bmc = enrol(controller)
    told = deployed(controller)
    assert bmc.machine.boots == BY_KEXEC
    assert told == [
        "kexec: the deployed system's kernel is loaded: kernel /vmlinuz of partition 3, root UUID=1, found_by GRUB, x",
        "kexec: the agent has ended and the machine stays on: the deployed system runs, without a boot",
    ]
    assert [name for name, _params in bmc.machine.orders][-3:] == [
        "sync",
        "prepare_kexec",
        "start_kexec",
    ]
    assert not {"power_off", "reset"} & set(bmc.calls[bmc.calls.index("power_on") :])


def test_it_is_off_unless_somebody_switches_it_on(tmp_path: Path) -> None:
    with running_controller(tmp_path) as controller:
        bmc = enrol(controller)
        assert deployed(controller) == []
        assert bmc.machine.boots == BY_FIRMWARE


@pytest.mark.parametrize(("own", "boots"), [("false", BY_FIRMWARE), (True, BY_KEXEC)])
def test_a_node_has_the_last_word(controller: RunningController, own: Any, boots: Any) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "kexec": own})
    deployed(controller)
    assert bmc.machine.boots == boots


def test_a_word_that_is_no_truth_value_fails_before_the_machine_is_touched(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "kexec": "maybe"})
    controller.ask("m1", "active")
    assert "driver_info/kexec" in str(controller.wait_for("m1", "deploy failed").last_error)
    assert bmc.machine.boots == []


def _does_not_know(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.unknown = {"prepare_kexec", "start_kexec"}


def _refuses(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.failures["prepare_kexec"] = "Secure Boot is on"


def _takes_too_long(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.seconds["prepare_kexec"] = 30.0


def _fails_to_start(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.failures["start_kexec"] = "the loaded kernel was not started"


def _goes_on(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.on_kexec = lambda _agent: None


def _goes_off(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.on_kexec = lambda agent: agent.machine.power_off()


def _is_heard_again(bmc: MachineBmc) -> None:
    def beat(agent: Agent) -> None:
        agent.fall_silent()
        time.sleep(0.3)
        assert agent.heartbeat().status_code == 202

    bmc.machine.behaviour.on_kexec = beat


def _boots_the_ramdisk_again(bmc: MachineBmc) -> None:
    bmc.machine.behaviour.on_kexec = lambda agent: agent.machine.crash()


def _dies_at_the_order(bmc: MachineBmc) -> None:
    """The ramdisk hangs, or its network is gone: nothing is heard, and the machine stays on."""
    bmc.machine.behaviour.starts_without_a_word = True
    bmc.machine.behaviour.on_kexec = lambda agent: agent.fall_silent()


def _is_older(bmc: MachineBmc) -> None:
    loaded = {"kexec": {"kernel": "/vmlinuz"}}
    bmc.machine.behaviour.endings["prepare_kexec"] = {"command_result": loaded}


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (
            _dies_at_the_order,
            r"the agent is silent and has not said that it starts the system, after 2 s",
        ),
        (_is_older, "its ramdisk is older"),
        (_does_not_know, "answers 400: Invalid command: Unknown command: standby.prepare_kexec"),
        (_refuses, "Secure Boot is on"),
        (
            _takes_too_long,
            r"still looks for the deployed system's kernel, after 2 s \(kexec_timeout_s\)",
        ),
        (_fails_to_start, "the agent still runs: the loaded kernel was not started"),
        (_goes_on, r"the agent still runs, after 2 s \(kexec_timeout_s\)"),
        (_goes_off, "the machine is off after the order"),
        (_is_heard_again, "the agent was heard again after the order"),
        (_boots_the_ramdisk_again, "the ramdisk has been started again"),
    ],
)
def test_any_doubt_leads_to_the_firmware_and_says_why(
    controller: RunningController, happens: Callable[[MachineBmc], None], why: str
) -> None:
    bmc = enrol(controller)
    happens(bmc)
    told = deployed(controller)
    assert re.search(f"kexec: .*{why}.*; the machine is started through its firmware", told[-1])
    assert bmc.machine.boots[-2:] == ["off", "disk"]
    (note,) = [one for one in controller.events("m1") if one.message == told[-1]]
    assert note.severity == "WARNING"


def test_an_agent_that_dies_before_the_order_reaches_it_is_not_taken_for_a_started_system(
    controller: RunningController, monkeypatch: pytest.MonkeyPatch
) -> None:
    bmc = enrol(controller)
    give = AgentClient.execute

    def execute(client: AgentClient, name: str, *args: Any, **more: Any) -> Any:
        if name == "standby.start_kexec":  # as for a controller that is killed before it sends it
            bmc.machine.agent.fall_silent()
        return give(client, name, *args, **more)

    monkeypatch.setattr(AgentClient, "execute", execute)
    assert "has not said that it starts the system" in deployed(controller)[-1]
    assert "start_kexec" not in [name for name, _params in bmc.machine.orders]
    assert bmc.machine.boots == BY_FIRMWARE


def test_a_last_word_that_comes_late_is_believed(controller: RunningController) -> None:
    bmc = enrol(controller)
    bmc.machine.behaviour.starts_without_a_word = True

    def start(agent: Agent) -> None:
        agent.fall_silent()
        time.sleep(0.8)  # longer than silence has to last behind the word
        assert agent.heartbeat(agent_status="end").status_code == 202
        agent.machine.start_kernel()

    bmc.machine.behaviour.on_kexec = start
    deployed(controller)
    assert bmc.machine.boots == BY_KEXEC


def test_what_the_controller_knows_itself_is_not_asked_for(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, properties={"capabilities": "secure_boot:true"})
    assert "Secure Boot is wanted" in deployed(controller)[-1]
    assert "prepare_kexec" not in [name for name, _params in bmc.machine.orders]


def test_a_machine_that_must_stay_on_is_neither_switched_off_nor_reset(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, disable_power_off=True)
    bmc.machine.power_on()
    controller.ask("m1", "active")
    wait_until(lambda: bmc.machine.boots[-1] == "kexec", 10, "the start")
    calls = len(bmc.calls)
    controller.wait_for("m1", "active")
    assert "reset" not in bmc.calls[calls:]
    assert bmc.machine.boots[-1] == "kexec"


def test_a_fast_tracked_machine_boots_its_firmware_once_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.workflow.stages.kexec._QUIET_S", 0.2)
    with running_controller(tmp_path, kexec=True, fast_track=True) as controller:
        bmc = controller.enrol("m1", "manageable", instance_info=IMAGE)
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        with controller.store.edit() as session:  # a change that does not concern the ramdisk
            node = get_node(session, "m1", for_update=True)
            node.driver_info = {**node.driver_info, "kexec": True}
        deployed(controller)
        assert bmc.machine.boots == BY_KEXEC
