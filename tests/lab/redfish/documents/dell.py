"""What an iDRAC has of its own, as far as the lab plays one: the services of its jobs and of its restart.

Source: the recorded answers of a PowerEdge R750 (``tests/integration/recorded_bmc.py``).
"""

from tests.lab.redfish.answers import Document
from tests.lab.redfish.documents.names import (
    Ids,
    action,
    check_ids,
    link,
    manager_path,
    missing,
    resource,
)
from tests.lab.redfish.state import View

RESETS = ("Force", "Graceful")


def oem_links(view: View) -> Document:
    """Return what stands in a manager's links beside Redfish's own."""
    if not view.faults.is_dell:
        return {}
    path = f"{manager_path(view)}/Oem/Dell"
    services = ("DellJobService", "DelliDRACCardService")
    return {"Oem": {"Dell": {name: link(f"{path}/{name}") for name in services}}}


def job_service(view: View, ids: Ids) -> Document:
    path = _path(view, ids, "DellJobService")
    done = action(path, "DellJobService.DeleteJobQueue")
    return resource(path, "DellJobService.v1_2_0", "DellJobService", Actions=done)


def card_service(view: View, ids: Ids) -> Document:
    path = _path(view, ids, "DelliDRACCardService")
    done = action(path, "DelliDRACCardService.iDRACReset", Force=RESETS)
    return resource(path, "DelliDRACCardService.v1_5_0", "DelliDRACCardService", Actions=done)


def _path(view: View, ids: Ids, name: str) -> str:
    check_ids(view, ids)
    if not view.faults.is_dell:
        raise missing(name)
    return f"{manager_path(view)}/Oem/Dell/{name}"
