"""Which node an inspection's result is of: by its ports, by the address of its BMC, and by nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from controller.errors import BmcError
from tests.integration.inspections import (
    BMC,
    MAC,
    enrol,
    inspecting,
    inspection,
    ports,
    post,
    script,
    wait_for_state,
    without_ports,
)
from tests.integration.running_controller import MachineBmc, RunningController
from tests.integration.waiting import wait_until


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[RunningController]:
    with inspecting(tmp_path) as running:
        yield running


def test_a_machine_without_ports_is_recognized_by_the_address_of_its_bmc(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "ipmi_address": BMC})
    without_ports(controller)
    bmc.machine.behaviour.inspection = inspection(inventory={"bmc_address": BMC})
    controller.ask("m1", "inspect")
    controller.wait_for("m1", "manageable")
    assert ports(controller) == {MAC: True}
    texts = [event.message for event in controller.events("m1")]
    assert any(text.startswith("A machine that no port names asked what") for text in texts)
    assert any(text.endswith(f"ports created: {MAC}") for text in texts)


class KnowingBmc(MachineBmc):
    """A BMC that says which addresses it has."""

    says: Sequence[str] | BmcError = ()

    def addresses(self, *, timeout_s: float) -> Sequence[str]:
        if isinstance(self.says, BmcError):
            raise self.says
        return self.says


def knowing(controller: RunningController, says: Sequence[str] | BmcError) -> KnowingBmc:
    """Enrol a machine without ports, whose BMC is reached by a forwarded port of this machine."""
    info = {"fake_id": "m1", "ipmi_address": "127.0.0.1:6230"}
    bmc = KnowingBmc(enrol(controller, driver_info=info).machine)
    controller.driver.bmcs["m1"] = bmc
    bmc.says = says
    without_ports(controller)
    bmc.machine.behaviour.inspection = inspection(inventory={"bmc_address": BMC})
    return bmc


def test_a_machine_is_recognized_by_what_its_bmc_says_of_itself(
    controller: RunningController,
) -> None:
    knowing(controller, ("192.0.2.77", BMC))
    controller.ask("m1", "inspect")
    node = controller.wait_for("m1", "manageable")
    assert ports(controller) == {MAC: True}
    assert "lookup_bmc_addresses" not in node.driver_internal_info


@pytest.mark.parametrize("says", [(), BmcError("BMC 127.0.0.1: refused")])
def test_a_bmc_that_does_not_say_it_changes_nothing(
    controller: RunningController, says: Sequence[str] | BmcError
) -> None:
    bmc = knowing(controller, says)
    controller.ask("m1", "inspect")
    node = controller.wait_for("m1", "inspect failed")
    assert "create a port" in str(node.last_error)
    assert bmc.machine.boots == []


def test_an_unknown_machine_with_another_bmc_or_none_is_not_taken_for_it(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "ipmi_address": BMC})
    without_ports(controller)
    bmc.machine.behaviour.calls_back = False
    bmc.machine.behaviour.inspection = None
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    stranger = inspection("52:54:00:99:99:99")
    assert post(controller, stranger).status_code == 404
    stranger["inventory"]["bmc_address"] = "192.0.2.66"
    assert post(controller, stranger).status_code == 404
    node = controller.node("m1")
    assert (node.provision_state, node.inventory, ports(controller)) == ("inspect wait", None, {})
    texts = [event.message for event in controller.events("m1", "agent")]
    assert any("BMC 192.0.2.66" in text and BMC in text for text in texts)
    stranger["inventory"]["bmc_address"] = BMC
    assert post(controller, stranger).status_code == 202
    controller.wait_for("m1", "manageable")


def test_a_machine_that_nothing_would_identify_is_not_even_booted(
    controller: RunningController,
) -> None:
    bmc = enrol(controller)
    without_ports(controller)
    controller.ask("m1", "inspect")
    node = controller.wait_for("m1", "inspect failed")
    assert "create a port" in str(node.last_error)
    assert bmc.machine.boots == []


def test_an_unknown_machine_is_inspected_only_while_a_node_without_ports_waits_for_it(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, driver_info={"fake_id": "m1", "ipmi_address": BMC})
    bmc.machine.behaviour.inspection = None
    bmc.machine.behaviour.calls_back = False
    assert "deploy_ramdisk" not in script(controller)
    controller.ask("m1", "inspect")
    wait_for_state(controller, "inspect wait")
    assert "deploy_ramdisk" not in script(controller)  # the node has a port
    without_ports(controller)
    given = script(controller)
    assert f"ipa-inspection-callback-url={controller.url}/v1/continue_inspection" in given
    assert "ipa-api-url" not in given
    assert "nothing is changed on this machine" in given
    controller.ask("m1", "abort")
    assert "deploy_ramdisk" not in script(controller)


def test_contradictions_about_who_the_machine_is_are_refused(
    controller: RunningController,
) -> None:
    first = enrol(controller, "m1", driver_info={"fake_id": "m1", "ipmi_address": BMC})
    second = enrol(controller, "m2", driver_info={"fake_id": "m2", "ipmi_address": "192.0.2.11"})
    for bmc, name in ((first, "m1"), (second, "m2")):
        bmc.machine.behaviour.boot_s = 60
        controller.ask(name, "inspect")
    wait_for_state(controller, "inspect wait")
    wait_until(lambda: controller.node("m2").provision_state == "inspect wait", 10, "m2")
    uuid = controller.node("m2").uuid
    assert post(controller, inspection(), node_uuid=uuid).status_code == 404
    assert post(controller, inspection(), node_uuid="no-such-node").status_code == 404
    foreign_bmc = inspection(inventory={"bmc_address": "192.0.2.11"})
    assert post(controller, foreign_bmc).status_code == 404
    both = inspection(inventory={"boot": {}})
    both["inventory"]["interfaces"].append({"name": "x", "mac_address": "52:54:00:00:00:02"})
    assert post(controller, both).status_code == 404
    assert post(controller, inspection(inventory={"bmc_address": "10.9.9.9"})).status_code == 202
    controller.wait_for("m1", "manageable")
    texts = [event.message for event in controller.events("m1", "agent")]
    assert any("another machine may be switched" in text for text in texts)
