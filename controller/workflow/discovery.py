"""Discovery: a machine that no node is waiting for becomes one, or is attached to the node that expects it. Off unless the setting says so.

Source: Ironic's ``[auto_discovery]``. Anybody who reaches the controller can send a result, so strangers are limited in number,
and nothing that a node is known by is ever taken from it: a machine of which any sign is a known node's is refused.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from controller.boot.recognition import Evidence
from controller.errors import Invalid, NotFound, StepFailed
from controller.settings import Settings
from controller.states import State
from controller.store.events import ForeignEvent, count_event, record_event
from controller.store.identity import new_uuid
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.expected import expected_of, is_expected
from controller.workflow.inspected_machine import reported_bmc_addresses
from controller.workflow.power_sync import watch_power
from controller.workflow.ramdisk import NOT_FOUND, words_of
from controller.workflow.services import Services
from controller.workflow.stages.inspect import bmc_host
from controller.workflow.takeover import assign
from controller.workflow.transition import enter_stage

log = logging.getLogger(__name__)

DISCOVERED = "auto_discovered"
"""Key of plugin data, as Ironic has it."""
RULES_STAGE = "discover.rules"
_READ_PER_DISCOVERY = 10
"""So many results of strangers are read for each that may become a node."""
_MOST_TOLD = 20
_OPEN = (State.ENROLL, State.MANAGEABLE)
"""States in which a node may still expect its machine."""


def may_read(services: Services, node_uuid: str | None) -> bool:
    """Say whether a result that no node waits for is read at all."""
    settings = services.settings
    if settings.discovery == "off" or node_uuid:
        return False
    return services.strange_results.take(_READ_PER_DISCOVERY * settings.discovery_per_hour)


def has_room(services: Services, session: Session) -> bool:
    """Say whether a machine that was inspected now could still become a node, as far as that is known before."""
    settings = services.settings
    if settings.discovery == "off":
        return False
    if not services.strange_results.has_room(_READ_PER_DISCOVERY * settings.discovery_per_hour):
        return False
    if settings.discovery != "all":
        return True
    is_within = services.discoveries.has_room(settings.discovery_per_hour)
    return is_within and _in_enroll(session) < settings.discovery_most


def is_possible(services: Services, evidence: Evidence, node_uuid: str | None) -> bool:
    """Say whether a machine at which no node is pointed may be discovered.

    Where DHCP knows the sender's card, it must be the machine's.
    """
    card = evidence.leased_mac
    is_own = card is None or card in evidence.macs or services.settings.sender_check != "lease"
    return services.settings.discovery != "off" and not node_uuid and is_own


def expecting(services: Services, inventory: Mapping[str, Any]) -> Node | None:
    """Return the node that expects the machine; ``None`` = none does.

    Raises:
        NotFound: Several do; their histories say so.
    """
    with services.store.read() as session:
        nodes = _expecting(session, inventory)
    if len(nodes) < 2:  # noqa: PLR2004  # several
        return nodes[0] if nodes else None
    names = ", ".join(node.name or node.uuid for node in nodes)
    text = f"a machine appeared that several nodes expect ({names}): make their properties.expected differ"
    log.warning("%s", text)
    for node in nodes[:_MOST_TOLD]:
        services.strangers.record(node.uuid, ForeignEvent(kind="agent", message=text, same=text))
    raise NotFound(NOT_FOUND)


def new_node(services: Services, evidence: Evidence, inventory: Mapping[str, Any]) -> Node:
    """Make a node of a machine that nobody expects.

    Raises:
        NotFound: It may not become one; the log says why.
    """
    with services.store.edit() as session:
        if why := _refusal(services, session, evidence, inventory):
            log.warning(
                "an unknown machine with %s was not enrolled: %s", words_of(evidence.macs), why
            )
            raise NotFound(NOT_FOUND)
        return _add_node(services, session, evidence)


def open_node(session: Session, uuid: str) -> Node:
    """Return the locked row of a node that may still get its machine.

    Raises:
        NotFound: Something has begun with it meanwhile.
    """
    node = get_node(session, uuid, for_update=True)
    if node.provision_state not in _OPEN or node.work is not None:
        raise NotFound(NOT_FOUND)
    return node


def attach(services: Services, session: Session, node: Node, evidence: Evidence) -> None:
    """Note that the node has got its machine, and have the inspection rules carried out."""
    text = f"discovered: a machine with {words_of(evidence.macs)} is this node's"
    record_event(session, node, "agent", text, at=services.clock())
    node.last_error = None
    node.inspection_finished_at = services.clock()
    enter_stage(services, node, RULES_STAGE, data={})


def _expecting(session: Session, inventory: Mapping[str, Any]) -> list[Node]:
    """Return the nodes that expect this machine and may get it."""
    query = select(Node.id, Node.properties).where(Node.provision_state.in_(_OPEN))
    ids = [
        row.id
        for row in session.execute(query)
        if is_expected(expected_of(row.properties), inventory)
    ]
    rows = session.scalars(select(Node).where(Node.id.in_(ids)).order_by(Node.id)).all()
    return [row for row in rows if row.work is None]


def _refusal(
    services: Services,
    session: Session,
    evidence: Evidence,
    inventory: Mapping[str, Any],
) -> str | None:
    settings = services.settings
    if settings.discovery != "all":
        return "no node expects it, and discovery = 'expected'"
    if not evidence.macs:
        return "it has no MAC address"
    if owner := _with_bmc(session, reported_bmc_addresses(inventory)):
        return f"its BMC is the one of node {owner}"
    count = _in_enroll(session)
    if count >= settings.discovery_most:
        return f"{count} nodes are in enroll already (discovery_most = {settings.discovery_most})"
    if not services.discoveries.take(settings.discovery_per_hour):
        return f"discovery_per_hour = {settings.discovery_per_hour} were enrolled within an hour"
    return None


def _in_enroll(session: Session) -> int:
    enrolled = select(func.count()).select_from(Node)
    return session.scalar(enrolled.where(Node.provision_state == State.ENROLL)) or 0


def _with_bmc(session: Session, addresses: frozenset[str]) -> str | None:
    """Return the node whose ``driver_info`` has one of these addresses; names are not looked up for a stranger."""
    if not addresses:
        return None
    for row in session.execute(select(Node.uuid, Node.driver_info)):
        if addresses & set(_hosts(row.driver_info)):
            return str(row.uuid)
    return None


def _hosts(driver_info: Mapping[str, Any]) -> Iterator[str]:
    for key, value in driver_info.items():
        if key.endswith("_address") and isinstance(value, str):
            with contextlib.suppress(Invalid, ValueError):
                yield bmc_host(value, key) or ""


def blank_node(settings: Settings) -> Node:
    """Return a node of which nothing is known, in no session."""
    return Node(
        uuid=new_uuid(),
        driver=settings.discovery_driver,
        provision_state=State.ENROLL.value,
        conductor_group=settings.conductor_group,
        interfaces={},
        driver_info={},
        instance_info={},
        properties={},
    )


def _add_node(services: Services, session: Session, evidence: Evidence) -> Node:
    now = services.clock()
    node = blank_node(services.settings)
    node.created_at = now
    session.add(node)
    session.flush()
    assign(services, session, node)
    watch_power(services, session, node)
    text = (
        f"discovered: a machine with {words_of(evidence.macs)} that no node knew became this node"
    )
    record_event(session, node, "agent", text, at=now)
    return node


def note_mismatch(services: Services, session: Session, node: Node, error: StepFailed) -> None:
    """Write down that the machine which appeared is not what the node expects."""
    text = f"discovery failed: {error}"
    node.last_error = text
    event = ForeignEvent(kind="error", message=text, same=text, severity="ERROR")
    count_event(session, node, event, now=services.clock())
