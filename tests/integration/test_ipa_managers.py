"""Hardware managers that were written for ironic-python-agent run unchanged: its own examples, and that of proliantutils.

They are installed as they are published (``build/peers/plugins``); the agent runs in a process of its own that sees both.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "build/peers/plugins/lib/python3.11/site-packages"
EXAMPLES = {
    "ExampleBusinessLogicHardwareManager",
    "ExampleDeviceHardwareManager",
    "ExampleDiskEraserHardwareManager",
}
PROLIANT = "ProliantHardwareManager"
PROGRAM = """
import json, sys, tempfile
from pathlib import Path
from agent.errors import AgentError
from agent.hardware.capabilities import Phase
from agent.hardware.erasing import EraseWish
from agent.hardware.plugins import load_hardware
from agent.hardware.steps import Subject, describe_steps, find_step
from agent.protocol.steps import StepRequest
from agent.system.runner import HostRunner
from tests.unit.fakes import Tools
import msgspec

order = json.loads(sys.argv[1])
hardware = load_hardware(HostRunner())
subject = Subject(order.get("node", {}), ())
answer = {"versions": dict(hardware.versions())}
answer["steps"] = {
    phase: msgspec.to_builtins(describe_steps(hardware.managers, phase, subject)) for phase in Phase
}
disks = hardware.disks()
answer["erasers"] = {
    str(disk.path): [offer.manager for offer in hardware.erase_offers(disk, EraseWish())] for disk in disks
}
if "step" in order:
    request = StepRequest(step=order["step"], interface=order["interface"], args=order.get("args"))
    tools = Tools(HostRunner(), Path(tempfile.mkdtemp()))
    try:
        step = find_step(hardware.managers, Phase(order["phase"]), request, subject)
        context = tools.context(hardware, subject.node, request.args)
        answer["result"] = step.run(context)
    except AgentError as error:
        answer["error"] = str(error)
print(json.dumps(answer, default=str))
"""


def ask(**order: Any) -> Any:
    """Load the whole chain beside the plug-ins; return what it offers and, with ``step``, what came of it."""
    if not PLUGINS.exists():
        pytest.skip("needs make build/stamps/peer-plugins")
    # Behind the agent's own packages: a ramdisk has one version of each, the agent's.
    paths = f"{ROOT}:{':'.join(path for path in sys.path if 'site-packages' in path)}:{PLUGINS}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(order)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def loaded() -> Any:
    return ask()


def test_every_installed_manager_joins_the_chain_under_its_name_and_version(loaded: Any) -> None:
    versions = loaded["versions"]
    assert set(versions) >= EXAMPLES
    assert versions["ExampleBusinessLogicHardwareManager"] == "1"
    assert versions[PROLIANT] == "3"
    assert "generic_hardware_manager" in versions


def test_their_steps_are_offered_with_priorities_and_arguments(loaded: Any) -> None:
    steps = loaded["steps"]
    (lifecycle,) = steps["clean"]["ExampleBusinessLogicHardwareManager"]
    assert (lifecycle["step"], lifecycle["priority"]) == ("companyx_verify_device_lifecycle", 472)
    (upgrade,) = steps["clean"]["ExampleDeviceHardwareManager"]
    assert upgrade["reboot_requested"] is True
    assert upgrade["abortable"] is False
    deploy = {one["step"]: one for one in steps["deploy"]["ExampleBusinessLogicHardwareManager"]}
    assert deploy["companyx_apply_something"]["argsinfo"]["required_value"]["required"] is True


def test_a_step_of_a_better_manager_takes_the_place_of_ours(loaded: Any) -> None:
    names = {one["step"] for one in loaded["steps"]["clean"][PROLIANT]}
    assert {"erase_devices", "create_configuration", "delete_configuration"} <= names
    ours = {one["step"] for one in loaded["steps"]["clean"]["generic_hardware_manager"]}
    assert "erase_devices_metadata" in ours
    assert not ours & names


def test_an_eraser_for_disks_is_asked_before_ours(loaded: Any) -> None:
    if not loaded["erasers"]:
        pytest.skip("this machine shows no disk to offer an erasure for")
    for offers in loaded["erasers"].values():
        assert offers[0] == "ExampleDiskEraserHardwareManager"


def test_a_step_calls_back_into_this_agent_and_fails_as_it_says() -> None:
    node = {"properties": {"memory_mb": 1 << 40}}
    done = ask(node=node, phase="deploy", interface="deploy", step="companyx_verify_memory")
    assert "ExampleBusinessLogicHardwareManager.companyx_verify_memory" in done["error"]
    assert "Memory too low" in done["error"]
    enough = ask(
        node={"properties": {"memory_mb": 1}},
        phase="deploy",
        interface="deploy",
        step="companyx_verify_memory",
    )
    assert enough["result"] is None


def test_a_step_that_succeeds_returns_what_it_says() -> None:
    step = "upgrade_example_device_model1234_firmware"
    done = ask(node={"uuid": "n"}, phase="clean", interface="deploy", step=step)
    assert done["result"] is True


def test_a_node_too_old_fails_cleaning_with_the_plugins_words() -> None:
    node = {"created_at": "Mon Jan  5 00:00:00 2015"}
    step = "companyx_verify_device_lifecycle"
    done = ask(node=node, phase="clean", interface="deploy", step=step)
    assert "too old" in done["error"]


def test_a_tool_that_the_plugin_wants_is_named() -> None:
    node = {"target_raid_config": {"logical_disks": [{"size_gb": 100, "raid_level": "1"}]}}
    done = ask(node=node, phase="clean", interface="raid", step="create_configuration")
    assert f"{PROLIANT}.create_configuration" in done["error"]
    assert (
        ask(node={}, phase="clean", interface="raid", step="create_configuration")["result"] == {}
    )
