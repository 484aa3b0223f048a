"""The receipt of a written image is kept with the node until the next deployment begins."""

import pytest

from controller.api.app import create_app
from tests.integration.agent_behaviour import RECEIPT
from tests.integration.controller_api import LATEST
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.waiting import wait_until


def get(controller: RunningController, path: str) -> dict[str, object]:
    client = create_app(controller.services).test_client()
    reply = client.get(path, headers={"X-OpenStack-Ironic-API-Version": LATEST})
    document = reply.get_json()
    assert isinstance(document, dict)
    return document


def test_the_receipt_is_shown_and_kept_until_the_next_deployment(
    controller: RunningController,
) -> None:
    behaviour = controller.enrol("m1", instance_info=IMAGE).machine.behaviour
    behaviour.results["write_image"] = {
        "result": "prepare_image: image (user.qcow2) written to device /dev/sda root_uuid=0x1",
        "receipt": {**RECEIPT, "of_a_newer_agent": True},
    }
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert get(controller, "/v1/nodes/m1")["image_receipt"] == RECEIPT
    assert get(controller, "/v1/nodes?fields=image_receipt")["nodes"]
    (event,) = [e for e in controller.events("m1", "step") if "receipt" in e.data]
    assert event.data["receipt"] == RECEIPT
    assert event.message == (
        f"http://web/user.qcow2 (qcow2, {RECEIPT['digest']}) is on /dev/sda (serial S3RIAL): 2000000000 bytes in"
        " 20.0 s, 100 MB/s; a sample of 2621440 bytes was read back and compared; the disk is complete, but this system"
        " does not see it so: sda1 is missing"
    )
    history = get(controller, f"/v1/nodes/m1/history/{event.uuid}")
    assert history["data"] == {"receipt": RECEIPT}

    behaviour.results.clear()
    behaviour.seconds["write_image"] = 60.0
    controller.ask("m1", "rebuild")
    wait_until(lambda: controller.node("m1").stage == "deploy.step.watch", 20, "the write")
    assert get(controller, "/v1/nodes/m1")["image_receipt"] is None


@pytest.mark.parametrize(
    "result",
    [
        None,
        "written",
        {"result": "prepare_image: image (user.qcow2) written to device /dev/sda root_uuid=0x1"},
        {"result": "written", "receipt": {"image": 7}},
        {"result": "written", "receipt": "a piece of paper"},
    ],
    ids=["nothing", "text", "the real agent", "another form", "no receipt at all"],
)
def test_an_agent_without_receipt_is_as_good(controller: RunningController, result: object) -> None:
    behaviour = controller.enrol("m1", instance_info=IMAGE).machine.behaviour
    behaviour.results["write_image"] = result
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "active")
    assert "image_receipt" not in node.driver_internal_info
