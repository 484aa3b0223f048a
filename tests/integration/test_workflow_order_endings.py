"""Every way in which a command of the agent can end, at every stage that orders one: a sentence, or it goes on rightly."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.running_controller import IMAGE, running_controller
from tests.integration.waiting import wait_until

FAILING: dict[str, dict[str, Any]] = {
    "failed without a reason": {"command_status": "FAILED", "command_error": None},
    "failed with a text": {"command_status": "FAILED", "command_error": "disk on fire"},
    "failed with a list": {"command_status": "FAILED", "command_error": ["disk", "on fire"]},
    "failed with nonsense": {"command_status": "FAILED", "command_error": {"details": {"a": [1]}}},
    "an unknown status": {"command_status": "EXPLODED"},
    "no status": {"command_status": None},
    "runs for ever": {"command_status": "RUNNING"},
    "garbage as progress": {"command_status": "RUNNING", "progress": "half"},
}
PASSING: dict[str, dict[str, Any]] = {
    "a list as result": {"command_status": "SUCCEEDED", "command_result": [1, "a"]},
    "a text as result": {"command_status": "SUCCEEDED", "command_result": "done"},
    "no result": {"command_status": "SUCCEEDED", "command_result": None},
}
MISMATCH = {"command_status": "CLEAN_VERSION_MISMATCH"}
ORDERS = {
    "erase_devices_metadata": ("manageable", "provide"),
    "get_clean_steps": ("manageable", "provide"),
    "write_image": ("available", "active"),
    "get_deploy_steps": ("available", "active"),
    "get_partition_uuids": ("available", "active"),
    "install_bootloader": ("available", "active"),
    "sync": ("available", "active"),
}
UEFI = {**IMAGE, "capabilities": "boot_mode:uefi"}
ENDS = {"active", "available", "clean failed", "deploy failed"}


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param(("erase_devices_metadata", "get_deploy_steps", "write_image"), id="some"),
        pytest.param(tuple(ORDERS), id="all", marks=pytest.mark.long),
    ],
)
def test_no_ending_wedges_a_node_or_the_engine(orders: tuple[str, ...], tmp_path: Path) -> None:
    endings = {**FAILING, **PASSING, "another version": MISMATCH}
    with running_controller(
        tmp_path, clean_step_timeout_s=2.0, deploy_step_timeout_s=2.0, workers=16
    ) as controller:
        for order in orders:
            state, verb = ORDERS[order]
            for number, ending in enumerate(endings.values()):
                name = f"{order}-{number}".replace("_", "-")
                bmc = controller.enrol(name, state, instance_info=UEFI)
                bmc.machine.behaviour.endings[order] = ending
                controller.ask(name, verb)
        problems = []
        for order in orders:
            for number, (title, _ending) in enumerate(endings.items()):
                name = f"{order}-{number}".replace("_", "-")

                def has_ended(name: str = name) -> bool:
                    node = controller.node(name)
                    return node.stage is None and node.provision_state in ENDS

                wait_until(has_ended, 240, f"{order}: {title}")
                node = controller.node(name)
                is_failed = node.provision_state.endswith("failed")
                error = str(node.last_error)
                if "internal error" in error or (is_failed and not node.last_error):
                    problems.append((order, title, error))
                if title in FAILING and not is_failed:
                    problems.append((order, title, node.provision_state))
                if title in PASSING and is_failed and not order.startswith("get_"):
                    problems.append((order, title, error))
        assert problems == []
        assert controller.engine.ailments() == []
