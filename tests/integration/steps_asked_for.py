"""Steps as agents and BMC drivers offer them and as clients ask for them, and what became of them."""

from collections.abc import Mapping
from typing import Any

from controller.hardware.bmc import BmcStep, BmcStepLook, StepArgument
from tests.integration.agent_double import Machine
from tests.integration.running_controller import IMAGE, RunningController
from tests.integration.waiting import wait_until


def step(name: str, priority: int = 0, **changes: object) -> dict[str, object]:
    plain = {"interface": "deploy", "reboot_requested": False, "abortable": True}
    return {"step": name, "priority": priority, **plain, **changes}


def wish(name: str, interface: str = "deploy", **changes: object) -> dict[str, object]:
    return {"interface": interface, "step": name, **changes}


def orders(machine: Machine) -> list[str]:
    return [name for name, _params in machine.orders]


def held(controller: RunningController, name: str, state: str) -> None:
    wait_until(
        lambda: (
            controller.node(name).provision_state == state
            and controller.node(name).claim_owner is None
        ),
        20,
        state,
    )


class Reset:
    """Steps of a BMC: one that ends at its third look, and one that fails."""

    def __init__(self) -> None:
        self.args: list[Mapping[str, Any]] = []

    def begin(self, _bmc: Any, args: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
        self.args.append(args)
        return BmcStepLook(state={"looks": 0})

    def look(self, _bmc: Any, state: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
        looks = state["looks"] + 1
        return BmcStepLook(state={"looks": looks} if looks < 3 else None, message=f"look {looks}")

    def offer(self, name: str = "reset", **priorities: int) -> BmcStep:
        return BmcStep(
            name=name,
            interface="bios",
            priorities=priorities,
            begin=self.begin,
            look=self.look,
            arguments={"profile": StepArgument(description="Which settings.", required=True)}
            if name == "reset"
            else {},
        )


def in_use(controller: RunningController, name: str = "m1", **columns: Any) -> Any:
    """Return the BMC of a machine that runs its own system."""
    bmc = controller.enrol(name, "active", instance_info=IMAGE, **columns)
    bmc.machine.power_on()
    bmc.machine.behaviour.steps = {"service": [step("flash"), step("burn", abortable=False)]}
    return bmc
