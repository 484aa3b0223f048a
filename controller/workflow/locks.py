"""Who may change a node while something goes on with it: one policy for verbs, patches, ports, deletion, boot device.

The rule is Ironic's. Its conductor holds the lock of a node while it works at it (deploying, cleaning, deleting, a power
action, switching a machine off after a failure or an abort), so others get 409 then; it lets go while it waits for the
ramdisk, so a node that waits can be aborted or deleted. While a workflow rests (``Stage.rests``) power and boot device can be changed
too; it goes on afterwards. Power orders are taken also while its agent is at a step that may be cut off: it then fails, or goes on. A request waits ``verb_patience_s`` for what ends soon.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from controller.errors import NodeLocked, NotFound
from controller.states import State
from controller.store.claims import is_claimed
from controller.store.events import record_event, tell_request
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.aside import is_beside
from controller.workflow.graph import STAGES
from controller.workflow.outcome import Asked
from controller.workflow.services import Services
from controller.workflow.transition import enter_beside, enter_stage, merge
from controller.workflow.unbreakable import can_be_cut_off, unbreakable_step

WAITING = frozenset(
    {
        State.DEPLOY_WAIT,
        State.CLEAN_WAIT,
        State.INSPECT_WAIT,
        State.RESCUE_WAIT,
        State.SERVICE_WAIT,
    }
)
"""States in which the ramdisk is waited for."""
HOLDING = frozenset({State.DEPLOY_HOLD, State.CLEAN_HOLD, State.SERVICE_HOLD})
"""States in which a person is waited for."""
_POWER = "power."
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.2


def is_at_work(node: Node) -> bool:
    """Say whether something goes on with the node that nothing may take the place of."""
    return node.stage is not None and not _yields(node.stage)


def is_held(node: Node) -> bool:
    """Say whether nobody else may change the node now."""
    waits = node.provision_state in WAITING | HOLDING and not is_beside(node.work)
    return is_at_work(node) and (is_claimed(node) or not waits)


def lends_bmc(node: Node) -> bool:
    """Say whether somebody else may use the node's BMC: it is idle, or its workflow rests and goes on afterwards."""
    is_resting = node.stage in STAGES and STAGES[str(node.stage)].rests
    return is_idle(node) or (is_resting and not is_claimed(node))


def lends_power(node: Node) -> bool:
    """Say whether a person may switch the node's machine: also while its agent is at a step that may be cut off."""
    return lends_bmc(node) or (can_be_cut_off(node) and not is_claimed(node))


def is_idle(node: Node) -> bool:
    """Say whether nothing goes on with the node, or something that ends without its BMC."""
    if node.stage is None:
        return True
    return _yields(node.stage) and all(to.stage is None for to in STAGES[node.stage].ways.values())


def is_free(node: Node) -> bool:
    """Say whether the node may be changed."""
    return not is_held(node)


@contextmanager
def free_node(
    services: Services, ident: str, may_have: Callable[[Node], bool] = is_free
) -> Iterator[tuple[Session, Node]]:
    """Give the node's locked row in a transaction, when it may be had; its history tells who asked for the change.

    Args:
        services: The controller's parts.
        ident: UUID or name.
        may_have: What must be true of the node.

    Raises:
        NotFound: There is no such node.
        NodeLocked: Something goes on with the node, and will for longer than a request waits.
    """
    with _node(services, ident, may_have) as (session, node):
        yield session, node
        tell_request(session, node, services.clock())


@contextmanager
def _node(
    services: Services, ident: str, may_have: Callable[[Node], bool]
) -> Iterator[tuple[Session, Node]]:
    give_up_at = time.monotonic() + services.settings.verb_patience_s
    pause_s = _FIRST_PAUSE_S
    while True:
        with services.store.edit() as session:
            node = get_node(session, ident, for_update=True)
            if may_have(node):
                yield session, node
                return
            locked = _locked(services, node)
            ends_soon = _ends_soon(node)
        if not ends_soon or time.monotonic() > give_up_at:
            raise locked
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _never(_error: Exception) -> bool:
    return False


@contextmanager
def held_node(
    services: Services, ident: str, stage: str, *, is_redone: Callable[[Exception], bool] = _never
) -> Iterator[Node]:
    """Hold a node that lends its BMC for a call to it; others find it locked meanwhile.

    Args:
        services: The controller's parts.
        ident: UUID or name.
        stage: What goes on, for people who ask; a controller that takes over after our death ends it.
        is_redone: Says of an error of the block whether the stage is to be run after it. If that cannot be stored, the claim stays, and the
            keeper frees it like one of a controller that has died.

    Raises:
        NotFound: There is no such node.
        NodeLocked: Something goes on with the node.
    """
    claim_id = str(uuid.uuid4())
    with _node(services, ident, lends_bmc) as (session, node):
        enter_beside(services, node, stage)
        work = node.work
        if work is None:
            raise RuntimeError(f"node {node.uuid} has no work")  # a fault of enter_stage
        work.claim_id = claim_id
        work.claim_owner, work.due_at = services.hostname, None
        session.flush()
        services.calls.add(claim_id)  # before the commit: from then on the keeper sees the claim
    then = None
    try:
        yield node
    except Exception as error:
        then = stage if is_redone(error) else None
        raise
    finally:
        try:
            with services.store.edit() as session:
                row = get_node(session, node.uuid, for_update=True)
                if row.work is not None and row.work.claim_id == claim_id:
                    enter_stage(services, row, then)
        finally:
            services.calls.discard(claim_id)  # only now: the keeper frees claims that nobody is at
        if then is not None:
            services.wake()


def ask_node(services: Services, session: Session, asker: Node, asked: Asked) -> None:
    """Give a child node, or the node itself, something to do, if it is idle and still a child; who asks looks again.

    Args:
        services: The controller's parts.
        session: A session of ``Store.edit``.
        asker: Who asks.
        asked: What the other one is to do.
    """
    try:
        node = get_node(session, asked.uuid, for_update=True)
    except NotFound:
        return
    is_ours = asker.uuid in {node.uuid, node.parent_node}
    if not is_ours or not is_idle(node):
        return
    record_event(session, node, "request", asked.text, at=services.clock())
    node.driver_internal_info = merge(node.driver_internal_info, asked.internal)
    node.last_error = None
    enter_stage(services, node, asked.stage, data=asked.data)
    services.wake()


def _yields(stage: str) -> bool:
    return stage in STAGES and STAGES[stage].yields


def _ends_soon(node: Node) -> bool:
    """Say whether it is worth to wait; the ramdisk takes minutes, and a machine its time to change its power."""
    return is_claimed(node) or (is_held(node) and not str(node.stage).startswith(_POWER))


def _locked(services: Services, node: Node) -> NodeLocked:
    step = unbreakable_step(node)
    holder = node.claim_owner or node.conductor or services.hostname
    return NodeLocked(
        f"Node {node.uuid} is locked by host {holder}, please retry after the current operation is completed "
        f"(it is {node.provision_state!r}, at {node.stage}{f'; the step {step} must not be interrupted' if step else ''})"
    )
