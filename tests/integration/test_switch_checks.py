"""What is checked before a port is changed on a switch: that it is told, nobody else's, and where LLDP has seen it."""

from pathlib import Path

import pytest

from agent.protocol.lldp import as_raw
from controller.errors import Invalid
from controller.store.nodes import get_node
from controller.workflow.questions import validate
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.switch_site import (
    BLUE,
    SWITCH_ID,
    Site,
    change_port,
    enrol,
    link,
    ports,
    site,
    switching,
)

__all__ = ["site"]


def test_what_is_missing_is_told_before_the_machine_is_touched(site: Site) -> None:
    controller, switch = site
    bmc = enrol(controller, "m1", "available", instance_info=IMAGE, vif="green")
    answer = validate(controller.services, "m1")["network"]
    assert answer["result"] is False
    assert "VIF green names no network; add it to [networks] in " in answer["reason"]
    with pytest.raises(Invalid, match="VIF green names no network"):
        controller.ask("m1", "active")
    change_port(controller, "m1", internal_info={"tenant_vif_port_id": "blue.2"})
    assert validate(controller.services, "m1")["network"] == {"result": True}
    change_port(controller, "m1", local_link_connection={})
    reason = validate(controller.services, "m1")["network"]["reason"]
    assert "it is not known where it is plugged in: set switch_id and port_id" in reason
    assert validate(controller.services, "m1")["inspect"]["result"] is True
    change_port(
        controller, "m1", local_link_connection={"switch_id": "aa:bb:cc:dd:ee:99", "port_id": "1"}
    )
    assert "no switch of " in validate(controller.services, "m1")["network"]["reason"]
    assert (bmc.machine.boots, switch.changes()) == ([], [])


def test_a_place_that_is_another_nodes_is_left_alone(site: Site) -> None:
    controller, switch = site
    enrol(controller, "m1", "available", instance_info=IMAGE)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    enrol(controller, "m2", "available", instance_info=IMAGE)
    change_port(controller, "m2", local_link_connection=link("m1"))
    reason = validate(controller.services, "m2")["network"]["reason"]
    address = ports(controller, "m1")[0].address
    assert f"is where port {address} of node m1 is attached" in reason
    assert switch.ports()["m1"] == BLUE


def heard(controller: RunningController, name: str, port: str) -> None:
    """Have the node's last inspection say by LLDP where its port is."""
    (first, *_rest) = ports(controller, name)
    tlvs = [
        (1, b"\x04" + bytes.fromhex(SWITCH_ID.replace(":", ""))),
        (2, b"\x05" + port.encode()),
        (3, b"\x00\x78"),
    ]
    found = {
        "inventory": {"interfaces": [{"name": "eth0", "mac_address": first.address}]},
        "plugin_data": {"lldp_raw": {"eth0": as_raw(tlvs)}},
    }
    with controller.store.edit() as session:
        get_node(session, name).inventory = found


def test_a_port_that_lldp_has_seen_elsewhere_is_not_attached(site: Site) -> None:
    controller, switch = site
    bmc = enrol(controller, "m1", "available", instance_info=IMAGE)
    heard(controller, "m1", "m1")
    assert validate(controller.services, "m1")["network"] == {"result": True}
    heard(controller, "m1", "swp9")
    address = ports(controller, "m1")[0].address
    sentence = (
        f"nothing was changed at switch tor-1: port {address} is plugged in elsewhere than its local_link_connection says: "
        "port_id is m1, the switch says swp9 (by LLDP, in the last inspection); look at the cable, or correct "
        "local_link_connection, and inspect the node again"
    )
    assert validate(controller.services, "m1")["network"]["reason"] == sentence
    with pytest.raises(Invalid) as raised:
        controller.ask("m1", "active")
    assert str(raised.value) == sentence
    with controller.store.edit() as session:
        get_node(session, "m1").provision_state = "manageable"
    controller.ask("m1", "provide")  # whose steps are checked by its workflow
    node = controller.wait_for("m1", "clean failed")
    assert node.last_error == f"cleaning failed: {sentence}"
    assert [e.message for e in controller.events("m1", "error")] == [node.last_error]
    assert (bmc.machine.boots, switch.changes()) == ([], [])
    assert ports(controller, "m1")[0].local_link_connection == link("m1")  # as it was entered
    assert validate(controller.services, "m1")["inspect"]["result"] is True  # which may mend it


def test_a_contradiction_may_be_only_told(tmp_path: Path) -> None:
    with switching(tmp_path, network_link_check="warn") as (controller, switch):
        enrol(controller, "m1", "available", instance_info=IMAGE)
        heard(controller, "m1", "swp9")
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert switch.ports()["m1"] == BLUE
        told = controller.events("m1", "network")
        assert "the switch says swp9" in next(e.message for e in told if e.severity == "WARNING")
