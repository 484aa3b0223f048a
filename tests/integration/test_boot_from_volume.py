"""Boot from volume: a node whose volume targets say so is deployed without an image, and boots the volume at every start."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from controller.errors import Invalid
from controller.store.nodes import get_node
from controller.store.tables import Lease
from controller.store.volumes import VolumeConnector, VolumeTarget, volumes_of
from controller.workflow.verbs import validate
from tests.integration.running_controller import IMAGE, RunningController, running_controller

MAC = "52:54:00:00:00:01"
TARGET = {
    "target_iqn": "iqn.2026-01.org.example:disk1",
    "target_lun": 0,
    "target_portal": "192.0.2.7:3260",
    "auth_username": "ann",
    "auth_password": "geheim",
}


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    files = {f"deploy_{kind}": f"http://192.0.2.1/{kind}" for kind in ("kernel", "ramdisk")}
    with running_controller(tmp_path, **files) as found:
        yield found


def enrol(controller: RunningController, boot: str = "ipxe", **info: Any) -> Any:
    interfaces = {"boot": boot, "storage": "external"}
    return controller.enrol("m1", "available", interfaces=interfaces, instance_info=info)


def attach(controller: RunningController, boot_index: int = 0, **changes: Any) -> None:
    with controller.store.edit() as session:
        common = {"node_id": get_node(session, "m1").id, "created_at": 1.0}
        session.add(
            VolumeTarget(
                uuid=str(uuid4()),
                volume_type="iscsi",
                volume_id=f"v{boot_index}",
                boot_index=boot_index,
                properties=TARGET | changes,
                **common,
            )
        )
        iqn = "iqn.2026-01.org.example:m1"
        session.add(VolumeConnector(uuid=str(uuid4()), type="iqn", connector_id=iqn, **common))


def boot_script(controller: RunningController) -> str:
    url = f"{controller.url}/boot/ipxe/script?mac={MAC}&platform=pcbios"
    return requests.get(url, timeout=30).text


def test_a_node_is_deployed_on_its_volume_and_boots_it_at_every_start(
    controller: RunningController,
) -> None:
    bmc = enrol(controller)
    attach(controller)
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert node.driver_internal_info["boot_target"] == "volume"
    assert "set_boot_device pxe bios True" in bmc.calls
    script = boot_script(controller)
    assert (
        "set initiator-iqn iqn.2026-01.org.example:m1 || goto retry\nset username ann\n" in script
    )
    assert "sanhook --drive 0x80 iscsi:192.0.2.7::3260:0:iqn.2026-01.org.example:disk1" in script
    assert "geheim" not in str([event.message for event in controller.events("m1")])
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")
    assert "sanhook" not in boot_script(controller)
    with controller.store.read() as session:
        assert volumes_of(session, controller.node("m1").id).boot is None


def test_the_login_is_not_given_to_another_address_than_the_nodes(
    controller: RunningController,
) -> None:
    enrol(controller)
    attach(controller)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    with controller.store.edit() as session:
        session.add(
            Lease(address="192.0.2.99", mac=MAC, expires_at=controller.services.clock() + 600)
        )
    script = boot_script(controller)
    assert "geheim" not in script
    assert "sanhook" not in script


def test_an_image_is_written_to_the_disk_all_the_same(controller: RunningController) -> None:
    enrol(controller, boot="fake", **IMAGE)
    attach(controller)
    controller.ask("m1", "active")
    assert controller.wait_for("m1", "active").driver_internal_info["boot_target"] == "disk"


def test_a_volume_that_is_not_to_boot_from_changes_nothing(controller: RunningController) -> None:
    enrol(controller)
    attach(controller, boot_index=1)
    with pytest.raises(Invalid, match="image_source"):
        controller.ask("m1", "active")


@pytest.mark.parametrize(
    ("boot", "changes", "words"),
    [
        ("fake", {}, "boot_interface fake cannot boot an instance"),
        ("ipxe", {"target_iqn": "x"}, "target_iqn of the volume target is 'x'"),
        ("ipxe", {"auth_password": "ge heim"}, "auth_password of the volume target"),
    ],
)
def test_what_cannot_be_booted_is_refused_before_the_machine_is_touched(
    controller: RunningController, boot: str, changes: dict[str, Any], words: str
) -> None:
    enrol(controller, boot=boot)
    attach(controller, **changes)
    with pytest.raises(Invalid, match=words):
        controller.ask("m1", "active")
    told = validate(controller.services, "m1")
    assert told["deploy"]["result"] is False
    assert told["storage"]["result"] is (boot == "ipxe")


def test_a_machine_on_a_volume_is_adopted(controller: RunningController) -> None:
    interfaces = {"boot": "ipxe", "storage": "external"}
    bmc = controller.enrol("m1", "manageable", interfaces=interfaces)
    attach(controller)
    controller.ask("m1", "adopt")
    node = controller.wait_for("m1", "active")
    assert node.driver_internal_info["boot_target"] == "volume"
    assert set(bmc.calls) == {"power_state"}
    assert "sanhook" in boot_script(controller)
