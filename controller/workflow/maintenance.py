"""Maintenance: a person's hands are on the machine, so nothing is done to it that was not asked for meanwhile.

As in Ironic (``_heartbeat_in_maintenance`` and the filters of its periodic tasks, with its default
``allow_provisioning_in_maintenance = True``): heartbeats are recorded but not acted on, no wait times out, the power
state is not read; verbs and power orders are carried out, ``active`` and ``rebuild`` refused, and an inspection's result is
taken. What waits for the ramdisk goes on where it was when the maintenance ends; its time does not run meanwhile.
"""

from sqlalchemy.orm import Session

from controller.store.events import record_event
from controller.store.tables import Node, Work
from controller.workflow.aside import PAUSED_AT, is_beside, moved
from controller.workflow.locks import WAITING
from controller.workflow.services import Services
from controller.workflow.stages.inspect import RESULT
from controller.workflow.transition import make_due


def set_maintenance(
    services: Services, session: Session, node: Node, *, is_on: bool, reason: str | None
) -> None:
    """Switch a node's maintenance on or off, and have it pause or go on.

    Args:
        services: The controller's parts.
        session: A session of ``Store.edit``.
        node: The locked row.
        is_on: What is wanted.
        reason: Why; shown to everybody.
    """
    if node.maintenance != is_on:
        what = f"Maintenance switched {'on' if is_on else 'off'}"
        record_event(
            session, node, "request", f"{what}: {reason}" if reason else what, at=services.clock()
        )
    node.maintenance, node.maintenance_reason = is_on, reason
    if not is_on:
        node.fault = None
        _resume(services, node)
    elif node.work is not None and is_paused(node, node.work):
        pause(services, session, node, node.work)


def is_paused(node: Node, work: Work) -> bool:
    """Say whether the node's workflow rests because of its maintenance; a power order is carried out meanwhile."""
    is_resting = node.maintenance and node.provision_state in WAITING
    return is_resting and RESULT not in work.data and not is_beside(work)


def pause(services: Services, session: Session, node: Node, work: Work) -> None:
    """Have nobody look at the node's work, and its time not run, until the maintenance ends."""
    work.due_at = None
    if PAUSED_AT not in work.data:
        work.data = {**work.data, PAUSED_AT: services.steady()}
        text = f"in maintenance: {work.stage} rests until the maintenance ends"
        record_event(session, node, "request", text, at=services.clock())


def _resume(services: Services, node: Node) -> None:
    work = node.work
    if work is None or PAUSED_AT not in work.data:
        return
    now = services.steady()
    paused_s = max(0.0, now - float(work.data[PAUSED_AT]))
    work.entered_at += paused_s
    if work.deadline_at is not None:
        work.deadline_at += paused_s
    later = moved(work.data, paused_s)
    work.data = {key: value for key, value in later.items() if key != PAUSED_AT}
    make_due(services, node)
