"""What an iDRAC does beside Redfish: emptying its job queue and restarting itself.

Source: Dell's iDRAC9 Redfish API guide (``DellJobService.DeleteJobQueue``, ``DelliDRACCardService.iDRACReset``); sushy's and Ironic's ``idrac-redfish``.
"""

from collections.abc import Mapping

from sushy.resources.system.system import System

from controller.bmc.redfish_clock import managers
from controller.bmc.redfish_document import action, link, order, read_if_there
from controller.bmc.redfish_errors import NotOfferedError

_UPDATE = "look whether it is an iDRAC 9, and update its firmware"


def clear_jobs(system: System) -> None:
    """Delete all jobs: those that wait, and those that have ended.

    Raises:
        NotOfferedError: The BMC has no such service.
    """
    _order(system, "DellJobService.DeleteJobQueue", {"JobID": "JID_CLEARALL"}, "a job queue")


def restart(system: System) -> None:
    """Restart the BMC, which ends what it is about in order; the machine runs on.

    Raises:
        NotOfferedError: As :func:`clear_jobs`.
    """
    feature = "a restart of the iDRAC"
    _order(system, "DelliDRACCardService.iDRACReset", {"Force": "Graceful"}, feature)


def _order(system: System, name: str, body: Mapping[str, str], feature: str) -> None:
    service_name = name.partition(".")[0]
    for manager in managers(system):
        path = link(manager.body, "Links", "Oem", "Dell", service_name)
        service = read_if_there(system, path)
        target = action(service.body, name) if service else None
        if target is not None:
            order(system, target, body)
            return
    raise NotOfferedError(feature, _UPDATE)
