"""Takes the result of an inspection: finds its node, stores what was found, and has the engine go on.

Source: Ironic's ``/v1/continue_inspection``. Nobody logs in there, so a result is taken only from a machine that is
known by what it is (its node's UUID and ports, or the address of its own BMC) and only while its node waits for it.
"""

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.protocol.lookup import LookupResponse
from controller.errors import ControllerError, Invalid, NotFound, StepFailed
from controller.states import State
from controller.store.events import record_event
from controller.store.identity import new_uuid
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow.findings import Findings, macs_of, read_findings, reported_bmc_addresses
from controller.workflow.kept_logs import keep_logs
from controller.workflow.ramdisk import NOT_FOUND, answer_lookup, refuse
from controller.workflow.services import Services
from controller.workflow.stages.inspect import BMC_ADDRESSES, RESULT

log = logging.getLogger(__name__)

_INSPECTED = (State.INSPECTING, State.INSPECT_WAIT)
_MOST_INTERFACES = 1024
_SHOWN_MACS = 4
_BOOTING = "inspect.power_on"
"""A fast machine may answer before this stage has ended; the ramdisk would not ask again after a refusal."""


def continue_inspection(
    services: Services, node_uuid: str | None, document: dict[str, Any], *, give_token: bool
) -> LookupResponse:
    """Take a result and answer as a lookup does.

    Args:
        services: The controller's parts.
        node_uuid: The node, if the ramdisk knows it.
        document: The result; ``inventory.interfaces`` has been checked.
        give_token: The ramdisk's microversion knows agent tokens.

    Raises:
        Invalid: More network interfaces than a machine has.
        NotFound: No node that waits for a result fits (the same bare answer for every reason).
    """
    inventory = document["inventory"]
    if len(inventory["interfaces"]) > _MOST_INTERFACES:
        raise Invalid(f"inventory.interfaces has more than {_MOST_INTERFACES} entries")
    found = _read(document, services.settings.inspection_add_ports)
    is_taken = False
    with services.store.edit() as session:
        node = _node_of(services, session, inventory, node_uuid)
        if node is not None and not _is_waited_for(node):
            text = f"inspection result refused in state {node.provision_state}"
            refuse(services, session, node, text)
        elif node is not None:
            _take(services, session, node, found)
            answer = answer_lookup(services, session, node, node.uuid, give_token=give_token)
            is_taken = True
    if not is_taken:
        raise NotFound(NOT_FOUND)
    services.wake()
    if isinstance(found, ControllerError):
        _store_logs(services, answer.node.uuid, document.get("logs"))
    return answer


def _read(document: Mapping[str, Any], add_ports: str) -> Findings | StepFailed:
    try:
        return read_findings(document, add_ports)
    except StepFailed as error:
        return error


def _node_of(
    services: Services, session: Session, inventory: Mapping[str, Any], node_uuid: str | None
) -> Node | None:
    """Return the one node that everything the machine says about itself points at, locked."""
    macs, addresses = macs_of(inventory), reported_bmc_addresses(inventory)
    by_port = set(
        session.scalars(
            select(Node.uuid).join(Port, Port.node_id == Node.id).where(Port.address.in_(macs))
        )
    )
    waiting = session.scalars(select(Node).where(Node.provision_state.in_(_INSPECTED))).all()
    by_bmc = {
        node.uuid
        for node in waiting
        if addresses & set(node.driver_internal_info.get(BMC_ADDRESSES, ()))
    }
    hints = [{node_uuid.lower()}] if node_uuid else []
    hints += [uuids for uuids in (by_port, by_bmc) if uuids]
    candidates = set.intersection(*hints) if hints and len(by_port) <= 1 else set()
    if len(candidates) == 1:
        try:
            return get_node(session, candidates.pop(), for_update=True)
        except NotFound:
            candidates = set()
    shown = ", ".join(macs[:_SHOWN_MACS]) or "no MAC address"
    _explain(services, session, f"{shown}; BMC {_words(addresses)}", hints)
    return None


def _explain(services: Services, session: Session, machine: str, hints: list[set[str]]) -> None:
    """Say in the log, and to the nodes that wait for a machine without ports, why nobody got a result."""
    why = "it points at several nodes" if any(hints) else "no node fits"
    text = f"an inspection result of the machine {machine} was refused: {why}"
    log.warning("%s", text)
    without_ports = select(Node).where(
        Node.provision_state.in_(_INSPECTED),
        ~select(Port.id).where(Port.node_id == Node.id).exists(),
    )
    for node in session.scalars(without_ports.order_by(Node.id).with_for_update()):
        expected = _words(node.driver_internal_info.get(BMC_ADDRESSES, ()))
        refuse(services, session, node, f"{text} (this node's machine would say BMC {expected})")


def _words(addresses: Any) -> str:
    return ", ".join(sorted(addresses)) or "unknown"


def _is_waited_for(node: Node) -> bool:
    return node.provision_state == State.INSPECT_WAIT or node.stage == _BOOTING


def _take(services: Services, session: Session, node: Node, found: Findings | StepFailed) -> None:
    now = services.clock()
    error = str(found) if isinstance(found, StepFailed) else None
    if not isinstance(found, StepFailed):
        node.inventory = {"inventory": found.inventory, "plugin_data": found.plugin_data}
        node.properties = {**node.properties, **found.properties}
        created = _create_ports(session, node, found, now)
        ports = f"; ports created: {', '.join(created)}" if created else ""
        record_event(session, node, "agent", f"inspected: {found.summary}{ports}", at=now)
        _compare_bmc(services, session, node, reported_bmc_addresses(found.inventory))
    node.stage_data = {**node.stage_data, RESULT: {"error": error}}
    node.due_at = now


def _compare_bmc(
    services: Services, session: Session, node: Node, reported: frozenset[str]
) -> None:
    """Warn if the machine's own BMC is another than the one that switches it."""
    known = node.driver_internal_info.get(BMC_ADDRESSES, ())
    if reported and known and not reported & set(known):
        text = (
            f"the machine says that its BMC is at {_words(reported)}, driver_info says {_words(known)}: check that "
            "they are one, or another machine may be switched than the one that boots"
        )
        refuse(services, session, node, text)


def _create_ports(session: Session, node: Node, found: Findings, now: float) -> list[str]:
    """Create the ports that are missing; those that exist stay as their owner wants them."""
    wanted = {port.address: port for port in found.ports}
    query = select(Port.address).where(Port.address.in_(wanted))
    created = [port for port in wanted.values() if port.address not in set(session.scalars(query))]
    for port in created:
        session.add(
            Port(
                uuid=new_uuid(),
                node_id=node.id,
                address=port.address,
                pxe_enabled=port.pxe_enabled,
                created_at=now,
            )
        )
    return [port.address for port in created]


def _store_logs(services: Services, uuid: str, logs: object) -> None:
    """Keep the logs of a ramdisk that could not inspect its machine."""
    try:
        path = keep_logs(services.settings, uuid, "inspect failed", logs, services.clock())
    except (ControllerError, OSError) as error:
        text, severity = f"the ramdisk's logs could not be kept: {error}", "WARNING"
    else:
        text, severity = f"the ramdisk's logs are in {path}", "INFO"
    with services.store.edit() as session:
        node = get_node(session, uuid)
        record_event(session, node, "agent", text, severity=severity, at=services.clock())
