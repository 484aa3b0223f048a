"""The firmware interface ``redfish``: which parts have which versions, and updates that the BMC fetches and carries out itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller.bmc import redfish_task
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_components import Part, parts
from controller.bmc.redfish_firmware_steps import firmware_steps
from controller.bmc.redfish_sessions import Sessions, shared_sessions
from controller.bmc.redfish_target import PROPERTIES, parse_target
from controller.bmc.redfish_task import TaskLook
from controller.bmc.redfish_update import begin_update
from controller.hardware.bmc import BmcStep
from controller.hardware.firmware import FirmwareComponent
from controller.hardware.interface import Facts
from controller.settings import Settings


class RedfishFirmware:
    """Makes connections that share the sessions of all Redfish interfaces."""

    def __init__(self, settings: Settings, sessions: Sessions | None = None) -> None:
        """Ask nobody; ``sessions`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._sessions = sessions or shared_sessions()
        self._steps = firmware_steps(settings.firmware_update_timeout_s)

    @classmethod
    def from_settings(cls, settings: Settings) -> "RedfishFirmware":
        """See ``MadeWithSettings``."""
        return cls(settings)

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)

    def steps(self, _driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Offer Ironic's one."""
        return self._steps

    def connect(self, driver_info: dict[str, Any]) -> "FirmwareOfSystem":
        """Return the firmware of the system that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return FirmwareOfSystem(RedfishCalls(parse_target(driver_info), self._sessions))


class FirmwareOfSystem:
    """The firmware of one machine; every method raises as ``abilities.py`` says."""

    def __init__(self, calls: RedfishCalls) -> None:
        self._calls = calls
        self.refusal = calls.refusal

    def firmware_components(self, *, timeout_s: float) -> Sequence[FirmwareComponent]:
        """Return every part and its version."""
        return [part.component for part in self.parts(timeout_s=timeout_s)]

    def parts(self, *, timeout_s: float) -> Sequence[Part]:
        """Return every part, its version, and its place in the BMC's inventory."""
        return self._calls.ask("list the firmware", timeout_s, parts)

    def tasks(self, *, timeout_s: float) -> Sequence[str]:
        """Return the addresses of the BMC's tasks."""
        return self._calls.ask("list the tasks", timeout_s, redfish_task.tasks)

    def update(
        self, component: str, url: str, target: str | None, *, timeout_s: float
    ) -> str | None:
        """Order an update and return the address of its task; ``None`` = it is done."""
        return self._calls.ask(
            f"update the firmware of {component}",
            timeout_s,
            lambda system: begin_update(system, url, target),
        )

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        """Ask how a task goes on."""
        return self._calls.ask(
            "look at the update's task",
            timeout_s,
            lambda system: redfish_task.look(system, task),
        )
