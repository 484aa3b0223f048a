"""How many nodes may be deployed, and how many cleaned, at a time, in all of a database's controllers together.

A slip in a script that deletes everything then erases so many machines and not all. Source: Ironic's ``[conductor]
max_concurrent_deploy`` and ``max_concurrent_clean``, with its states and its verbs: ``provide``, which follows an enrolment, is
not limited. The count is one look-up of an index.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import object_session

from controller.errors import LimitReached
from controller.states import State
from controller.store.tables import Node
from controller.workflow.services import Services
from controller.workflow.verb_request import ProvisionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one setting limits; ``states`` are those of the nodes that count."""

    setting: str
    what: str
    states: frozenset[State]

    def __call__(self, services: Services, node: Node, _request: ProvisionRequest) -> None:
        """Refuse a verb that would begin one more than the setting says.

        SQLite's one writer makes the count exact. On PostgreSQL verbs for different nodes are taken at the same
        moment, and each does not count the others: as many more as there are such verbs may begin.

        Raises:
            LimitReached: So many are at it.
        """
        most = int(getattr(services.settings, self.setting))
        session = object_session(node)
        if session is None:
            raise RuntimeError(f"node {node.uuid} is in no session")  # a fault of the caller
        count = select(func.count()).where(Node.provision_state.in_(sorted(self.states)))
        running = session.scalar(count) or 0
        if running >= most:
            states = ", ".join(sorted(self.states))
            raise LimitReached(
                f"node {node.uuid}: {running} {self.what} run already ({states}), and {self.setting} is {most}; "
                "try again when some have ended, or raise the setting"
            )


DEPLOYMENTS = Limit(
    setting="max_concurrent_deploy",
    what="deployments",
    states=frozenset({State.DEPLOYING, State.DEPLOY_WAIT}),
)
CLEANINGS = Limit(
    setting="max_concurrent_clean",
    what="cleanings",
    states=frozenset({State.DELETING, State.CLEANING, State.CLEAN_WAIT}),
)
