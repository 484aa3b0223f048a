"""The RAID interface ``redfish``: volumes of a machine's storage controllers, made and deleted by steps with Ironic's names and read back."""

from collections.abc import Mapping, Sequence
from typing import Any

from sushy.resources.system.system import System

from agent.protocol.raid_config import check_raid_config
from agent.protocol.refusal import Refusal
from controller.bmc import redfish_storage, redfish_task
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_document import order, remove
from controller.bmc.redfish_raid_plan import APPLY_TIME, Action
from controller.bmc.redfish_raid_steps import raid_steps
from controller.bmc.redfish_sessions import Sessions, shared_sessions
from controller.bmc.redfish_storage import Store, Volume
from controller.bmc.redfish_target import PROPERTIES, parse_target
from controller.bmc.redfish_task import TaskLook
from controller.errors import Invalid
from controller.hardware.bmc import BmcStep
from controller.hardware.interface import Facts


class RedfishRaid:
    """Makes connections that share the sessions of all Redfish interfaces."""

    def __init__(self, sessions: Sessions | None = None) -> None:
        """Ask nobody; ``sessions`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._sessions = sessions or shared_sessions()
        self._steps = raid_steps()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)
        try:
            check_raid_config(facts.node.target_raid_config)
        except Refusal as error:
            raise Invalid(f"target_raid_config: {error}") from error

    def steps(self, _driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Offer Ironic's three."""
        return self._steps

    def connect(self, driver_info: dict[str, Any]) -> "StorageOfSystem":
        """Return the storage of the system that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return StorageOfSystem(RedfishCalls(parse_target(driver_info), self._sessions))


class StorageOfSystem:
    """The storage of one machine; every method raises as ``abilities.py`` says."""

    def __init__(self, calls: RedfishCalls) -> None:
        self._calls = calls
        self.refusal = calls.refusal

    def stores(self, *, timeout_s: float) -> Sequence[Store]:
        """Return every storage with its drives and volumes; empty = the BMC tells of none."""
        return self._calls.ask("read the storage", timeout_s, redfish_storage.stores)

    def volumes(self, collection: str, *, timeout_s: float) -> Sequence[Volume] | None:
        """Return the volumes of one storage; ``None`` = they are not there now."""
        return self._calls.ask(
            "list the volumes",
            timeout_s,
            lambda system: redfish_storage.volumes(system, collection),
        )

    def is_there(self, volume: str, *, timeout_s: float) -> bool:
        """Tell whether a volume answers at its own address."""
        return self._calls.ask(
            "look for a volume",
            timeout_s,
            lambda system: redfish_storage.is_there(system, volume),
        )

    def tasks(self, *, timeout_s: float) -> Sequence[str]:
        """Return the addresses of the BMC's tasks."""
        return self._calls.ask("list the tasks", timeout_s, redfish_task.tasks)

    def carry_out(self, action: Action, *, timeout_s: float) -> str | None:
        """Order one volume to be made or deleted; return the task, ``None`` = there is none."""

        def give(system: System) -> str | None:
            if action.delete is None:
                return redfish_task.task_of(order(system, action.collection, action.body or {}))
            body = {APPLY_TIME: action.apply_time} if action.apply_time else {}
            return redfish_task.task_of(remove(system, action.delete, body))

        what = "make a volume" if action.delete is None else "delete a volume"
        return self._calls.ask(what, timeout_s, give)

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        """Ask how a task goes on."""
        return self._calls.ask(
            "look at the volume's task",
            timeout_s,
            lambda system: redfish_task.look(system, task),
        )
