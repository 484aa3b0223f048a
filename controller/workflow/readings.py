"""What a person asks a node's BMC for beside workflows: what its sensors say, and what is in its log.

Reading holds no node: it may be done while something goes on, and changes nothing. Emptying the log does.
"""

from controller.errors import Invalid
from controller.hardware.sensors import BmcLog, HasLog, SensorReport
from controller.store.confirming import confirm
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.abilities import STAGE, cannot, tell
from controller.workflow.locks import held_node
from controller.workflow.machine import management_of
from controller.workflow.sensors import read_now
from controller.workflow.services import Services

MOST_ENTRIES = 500
"""Of a log, in one answer."""


def sensors_of(services: Services, ident: str, *, is_new: bool = False) -> SensorReport:
    """Return what a node's sensors say: the last report, if this controller reads them at intervals, else one that is made now.

    Args:
        services: The controller's parts.
        ident: The node, by UUID or name.
        is_new: Make one now in any case.

    Raises:
        NotFound: There is no such node.
        Invalid: Its management interface reads none.
        Conflict: Another request reads from its BMC.
        BmcError: The BMC refused, or did not answer.
    """
    node = _node(services, ident)
    kept = services.sensors.get(node.uuid)
    if kept is not None and not is_new:
        return kept.report
    with services.readers.of(node.uuid):
        report = read_now(services, node)
    if report is None:
        raise cannot(services, node, "read sensors")
    return report


def log_of(services: Services, ident: str, most: int) -> BmcLog:
    """Return the newest entries of the log that a node's BMC keeps; raises as :func:`sensors_of`."""
    if not 1 <= most <= MOST_ENTRIES:
        raise Invalid(f"limit is {most}; give a number from 1 to {MOST_ENTRIES}")
    node = _node(services, ident)
    bmc = management_of(services, node)
    if not isinstance(bmc, HasLog):
        raise cannot(services, node, "read the BMC's log")
    with services.readers.of(node.uuid):
        found = bmc.log(most, timeout_s=services.settings.sensor_data_timeout_s)
    return found.dated(services.clock())


def clear_log_of(services: Services, ident: str) -> None:
    """Empty the log that a node's BMC keeps.

    Raises:
        NotFound, Invalid, BmcError: As :func:`sensors_of`.
        NodeLocked: Something goes on with the node.
    """
    with held_node(services, ident, STAGE) as node:
        bmc = management_of(services, node)
        if not isinstance(bmc, HasLog):
            raise cannot(services, node, "clear the BMC's log")
        bmc.clear_log(timeout_s=services.settings.bmc_timeout_s)
        tell(services, node, "The BMC's log was cleared")


def _node(services: Services, ident: str) -> Node:
    with services.store.read() as session:
        node = get_node(session, ident)
    confirm(node)
    return node
