"""What an instance had on the node's ports goes with it."""

from controller.workflow.vifs import attach_vif, list_vifs
from tests.integration.running_controller import IMAGE, RunningController


def test_a_tear_down_detaches_the_vifs_and_forgets_the_name(controller: RunningController) -> None:
    interfaces = {"boot": "fake", "network": "flat"}
    columns = {"instance_info": IMAGE, "instance_name": "web", "interfaces": interfaces}
    controller.enrol("m1", "active", **columns)
    attach_vif(controller.services, "m1", "a", port=None, group=None)

    controller.ask("m1", "deleted")
    node = controller.wait_for("m1", "available")
    assert node.instance_name is None
    with controller.store.read() as session:
        assert list_vifs(controller.services, session, node) == ()
