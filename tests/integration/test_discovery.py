"""Machines that nobody waits for: refused by default, attached to the node that expects them, enrolled where the setting says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from controller.store.tables import Node, Port
from tests.integration.inspections import (
    BMC,
    MAC,
    SECOND_MAC,
    enrol,
    inspecting,
    inspection,
    ports,
    post,
    wait_for_state,
)
from tests.integration.running_controller import RunningController
from tests.integration.waiting import wait_until

STRANGER = "52:54:00:00:bb:01"
SERIAL = "SN-4711"


@contextmanager
def discovering(folder: Path, discovery: str, **settings: Any) -> Iterator[RunningController]:
    more = {"discovery_driver": "fake-hardware", **settings}
    with inspecting(folder, discovery=discovery, **more) as running:
        yield running


def stranger(mac: str = STRANGER, **inventory: Any) -> dict[str, Any]:
    vendor = {"serial_number": SERIAL, "product_name": "R750"}
    interfaces = [{"name": "eth0", "mac_address": mac, "ipv4_address": "172.22.0.9"}]
    whole = {"system_vendor": vendor, "interfaces": interfaces, **inventory}
    return inspection(mac, inventory=whole)


def nodes(controller: RunningController) -> list[Node]:
    with controller.store.read() as session:
        return list(session.scalars(select(Node).order_by(Node.id)))


def expect(controller: RunningController, name: str, state: str, **expected: Any) -> None:
    controller.enrol(name, state, interfaces={}, properties={"expected": expected})
    with controller.store.edit() as session:
        node = session.scalars(select(Node).where(Node.name == name)).one()
        for port in session.scalars(select(Port).where(Port.node_id == node.id)):
            session.delete(port)


def test_a_stranger_is_refused_by_default(tmp_path: Path) -> None:
    with discovering(tmp_path, "off") as controller:
        assert post(controller, stranger()).status_code == 404
        assert nodes(controller) == []


def test_a_stranger_becomes_a_node_and_rules_are_carried_out(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(
        '[{"conditions": [{"op": "is-true", "args": {"value": "{plugin_data[auto_discovered]}"}}],'
        ' "actions": [{"op": "set-attribute", "args":'
        ' {"path": "driver_info/ipmi_address", "value": "{inventory[bmc_address]}"}}]}]'
    )
    more = {"inspection_built_in_rules": str(rules)}
    with discovering(tmp_path, "all", **more) as controller:
        reply = post(controller, stranger(bmc_address=BMC), "1.84")
        assert reply.status_code == 202
        assert reply.json()["config"].get("agent_token") is None
        (node,) = nodes(controller)
        assert reply.json()["node"]["uuid"] == node.uuid
        wait_until(lambda: nodes(controller)[0].stage is None, 10, "the rules are carried out")
        (node,) = nodes(controller)
        assert (node.provision_state, node.driver) == ("enroll", "fake-hardware")
        assert node.driver_info == {"ipmi_address": BMC}
        assert node.properties["cpus"] == 2
        assert ports(controller) == {STRANGER: True}
        assert post(controller, stranger()).status_code == 404  # now it is known
        assert len(nodes(controller)) == 1


def test_a_known_machine_is_never_discovered(tmp_path: Path) -> None:
    with discovering(tmp_path, "all") as controller:
        enrol(controller)
        with controller.store.edit() as session:
            row = session.scalars(select(Node)).one()
            row.driver_info = {**row.driver_info, "ipmi_address": f"[{'fd00::7'}]:623"}
        assert post(controller, stranger(MAC)).status_code == 404
        second = [{"name": "a", "mac_address": STRANGER}, {"name": "b", "mac_address": MAC}]
        assert post(controller, stranger(interfaces=second)).status_code == 404
        assert post(controller, stranger(bmc_v6address="fd00::7/64")).status_code == 404
        uuid = controller.node("m1").uuid
        assert post(controller, stranger(), "1.84", node_uuid=uuid).status_code == 404
        assert len(nodes(controller)) == 1
        assert controller.node("m1").inventory is None


def test_strangers_are_limited(tmp_path: Path) -> None:
    macs = [f"52:54:00:00:cc:0{number}" for number in range(4)]
    with discovering(tmp_path, "all", discovery_per_hour=2) as controller:
        codes = [post(controller, stranger(mac)).status_code for mac in macs]
        assert codes == [202, 202, 404, 404]
    other = tmp_path / "other"
    other.mkdir()
    with discovering(other, "all", discovery_most=1) as controller:
        codes = [post(controller, stranger(mac)).status_code for mac in macs]
        assert codes == [202, 404, 404, 404]


@pytest.mark.parametrize("state", ["enroll", "manageable"])
@pytest.mark.parametrize(
    "expected", [{"serial": "sn-4711"}, {"mac": STRANGER.upper()}, {"bmc_address": BMC}]
)
def test_an_expected_machine_is_attached_to_its_node(
    tmp_path: Path, state: str, expected: dict[str, Any]
) -> None:
    with discovering(tmp_path, "expected") as controller:
        expect(controller, "m1", state, **expected, cpus=2, memory_mb=3072, product="R750")
        expect(controller, "m2", state, serial="another")
        assert post(controller, stranger(SECOND_MAC)).status_code == (
            202 if "serial" in expected else 404
        )
        if "serial" not in expected:
            assert post(controller, stranger(bmc_address=BMC)).status_code == 202
        wait_until(lambda: controller.node("m1").stage is None, 10, "rules")
        node = controller.node("m1")
        assert (node.provision_state, node.last_error) == (state, None)
        assert (node.inventory or {})["plugin_data"]["auto_discovered"] is True
        assert node.properties["cpu_arch"] == "x86_64"
        assert any("is this node's" in one.message for one in controller.events("m1", "agent"))
        assert controller.node("m2").inventory is None


def test_a_machine_that_is_not_what_it_should_be_is_a_fault_with_words(tmp_path: Path) -> None:
    with discovering(tmp_path, "expected") as controller:
        expect(controller, "m1", "enroll", serial=SERIAL, cpus=64, memory_mb=3072, nope=1)
        for _try in range(2):
            assert post(controller, stranger()).status_code == 202
        node = controller.node("m1")
        assert "cpus is 2, expected 64" in str(node.last_error)
        assert "properties.expected has nope" in str(node.last_error)
        assert (node.inventory, ports(controller)) == (None, {})
        (event,) = controller.events("m1", "error")
        assert event.severity == "ERROR"
        assert event.data["times"] == 2


def test_a_machine_that_several_nodes_expect_is_nobodys(tmp_path: Path) -> None:
    with discovering(tmp_path, "all") as controller:
        for name in ("m1", "m2"):
            expect(controller, name, "enroll", serial=SERIAL)
        assert post(controller, stranger()).status_code == 404
        assert len(nodes(controller)) == 2


def test_an_ordered_inspection_compares_too(tmp_path: Path) -> None:
    with inspecting(tmp_path) as controller:
        enrol(controller, properties={"expected": {"memory_mb": 4096}})
        controller.ask("m1", "inspect")
        wait_for_state(controller, "inspect failed")
        words = "memory_mb is 3072, expected 4096"
        assert words in str(controller.wait_for("m1", "inspect failed").last_error)


def boot(controller: RunningController, mac: str = STRANGER) -> str:
    url = f"{controller.url}/boot/ipxe/script?mac={mac}&platform=pcbios"
    return requests.get(url, timeout=30).text


def boot_file(controller: RunningController, kind: str) -> tuple[int, bytes]:
    reply = requests.get(f"{controller.url}/boot/{kind}/unknown", timeout=30)
    return reply.status_code, reply.content


def test_a_stranger_is_given_the_ramdisk_until_discovery_reaches_its_limits(tmp_path: Path) -> None:
    limits = {"unknown_machine": "inspect", "discovery_most": 1}
    with discovering(tmp_path, "all", **limits) as controller:
        script = boot(controller)
        assert f"kernel {controller.url}/boot/kernel/unknown " in script
        assert f"ipa-inspection-callback-url={controller.url}/v1/continue_inspection" in script
        assert boot_file(controller, "kernel") == (200, b"boot file")
        assert boot_file(controller, "ramdisk") == (200, b"boot file")
        assert boot_file(controller, "boot_iso")[0] == 404
        assert post(controller, stranger()).status_code == 202
        assert "booting from the local disk" in boot(controller)  # known by now
        refused = boot(controller, "52:54:00:00:bb:02")
        assert "discovery has reached its limits" in refused
        assert "deploy_ramdisk" not in refused
        assert boot_file(controller, "kernel")[0] == 404


def test_a_stranger_is_given_no_more_ramdisks_in_an_hour_than_may_be_discovered(
    tmp_path: Path,
) -> None:
    limits = {"unknown_machine": "inspect", "discovery_per_hour": 1}
    with discovering(tmp_path, "all", **limits) as controller:
        assert "deploy_ramdisk" in boot(controller)
        assert post(controller, stranger()).status_code == 202
        assert "deploy_ramdisk" not in boot(controller, "52:54:00:00:bb:02")


def test_a_stranger_gets_no_files_where_it_is_not_to_be_inspected(tmp_path: Path) -> None:
    with discovering(tmp_path, "all") as controller:
        assert "deploy_ramdisk" not in boot(controller)
        assert boot_file(controller, "kernel")[0] == 404
