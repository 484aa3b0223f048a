"""What is done with a claimed work whose stage must not run now: it rests, waits, is left to others or has lost its node."""

import logging

from controller.store.claims import Claim, held, let_go, remove_work
from controller.workflow.maintenance import is_paused, pause
from controller.workflow.power_sync import jittered
from controller.workflow.services import Services
from controller.workflow.stage import Stage

log = logging.getLogger(__name__)

_LATER_S = 10.0


def rest(services: Services, claim: Claim) -> None:
    """Leave the work alone until the node's maintenance ends, if that has not happened meanwhile."""
    with services.store.edit() as session:
        found = held(session, claim)
        if found is not None:
            node, work = found
            let_go(work, due_at=services.steady())
            if is_paused(node, work):
                pause(services, session, node, work)


def look_later(services: Services, claim: Claim, stage: Stage) -> None:
    """Put a background look off: something else is at the node, or it must not be looked at now."""
    with services.store.edit() as session:
        found = held(session, claim)
        if found is not None:
            pause_s = jittered(again_s(services, stage))
            let_go(found[1], due_at=services.steady() + pause_s)


def again_s(services: Services, stage: Stage) -> float:
    """Return when background work begins again."""
    return _LATER_S if stage.again_s is None else stage.again_s(services.settings) or _LATER_S


def leave_to_others(services: Services, claim: Claim) -> None:
    """Leave a stage that this version does not have to a controller that knows it."""
    with services.store.edit() as session:
        found = held(session, claim)
        if found is None:
            return
        node, work = found
        let_go(work, due_at=services.steady())
        work.conductor = None
        log.warning(
            "%s: stage %r is not known to this version of the controller; it is left to one that knows it",
            node.name or node.uuid,
            work.stage,
        )


def forget(services: Services, claim: Claim) -> None:
    """Remove the work of a node that has gone."""
    with services.store.edit() as session:
        remove_work(session, claim.work.subject_id)
