"""A node is offered only after it has passed the burn-ins that the settings require."""

from pathlib import Path

import pytest

from controller.errors import Conflict
from tests.integration.running_controller import running_controller
from tests.integration.steps_asked_for import step, wish


def test_provide_is_refused_until_the_burn_in_has_passed_and_after_it_failed(
    tmp_path: Path,
) -> None:
    with running_controller(tmp_path, burnin_required="cpu", automated_clean=False) as controller:
        behaviour = controller.enrol("m1", "manageable").machine.behaviour
        behaviour.steps = {"clean": [step("burnin_cpu")]}
        behaviour.results["burnin_cpu"] = {"stressors": [], "machine": {"disks": ["S1"]}}
        with pytest.raises(Conflict, match=r"not validated: burnin_cpu was never run; clean it"):
            controller.ask("m1", "provide")
        controller.ask("m1", "clean", clean_steps=[wish("burnin_cpu")])
        node = controller.wait_for("m1", "manageable")
        assert node.driver_internal_info["burnin"]["cpu"]["disks"] == ["S1"]

        behaviour.failures["burnin_cpu"] = "bit 3 is wrong"
        controller.ask("m1", "clean", clean_steps=[wish("burnin_cpu")])
        controller.wait_for("m1", "clean failed")
        controller.ask("m1", "manage")
        controller.wait_for("m1", "manageable")
        with pytest.raises(Conflict, match="burnin_cpu did not pass or did not end"):
            controller.ask("m1", "provide")

        behaviour.failures.clear()
        controller.maintain("m1", is_on=False)
        controller.ask("m1", "clean", clean_steps=[wish("burnin_cpu")])
        controller.wait_for("m1", "manageable")
        controller.ask("m1", "provide")
        controller.wait_for("m1", "available")
