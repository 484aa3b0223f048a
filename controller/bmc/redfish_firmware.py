"""The firmware interface ``redfish``: which parts have which versions, and updates that the BMC fetches and carries out itself."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sushy.resources.system.system import System

from controller.bmc import redfish_task
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_components import Part, parts
from controller.bmc.redfish_errors import NotOfferedError
from controller.bmc.redfish_firmware_steps import firmware_steps
from controller.bmc.redfish_push import ABANDONED_S, Push, Pushes, can_push
from controller.bmc.redfish_sessions import Sessions, shared_sessions
from controller.bmc.redfish_siblings import siblings
from controller.bmc.redfish_target import PROPERTIES, parse_target
from controller.bmc.redfish_task import TaskLook
from controller.bmc.redfish_update import Begun, begin_update
from controller.hardware.bmc import BmcStep
from controller.hardware.firmware import FirmwareComponent
from controller.hardware.interface import Facts
from controller.settings import Settings

_FETCHED = frozenset({"http", "https"})
"""Where the controller itself fetches images."""


class RedfishFirmware:
    """Makes connections that share the sessions of all Redfish interfaces."""

    def __init__(self, settings: Settings, sessions: Sessions | None = None) -> None:
        """Ask nobody; ``sessions`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._sessions = sessions or shared_sessions()
        abandoned_s = max(ABANDONED_S, 6 * settings.power_check_interval_s)
        self._pushes = Pushes(settings.firmware_update_timeout_s, abandoned_s=abandoned_s)
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
        calls = RedfishCalls(parse_target(driver_info), self._sessions)
        return FirmwareOfSystem(calls, self._pushes)


class FirmwareOfSystem:
    """The firmware of one machine; every method raises as ``abilities.py`` says."""

    def __init__(self, calls: RedfishCalls, pushes: Pushes) -> None:
        self._calls = calls
        self._pushes = pushes
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

    def is_own(self, task: str, url: str, target: str | None, *, timeout_s: float) -> bool:
        """Ask whether a task may be that of an update of ``target`` with the image at ``url``.

        One whose order the BMC does not tell may be where the machine is alone: it is no neighbour's there.
        """

        def judge(system: System) -> bool:
            found = redfish_task.is_for(system, task, url, target)
            return found if found is not None else not siblings(system).systems

        return self._calls.ask("look at a task", timeout_s, judge)

    def update(self, component: str, url: str, target: str | None, *, timeout_s: float) -> Begun:
        """Order an update: of a BMC that fetches no images by the URL's protocol, and takes them, by pushing it."""

        def order(system: System) -> Begun | None:
            try:
                return Begun(task=begin_update(system, url, target))
            except NotOfferedError:
                if urlsplit(url).scheme in _FETCHED and can_push(system):
                    return None
                raise

        begun = self._calls.ask(f"update the firmware of {component}", timeout_s, order)
        if begun is not None:
            return begun
        push = self._pushes.begin(self._calls.target, url, target)
        return Begun(push=push, waits=push is None)

    def look_at_push(self, name: str) -> Push | None:
        """Return how a push stands; ``None`` = this process knows nothing of it. Asks nobody."""
        return self._pushes.look(name)

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        """Ask how a task goes on."""
        return self._calls.ask(
            "look at the update's task",
            timeout_s,
            lambda system: redfish_task.look(system, task),
        )
