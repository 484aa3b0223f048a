"""What agents are told of the root file system for the boot loader, of images on arrays and of partition images, and which agent is believed."""

from pathlib import Path

import pytest

from tests.integration.agent_behaviour import RECEIPT
from tests.integration.running_controller import IMAGE, RunningController, running_controller

MIRROR = {"logical_disks": [{"raid_level": "1", "controller": "software"}]}
ROOT = "6d2f6c0e-43b5-4c7f-9d1b-0b9f0f6a3c11"


@pytest.mark.parametrize("mode", ["bios", "uefi"])
def test_an_agent_is_told_the_root_file_system_of_an_image_on_an_array(
    tmp_path: Path, mode: str
) -> None:
    with running_controller(tmp_path, default_boot_mode=mode) as controller:
        info = IMAGE | {"image_rootfs_uuid": ROOT}
        bmc = controller.enrol("m1", instance_info=info, raid_config=MIRROR)
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
    (params,) = bmc.machine.ordered("install_bootloader")
    assert (params["root_uuid"], params["target_boot_mode"]) == (ROOT, mode)


def test_an_agent_that_would_leave_an_array_unbootable_is_not_believed(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE, raid_config=MIRROR)
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert "set instance_info.image_rootfs_uuid" in str(node.last_error)
    assert bmc.machine.ordered("install_bootloader") == []


def test_an_agent_that_sends_a_receipt_makes_arrays_bootable_by_itself(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", instance_info=IMAGE, raid_config=MIRROR)
    bmc.machine.behaviour.results["write_image"] = {"result": "written", "receipt": RECEIPT}
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert len(bmc.machine.ordered("install_bootloader")) == 1


PARTITION = IMAGE | {"image_type": "partition", "root_gb": 2}


def test_the_root_of_a_partition_image_that_its_agent_does_not_know_may_be_told(
    tmp_path: Path,
) -> None:
    with running_controller(tmp_path, default_boot_mode="uefi") as controller:
        info = PARTITION | {"image_rootfs_uuid": ROOT}
        bmc = controller.enrol("m1", instance_info=info)
        bmc.machine.behaviour.results["get_partition_uuids"] = {"root uuid": ""}
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        (params,) = bmc.machine.ordered("install_bootloader")
        assert params["root_uuid"] == ROOT
        other = controller.enrol("m2", instance_info=PARTITION)
        other.machine.behaviour.results["get_partition_uuids"] = {"root uuid": ""}
        controller.ask("m2", "active")
        node = controller.wait_for("m2", "deploy failed")
        assert "set instance_info.image_rootfs_uuid" in str(node.last_error)
        third = controller.enrol("m3", instance_info=info)
        third.machine.behaviour.results["get_partition_uuids"] = {"root uuid": "found"}
        controller.ask("m3", "active")
        controller.wait_for("m3", "active")
        (params,) = third.machine.ordered("install_bootloader")
        assert params["root_uuid"] == "found"
