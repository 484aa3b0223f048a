"""The plug-in ``command`` with a real switch, the kernel's: frames pass, or do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.errors import SwitchError
from controller.workflow.vifs import attach_vif, detach_vif
from tests.integration.bridge_site import BridgeSite, bridge_site, filters_vlans
from tests.integration.running_controller import IMAGE
from tests.integration.switch_site import SWITCH_ID, enrol, switching

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
PEERS = {"m1": 0, "m1-data": 0, "ramdisks": 20, "cleaners": 10, "tenant": 300}
FILTERING = {"bridge per VLAN": False, "VLAN filtering": True}


@pytest.fixture(params=list(FILTERING))
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BridgeSite]:
    has_filtering = FILTERING[request.param]
    if has_filtering and not filters_vlans():
        pytest.skip("this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)")
    with bridge_site(tmp_path, has_filtering=has_filtering) as site:
        site.plug_in(PEERS)
        yield site


def test_a_port_is_attached_read_and_detached(bridge: BridgeSite) -> None:
    assert bridge.read("m1") is None
    assert not bridge.passes("m1", "tenant")
    for text in ("access/native_vlan=10", "access/native_vlan=300"):
        bridge.attach("m1", text)
        assert str(bridge.read("m1")) == text
    assert bridge.passes("m1", "tenant")
    assert bridge.passes("tenant", "m1")
    assert not bridge.passes("m1", "cleaners")
    bridge.attach("m1", None)
    assert bridge.read("m1") is None
    assert not bridge.passes("m1", "tenant")
    with pytest.raises(SwitchError, match="nowhere"):
        bridge.read("nowhere")


def test_a_machine_reaches_those_whom_it_should_at_each_moment(
    bridge: BridgeSite, tmp_path: Path
) -> None:
    path = bridge.switch_file(SWITCH_ID, {"blue": "access/native_vlan=300"})
    with switching(tmp_path, switch_config_file=path, idle_network="") as (controller, _fake):
        machine = enrol(controller, "m1", "manageable", instance_info=IMAGE).machine
        others = ("ramdisks", "cleaners", "tenant")
        heard: dict[str, list[str]] = {}

        def listen(what: str) -> None:
            heard[what] = bridge.heard("m1", others)

        machine.on_change = listen
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
        assert heard["on pxe"] == ["cleaners"]
        assert bridge.heard("m1", others) == []
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert (heard["on pxe"], heard["on disk"]) == (["ramdisks"], ["tenant"])
        detach_vif(controller.services, "m1", "blue")
        assert bridge.heard("m1", others) == []
        attach_vif(controller.services, "m1", "blue", port=None, group=None)
        assert bridge.heard("m1", others) == ["tenant"]
        controller.ask("m1", "deleted")
        controller.wait_for("m1", "available")
        assert heard["on pxe"] == ["cleaners"]
        assert bridge.heard("m1", others) == []
