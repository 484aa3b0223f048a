"""VIFs of nodes whose ports are on a switch: what attaching and detaching does there."""

import pytest

from controller.errors import Invalid, SwitchError
from controller.workflow.questions import validate
from controller.workflow.vifs import attach_vif, detach_vif
from tests.integration.running_controller import IMAGE
from tests.integration.switch_site import (
    BLUE,
    IDLE,
    INSPECTION,
    RED,
    Site,
    change_port,
    enrol,
    ports,
    site,
)
from tests.integration.waiting import wait_until

__all__ = ["site"]


def test_a_vif_of_another_physical_network_and_one_without_are_told(site: Site) -> None:
    controller, _switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE, vif="red")
    change_port(controller, "m1", physical_network="blue")
    reason = validate(controller.services, "m1")["network"]["reason"]
    assert "is in physical network blue, VIF red in red" in reason
    change_port(controller, "m1", physical_network="red")
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert _switch.ports()["m1"] == RED
    assert INSPECTION not in "".join(_switch.changes())


def test_a_vif_moves_the_port_of_a_machine_in_use(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    second = ports(controller, "m1")[1].uuid
    attach_vif(controller.services, "m1", "blue", port=None, group=None)
    assert switch.ports()["m1"] == BLUE
    attach_vif(controller.services, "m1", "blue.2", port=second, group=None)
    assert switch.ports() == {"m1": BLUE, "m1-data": BLUE}
    infos = [port.internal_info for port in ports(controller, "m1")]
    assert [info["tenant_vif_port_id"] for info in infos] == ["blue", "blue.2"]
    assert [info["switch_attachment"]["network"] for info in infos] == ["VIF blue", "VIF blue.2"]
    detach_vif(controller.services, "m1", "blue")
    assert switch.ports() == {"m1": IDLE, "m1-data": BLUE}
    assert ports(controller, "m1")[0].internal_info == {}
    with pytest.raises(Invalid, match="names no network"):
        attach_vif(controller.services, "m1", "green", port=None, group=None)
    assert controller.node("m1").work is None


def test_a_vif_that_the_switch_refuses_is_not_attached_and_the_port_goes_back(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "active", instance_info=IMAGE, vif=None)
    switch.order(fail={"m1-data": "% no"})  # which is set first, as it is in no network
    with pytest.raises(SwitchError, match="% no; look at the switch"):
        attach_vif(controller.services, "m1", "blue", port=None, group=None)
    assert ports(controller, "m1")[0].internal_info.get("tenant_vif_port_id") is None
    switch.order()
    wait_until(lambda: controller.node("m1").work is None, 20, "the ports are put right")
    controller.services.wake()
    attach_vif(controller.services, "m1", "blue", port=None, group=None)
    assert switch.ports() == {"m1": BLUE, "m1-data": IDLE}


def test_a_vif_gets_a_port_in_the_physical_network_of_its_network(site: Site) -> None:
    controller, _switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE, vif=None)
    change_port(controller, "m1", physical_network="blue")
    attach_vif(controller.services, "m1", "red", port=None, group=None)
    held = [port.internal_info.get("tenant_vif_port_id") for port in ports(controller, "m1")]
    assert held == [None, "red"]
    with pytest.raises(Invalid, match="in physical network red"):
        attach_vif(controller.services, "m1", "red.2", port=None, group=None)
