"""Steps that are stored: deploy templates by the traits of an instance, and runbooks by the traits of a node."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from controller.errors import Invalid, NotFound
from controller.store.deploy_templates import DeployTemplate
from controller.store.nodes import get_node
from controller.store.runbooks import Runbook
from controller.workflow.verb_request import ProvisionRequest
from controller.workflow.verbs import provision, validate
from tests.integration.running_controller import IMAGE, RunningController, running_controller
from tests.integration.steps_asked_for import Reset, held, orders, step, wish

HYBRID = {"automated_cleaning_step_source": "hybrid"}
RUNBOOK = {"automated_cleaning_step_source": "runbook"}
CORE = ["deploy", "write_image", "prepare_instance_boot", "tear_down_agent", "boot_instance"]


def template(controller: RunningController, name: str, *steps: Any) -> None:
    with controller.store.edit() as session:
        found = [{"args": {}, **one} for one in steps]
        row = DeployTemplate(uuid=str(uuid4()), name=name, steps=found, created_at=1.0)
        session.add(row)


def runbook(controller: RunningController, name: str, *steps: Any, **columns: Any) -> None:
    with controller.store.edit() as session:
        found = [{"args": {}, "order": number, **one} for number, one in enumerate(steps)]
        uuid = str(uuid4())
        session.add(Runbook(uuid=uuid, name=name, steps=found, created_at=1.0, **columns))


def begun(controller: RunningController, name: str = "m1") -> list[str]:
    messages = [event.message for event in controller.events(name, "step")]
    return [text.split()[2] for text in messages if text.endswith(" begins")]


def enrol(controller: RunningController, *traits: str, **columns: Any) -> Any:
    wanted = {"instance_info": {**IMAGE, "traits": list(traits)}, "traits": list(traits)}
    return controller.enrol("m1", **wanted | columns)


def test_templates_that_the_instances_traits_choose_take_part_and_the_request_stands_before_them(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, "CUSTOM_A", "CUSTOM_B", "CUSTOM_PLAIN")
    takes = {"x": {"description": "A number."}}
    bmc.machine.behaviour.steps = {
        "deploy": [step("tune", 70, argsinfo=takes), step("burn"), step("flash", 50)]
    }
    template(
        controller,
        "CUSTOM_A",
        wish("tune", args={"x": 1}, priority=90),
        wish("flash", priority=0),
        wish("hold", "vendor", priority=30),
    )
    template(controller, "CUSTOM_B", wish("burn", priority=95))
    template(controller, "CUSTOM_OTHER", wish("burn", priority=94))
    asked = [wish("tune", args={"x": 2}, priority=45)]
    controller.ask("m1", "active", deploy_steps=asked)
    held(controller, "m1", "deploy hold")
    controller.ask("m1", "unhold")
    controller.wait_for("m1", "active")
    agents = ["burn", "write_image", "prepare_instance_boot", "tune", "tear_down_agent"]
    assert begun(controller) == ["deploy", *agents, "hold", "boot_instance"]
    assert bmc.machine.ordered("tune")[0]["step"]["args"] == {"x": 2}


def test_a_template_moves_and_switches_off_what_every_deployment_has(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, "CUSTOM_STAYS_OFF")
    steps = [wish("boot_instance", priority=0), wish("tear_down_agent", priority=10)]
    template(controller, "CUSTOM_STAYS_OFF", *steps)
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert begun(controller) == CORE[:-1]
    assert bmc.machine.boots == ["pxe", "off"]


def test_a_deployment_without_its_core_step_boots_the_ramdisk_for_the_image_only(
    controller: RunningController,
) -> None:
    bmc = enrol(controller, "CUSTOM_A")
    template(controller, "CUSTOM_A", wish("deploy", priority=0))
    controller.ask("m1", "active")
    controller.wait_for("m1", "active")
    assert begun(controller) == CORE[1:]
    assert bmc.machine.boots == ["pxe", "off", "disk"]
    controller.ask("m1", "deleted")
    controller.wait_for("m1", "available")


def test_impossible_templates_are_refused_by_name_and_by_the_nodes_validation(
    controller: RunningController,
) -> None:
    controller.driver.offered = (Reset().offer(deploy=0),)
    enrol(controller, "CUSTOM_A")
    assert validate(controller.services, "m1")["deploy"] == {"result": True}
    template(controller, "CUSTOM_A", wish("reset", "bios", priority=150))
    lacks = r"deploy templates CUSTOM_A: deploy step bios\.reset lacks the argument profile"
    with pytest.raises(Invalid, match=lacks):
        controller.ask("m1", "active")
    answer = validate(controller.services, "m1")["deploy"]
    assert answer["result"] is False
    assert "deploy templates CUSTOM_A: deploy step bios.reset" in answer["reason"]
    asked = [wish("reset", "bios", args={"profile": "a"}, priority=150)]
    with pytest.raises(Invalid, match=lacks):  # as in Ironic, also where the request has the step
        controller.ask("m1", "active", deploy_steps=asked)
    assert controller.node("m1").provision_state == "available"


def test_no_step_may_be_in_two_templates_of_an_instance(controller: RunningController) -> None:
    enrol(controller, "CUSTOM_A", "CUSTOM_B")
    for name in ("CUSTOM_A", "CUSTOM_B"):
        template(controller, name, wish("burn", priority=50), wish("flash", priority=60))
    words = r"deploy\.burn, deploy\.flash are in several of the deploy templates CUSTOM_A, CUSTOM_B"
    with pytest.raises(Invalid, match=words):
        controller.ask("m1", "active")
    assert "are in several" in validate(controller.services, "m1")["deploy"]["reason"]


def test_a_template_of_an_agents_step_that_there_is_not_fails_with_those_that_there_are(
    controller: RunningController,
) -> None:
    enrol(controller, "CUSTOM_A")
    template(controller, "CUSTOM_A", wish("polish", priority=50))
    controller.ask("m1", "active")
    node = controller.wait_for("m1", "deploy failed")
    assert "deploy.polish is offered by nobody" in str(node.last_error)


def test_with_the_deploy_interface_fake_only_what_is_asked_for_is_done(tmp_path: Path) -> None:
    fake = {"boot": "fake", "deploy": "fake"}
    with running_controller(tmp_path) as controller:
        reset = Reset()
        controller.driver.offered = (reset.offer(deploy=0),)
        bmc = enrol(controller, "CUSTOM_A", interfaces=fake)
        template(controller, "CUSTOM_A", wish("reset", "bios", args={"profile": "a"}, priority=150))
        controller.ask("m1", "active")
        controller.wait_for("m1", "active")
        assert (begun(controller), reset.args) == (["reset"], [{"profile": "a"}])
        assert bmc.machine.boots == []
        controller.enrol("m2", instance_info={"traits": ["CUSTOM_A"]}, interfaces=fake)
        with pytest.raises(Invalid, match="the node has not CUSTOM_A"):
            controller.ask("m2", "active")
        assert validate(controller.services, "m2")["deploy"]["result"] is False


def test_a_runbook_stands_for_the_steps_of_cleaning_and_service(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable", traits=["CUSTOM_B"], instance_info=IMAGE)
    bmc.machine.behaviour.steps = {
        kind: [step("burn"), step("tune"), step("erase_devices", 99)]
        for kind in ("clean", "service")
    }
    steps = [wish("tune", order=2), wish("burn", order=1)]
    runbook(controller, "care", *steps, traits=["CUSTOM_A", "CUSTOM_B"])
    controller.ask("m1", "clean", runbook="care")
    controller.wait_for("m1", "manageable")
    assert orders(bmc.machine) == ["get_clean_steps", "burn", "tune"]
    with controller.store.edit() as session:
        get_node(session, "m1").provision_state = "active"
    controller.ask("m1", "service", runbook="care")
    controller.wait_for("m1", "active")
    assert orders(bmc.machine)[3:] == ["get_service_steps", "burn", "tune"]


def test_a_runbook_says_whether_the_ramdisk_is_booted(controller: RunningController) -> None:
    controller.driver.offered = (Reset().offer("tidy", clean=0),)
    bmc = controller.enrol("m1", "manageable", traits=["CUSTOM_A"])
    own = {"traits": ["CUSTOM_A"], "disable_ramdisk": True}
    runbook(controller, "without", wish("tidy", "bios"), **own)
    runbook(controller, "impossible", wish("burn"), **own)
    controller.ask("m1", "clean", runbook="without")
    controller.wait_for("m1", "manageable")
    assert bmc.machine.boots == []
    with pytest.raises(Invalid, match=r"clean step deploy\.burn is offered by nobody"):
        controller.ask("m1", "clean", runbook="impossible", disable_ramdisk=False)


def test_a_runbook_is_for_nodes_that_have_one_of_its_traits_and_earlier_its_name(
    controller: RunningController,
) -> None:
    bmc = controller.enrol("m1", "manageable", traits=["CUSTOM_CARE", "CUSTOM_B"])
    bmc.machine.behaviour.steps = {"clean": [step("burn")]}
    runbook(controller, "CUSTOM_CARE", wish("burn"))
    runbook(controller, "CUSTOM_OTHER", wish("burn"), traits=["CUSTOM_OTHER"])

    def clean(name: str, *, by_name: bool) -> None:
        request = ProvisionRequest(target="clean", runbook=name)
        provision(controller.services, "m1", request, runbooks_by_name=by_name)

    with pytest.raises(Invalid, match="runbook CUSTOM_CARE has no traits"):
        clean("CUSTOM_CARE", by_name=False)
    for by_name in (False, True):
        with pytest.raises(Invalid, match="runbook CUSTOM_OTHER is not meant for node"):
            clean("CUSTOM_OTHER", by_name=by_name)
        with pytest.raises(NotFound, match="Runbook care could not be found"):
            clean("care", by_name=by_name)
    with pytest.raises(Invalid, match='give either "clean_steps" or a runbook'):
        controller.ask("m1", "clean", runbook="CUSTOM_CARE", clean_steps=[wish("burn")])
    clean("CUSTOM_CARE", by_name=True)
    controller.wait_for("m1", "manageable")
    assert orders(bmc.machine) == ["get_clean_steps", "burn"]


@pytest.mark.parametrize(
    ("settings", "info", "ends"),
    [
        ({"automated_cleaning_step_source": "hybrid"}, {}, "erase_devices_metadata"),
        ({"automated_cleaning_runbook": "all"}, {}, "erase_devices_metadata"),
        ({"automated_cleaning_runbook": "all"} | HYBRID, {}, "tune"),
        ({"automated_cleaning_runbook_by_resource_class": "rc:large"} | HYBRID, {}, "burn"),
        (
            {"automated_cleaning_runbook_from_node": True} | HYBRID,
            {"cleaning_runbook": "own"},
            "flash",
        ),
        (HYBRID, {"cleaning_runbook": "own"}, "erase_devices_metadata"),
        (RUNBOOK, {}, "wants one; set automated_cleaning_runbook"),
        ({"automated_cleaning_runbook": "gone"} | RUNBOOK, {}, "Runbook gone could not be found"),
        ({"automated_cleaning_runbook": "foreign"} | RUNBOOK, {}, "is not meant for node"),
        (
            {
                "automated_cleaning_runbook": "foreign",
                "automated_cleaning_runbook_validate_traits": False,
            }
            | RUNBOOK,
            {},
            "burn",
        ),
    ],
)
def test_automated_cleaning_by_a_runbook(
    tmp_path: Path, settings: dict[str, Any], info: dict[str, Any], ends: str
) -> None:
    with running_controller(tmp_path, **settings) as controller:
        bmc = controller.enrol(
            *("m1", "manageable"),
            resource_class="rc",
            traits=["CUSTOM_A"],
            driver_info={"fake_id": "m1"} | info,
        )
        steps = [step(name) for name in ("tune", "burn", "flash")]
        bmc.machine.behaviour.steps = {"clean": [*steps, step("erase_devices_metadata", 10)]}
        send = wish("send_raw", "vendor")
        runbook(controller, "all", send, wish("tune"), traits=["CUSTOM_A"])
        runbook(controller, "large", wish("burn"), traits=["CUSTOM_A"])
        runbook(controller, "own", wish("flash"), traits=["CUSTOM_A"])
        runbook(controller, "foreign", wish("burn"), traits=["CUSTOM_B"])
        controller.ask("m1", "provide")
        if " " in ends:
            assert ends in str(controller.wait_for("m1", "clean failed").last_error)
            assert bmc.machine.boots == []
        else:
            controller.wait_for("m1", "available")
            assert orders(bmc.machine) == ["get_clean_steps", ends]
