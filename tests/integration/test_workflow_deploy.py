from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.running_controller import SHA256, RunningController, running_controller

IMAGE = {
    "image_source": "http://127.0.0.1:9/images/user.qcow2",  # nothing listens there: a warning only
    "image_os_hash_algo": "sha256",
    "image_os_hash_value": SHA256,
    "image_checksum": SHA256,
}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with running_controller(tmp_path) as running:
        yield running


def test_a_node_goes_from_enroll_to_active(controller: RunningController) -> None:
    bmc = controller.enrol("m1", "enroll", instance_info=IMAGE)

    controller.ask("m1", "manage")
    assert controller.wait_for("m1", "manageable").power_state == "power off"

    controller.ask("m1", "provide")
    node = controller.wait_for("m1", "available")
    assert node.power_state == "power off"
    assert [name for name, _params in bmc.machine.orders] == [
        "get_clean_steps",
        "erase_devices_metadata",
    ]

    bmc.machine.orders.clear()
    controller.ask("m1", "active", configdrive={"meta_data": {"hostname": "web1"}})
    node = controller.wait_for("m1", "active")
    assert [name for name, _params in bmc.machine.orders] == [
        "get_deploy_steps",
        "write_image",
        "get_partition_uuids",
        "sync",
        "power_off",
    ]
    assert bmc.machine.boots == ["pxe", "off", "pxe", "off", "disk"]
    assert (node.power_state, node.last_error, node.progress) == ("power on", None, None)
    assert (node.deploy_step, node.stage_data, node.agent_secret) == ({}, {}, None)
    assert node.driver_internal_info["boot_target"] == "disk"
