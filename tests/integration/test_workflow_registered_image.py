"""A node that names a registered image is deployed with its addresses and its digest; the others are told why not."""

from typing import Any

import pytest
import requests

from controller.errors import Conflict, Invalid
from controller.store.images import ACTIVE, Image, ImageCopy, copy_of
from controller.workflow.questions import validate
from tests.integration.running_controller import RunningController
from tests.integration.waiting import wait_until

DIGEST = "a" * 64
URL = "http://127.0.0.1:9/debian.qcow2"
COPY = "http://127.0.0.1:9/images/store/u"


def register(controller: RunningController, copies: tuple[str, ...] = (), **columns: Any) -> int:
    values = {
        "uuid": "11111111-1111-4111-8111-111111111111",
        "name": "debian",
        "created_at": 1.0,
        "status": ACTIVE,
        "urls": [URL],
        "os_hash_algo": "sha256",
        "os_hash_value": DIGEST,
        "size_bytes": 5,
        **columns,
    }
    with controller.services.store.edit() as session:
        image = Image(**values)
        session.add(image)
        session.flush()
        for conductor in copies:
            session.add(
                ImageCopy(
                    image_id=image.id,
                    conductor=conductor,
                    url=f"{COPY}-{conductor}",
                    status=ACTIVE,
                    bytes_done=5,
                    used_at=1.0,
                )
            )
        return image.id


@pytest.mark.parametrize("source", ["debian", "glance://debian"])
def test_the_agent_gets_the_stores_copy_the_others_and_the_source(
    controller: RunningController, source: str
) -> None:
    own = controller.services.hostname
    register(controller, copies=("other", own))
    bmc = controller.enrol(
        "m1", instance_info={"image_source": source, "image_checksum": "of an older image"}
    )
    assert validate(controller.services, "m1")["deploy"] == {"result": True}
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    (params,) = bmc.machine.ordered("write_image")
    info = params["step"]["args"]["image_info"]
    assert info["urls"] == [f"{COPY}-{own}", f"{COPY}-other", URL]
    assert (info["os_hash_algo"], info["os_hash_value"]) == ("sha256", DIGEST)
    assert not info["checksum"]
    node = controller.node("m1")
    assert node.instance_info["image_source"] == source
    assert node.driver_internal_info["registered_image"]["name"] == "debian"
    with controller.services.store.read() as session:
        copy = copy_of(session, 1, own)
        assert copy is not None
        assert copy.used_at > 1.0


def test_without_a_copy_the_source_serves_and_one_is_ordered(
    controller: RunningController,
) -> None:
    image_id = register(controller)
    bmc = controller.enrol("m1", instance_info={"image_source": "debian"})
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    (params,) = bmc.machine.ordered("write_image")
    assert params["step"]["args"]["image_info"]["urls"] == [URL]
    with controller.services.store.read() as session:
        copy = copy_of(session, image_id, controller.services.hostname)
        assert copy is not None
        assert copy.status == "saving"
    assert controller.services.images_wanted.is_set()


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ({"name": "another"}, Invalid, "neither an address nor an image that is registered"),
        ({"status": "checking"}, Conflict, "not whole yet \\(checking\\)"),
        ({"status": "failed", "last_error": "the reason"}, Conflict, "the reason"),
        ({"urls": []}, Conflict, "no copy any more; upload it again"),
    ],
)
def test_what_cannot_be_deployed_is_refused_before_the_machine_is_touched(
    controller: RunningController, columns: dict[str, Any], error: type[Exception], words: str
) -> None:
    register(controller, **columns)
    bmc = controller.enrol("m1", instance_info={"image_source": "debian"})
    said = validate(controller.services, "m1")["deploy"]
    assert said["result"] is False
    with pytest.raises(error, match=words):
        controller.ask("m1", "active")
    assert controller.node("m1").provision_state == "available"
    assert not bmc.machine.boots


def test_another_image_after_the_order_is_not_taken_for_the_old_one(
    controller: RunningController,
) -> None:
    register(controller)
    controller.enrol("m1", instance_info={"image_source": "debian"})
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    with controller.services.store.edit() as session:
        node = session.merge(controller.node("m1"))
        node.instance_info = {"image_source": "http://x/y.raw", "image_checksum": DIGEST}
    controller.ask("m1", "rebuild")
    controller.wait_for("m1", "active")
    assert "registered_image" not in controller.node("m1").driver_internal_info


def test_what_is_being_deployed_stays_and_what_is_known_does_not_change(
    controller: RunningController,
) -> None:
    register(controller)
    bmc = controller.enrol("m1", instance_info={"image_source": "debian"})
    bmc.machine.behaviour.calls_back = False
    controller.ask("m1", "active")
    wait_until(
        lambda: controller.node("m1").provision_state == "wait call-back", 20, "the ramdisk's boot"
    )
    where = f"{controller.url}/v1/images/debian"
    refused = requests.delete(where, timeout=30)
    assert refused.status_code == 409
    assert "is being deployed to node m1" in refused.text
    patch = [{"op": "replace", "path": "/os_hash_value", "value": "b" * 64}]
    refused = requests.patch(where, json=patch, timeout=30)
    assert refused.status_code == 409
    assert "register another image" in refused.text
    controller.ask("m1", "abort")
    controller.wait_for("m1", "deploy failed")
    assert requests.delete(where, timeout=30).status_code == 204
    assert requests.get(where, timeout=30).status_code == 404


def test_an_interface_that_writes_no_image_may_be_given_any_name(
    controller: RunningController,
) -> None:
    unknown = {"image_source": "1e3ecd8b-0b8b-4a0c-8b0a-6f0c1e2d3c4b"}  # Nova's: one of Glance
    controller.enrol(
        "m1", instance_info=unknown, interfaces={"boot": "fake", "deploy": "custom-agent"}
    )
    assert validate(controller.services, "m1")["deploy"] == {"result": True}
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert "registered_image" not in controller.node("m1").driver_internal_info
