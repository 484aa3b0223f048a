"""The power state of idle nodes is read now and then, so that the API does not tell old news.

Every node has one row of background work for that, which makes itself due again: no statement ever goes through all nodes.
"""

import random

from sqlalchemy.orm import Session

from controller.states import State
from controller.store.tables import BACKGROUND, NODE, Node, Work
from controller.workflow.services import Services

STAGE = "sync.power"
POWER_FAILURE = "power failure"
"""The ``fault`` of a node whose BMC does not answer; it is looked at until it does."""
_NOT_YET_KNOWN = frozenset({State.ENROLL})
_JITTER = 0.25


def watch_power(services: Services, session: Session, node: Node) -> None:
    """Have a new node's power read from now on; the node has been flushed."""
    now = services.steady()
    interval_s = services.settings.power_sync_interval_s
    session.add(
        Work(
            subject_kind=NODE,
            subject_id=node.id,
            lane=BACKGROUND,
            stage=STAGE,
            data={},
            conductor=node.conductor,
            entered_at=now,
            started_at=services.clock(),
            due_at=now + jittered(interval_s),
        )
    )


def may_look(node: Node) -> bool:
    """Say whether a node's power is to be read now: nothing else is at it, and its BMC is known to be right."""
    is_resting = not node.maintenance or node.fault == POWER_FAILURE
    return node.work is None and is_resting and node.provision_state not in _NOT_YET_KNOWN


def jittered(seconds: float) -> float:
    """Return about so many seconds, so that what began together does not stay together."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # no secret
