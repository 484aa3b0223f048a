"""A clean step of our own: a machine that is too hot is not handed to the next user."""

import json
from typing import Any

from agent.errors import AgentError, InvalidRequest
from agent.hardware.capabilities import Phase, Step, StepContext
from agent.protocol.commands import Progress
from agent.protocol.steps import ArgInfo
from agent.system.runner import Runner

_DEFAULT_LIMIT_C = 70
_TIMEOUT_S = 60


class HealthCheck:
    """The step ``management.check_health``."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def step(self) -> Step:
        """Return the step as it is offered: in every cleaning, before the disks are erased (higher goes first)."""
        about = f"Fail above this temperature in degrees Celsius; default {_DEFAULT_LIMIT_C}."
        return Step(
            name="check_health",
            interface="management",
            priorities={Phase.CLEAN: 120},
            run=self.check,
            args={"limit_c": ArgInfo(description=about)},
        )

    def check(self, context: StepContext) -> dict[str, Any]:
        """Read the sensors and return them as evidence.

        Raises:
            InvalidRequest: ``limit_c`` is not a number.
            AgentError: The machine is too hot.
        """
        limit_c = context.args.get("limit_c", _DEFAULT_LIMIT_C)
        if not isinstance(limit_c, int | float):
            raise InvalidRequest(f"check_health: limit_c must be a number, not {limit_c!r}")
        context.progress(Progress(phase="sensors", message="asking acmectl"))
        said = self._runner.run("acmectl", "health", timeout_s=_TIMEOUT_S)
        sensors: dict[str, Any] = json.loads(said.stdout)
        if sensors["temperature_c"] > limit_c:
            raise AgentError(
                f"this machine has {sensors['temperature_c']} degrees Celsius, the limit is {limit_c}; "
                "look at its fans, then clean it again"
            )
        return {**sensors, "limit_c": limit_c}
