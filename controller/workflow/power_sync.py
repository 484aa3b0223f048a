"""Has the power state of idle nodes read now and then, so that the API does not tell old news."""

from sqlalchemy import select

from controller.states import State
from controller.store.tables import Node
from controller.workflow.services import Services

_NOT_YET_KNOWN = frozenset({State.ENROLL})


def make_idle_nodes_due(services: Services) -> int:
    """Put every node that is at nothing into the stage ``sync.power``, and return how many these are.

    They become due spread over a quarter of the interval, so that the BMCs are not all asked at once.
    """
    spread_s = services.settings.power_sync_interval_s / 4
    now = services.clock()
    with services.store.edit() as session:
        query = select(Node).where(
            Node.stage.is_(None),
            Node.claim_owner.is_(None),
            Node.maintenance.is_(False),
            Node.provision_state.not_in(_NOT_YET_KNOWN),
        )
        nodes = session.scalars(query.with_for_update(skip_locked=True)).all()
        for number, node in enumerate(nodes):
            node.stage = "sync.power"
            node.stage_started_at = now
            node.due_at = now + spread_s * number / len(nodes)
    if nodes:
        services.wake()
    return len(nodes)
