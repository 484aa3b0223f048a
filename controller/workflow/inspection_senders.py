"""From where an inspection's result is taken: decided by the sender before anything of it is read, and again for the node that it is of.

A result has up to 16 MiB, so nobody's is parsed whose sender no waiting node could have. What a node waits for from there is known: the
address that DHCP gave to its ports, or the one that asked for the ramdisk of this boot; a node about which neither is known takes any sender.
"""

import logging
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.boot.machines import BOOT_ASKER
from controller.errors import NotFound
from controller.states import State
from controller.store.leases import leased_addresses, leased_mac
from controller.store.tables import Node, Port
from controller.workflow import discovery
from controller.workflow.ramdisk import NOT_FOUND, refuse
from controller.workflow.senders import asker_problem, lease_problem
from controller.workflow.services import Services

log = logging.getLogger(__name__)

INSPECTED = (State.INSPECTING, State.INSPECT_WAIT)
REFUSED = "inspection result refused"
SAME = f"{REFUSED}: it came from "
_MOST_TOLD = 20
"""So many waiting nodes are told of a sender that none of them knows."""


def require_known_sender(services: Services, sender: str, node_uuid: str | None) -> None:
    """Refuse a result unread that no node could take from there.

    Args:
        services: The controller's parts.
        sender: The address that the request came from.
        node_uuid: The node that the ramdisk says it is on, if it says so.

    Raises:
        NotFound: No node waits for a result, or none from there (the same bare answer for every reason).
    """
    now = services.clock()
    with services.store.read() as session:
        nodes = _waiting(session, node_uuid)
        ports = _ports(session, nodes)
        leases = leased_addresses(session, tuple(ports), now)
        card = leased_mac(session, sender, now)
    if not nodes:
        if discovery.may_read(services, node_uuid):
            return
        raise NotFound(NOT_FOUND)
    check, problems = services.settings.sender_check, []
    for node in nodes:
        own = {address: mac for address, mac in leases.items() if ports[mac] == node.id}
        problem = sender_problem(node, sender, own, card, check, cards=None)
        if problem is None:
            return
        problems.append((node, problem))
    if discovery.may_read(services, node_uuid):
        return
    log.warning("an inspection result from %s was not read: no node waits for one there", sender)
    for node, problem in problems[:_MOST_TOLD]:
        refuse(services, node, REFUSED, problem, same=SAME)
    raise NotFound(NOT_FOUND)


def sender_problem(
    node: Node,
    sender: str,
    leases: Mapping[str, str],
    card: str | None,
    sender_check: str,
    *,
    cards: Collection[str] | None,
) -> str | None:
    """Return why a result is not taken from there for this node; ``None`` = it is.

    Args:
        node: Waits for a result.
        sender: The address that the request came from.
        leases: The addresses that DHCP gave to the node's ports, each with its card.
        card: The card that DHCP gave the sender's address to.
        sender_check: The setting.
        cards: The machine's, as the result says; ``None`` = it has not been read.
    """
    if leases:
        return lease_problem(sender, leases, sender_check)
    if (
        sender_check == "lease" and card is not None
    ):  # a machine without ports, or one that says it is
        if cards is None or card in cards:
            return None
        return (
            f"it came from {sender}, but DHCP gave that to {card}, which is no card of the result"
        )
    return asker_problem(sender, node.driver_internal_info.get(BOOT_ASKER), sender_check)


def _waiting(session: Session, node_uuid: str | None) -> Sequence[Node]:
    """Return the nodes that wait for a result, or are about to."""
    query = select(Node).where(Node.provision_state.in_(INSPECTED))
    if node_uuid:
        query = query.where(Node.uuid == node_uuid.lower())
    return session.scalars(query.order_by(Node.id)).all()


def _ports(session: Session, nodes: Sequence[Node]) -> Mapping[str, int]:
    ids = [node.id for node in nodes]
    found = session.execute(select(Port.address, Port.node_id).where(Port.node_id.in_(ids)))
    return {row.address: row.node_id for row in found}
