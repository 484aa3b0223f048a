"""Orders to the services that only an iDRAC has."""

from dataclasses import replace

from tests.lab.redfish.answers import NO_CONTENT, Answer, Document
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.documents import dell
from tests.lab.redfish.documents.names import Ids
from tests.lab.redfish.orders.bodies import parameter
from tests.lab.redfish.state import View


def delete_jobs(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Forget all jobs; what they were for is not done."""
    dell.job_service(view, ids)
    parameter(body, "JobID", str, required=True, among=("JID_CLEARALL",))
    desk.change(lambda state: replace(state, tasks=()))
    return NO_CONTENT


def restart(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Restart the BMC."""
    dell.card_service(view, ids)
    parameter(body, "Force", str, required=True, among=dell.RESETS)
    desk.restart(silent_s=desk.faults.silent_after_update_s)
    return NO_CONTENT
