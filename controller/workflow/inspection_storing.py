"""What an inspection found, on its way into the database: read by the hooks outside of transactions, stored in one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.boot.machines import BMC_ADDRESSES
from controller.errors import StepFailed
from controller.store.events import ForeignEvent, count_event, record_event
from controller.store.identity import new_uuid
from controller.store.tables import Node, Port
from controller.workflow.findings import Findings, read_findings
from controller.workflow.inspected_machine import (
    TOLD_BY_BMC,
    reported_bmc_addresses,
    was_told_by_bmc,
)
from controller.workflow.inspection_hooks.disks import serials
from controller.workflow.inspection_hooks.hook import PortFacts, Seen
from controller.workflow.inspection_hooks.interfaces import VALIDATES
from controller.workflow.inspection_hooks.loading import hooks_of, without
from controller.workflow.machine import capabilities, with_capabilities
from controller.workflow.networks.places import attached_words
from controller.workflow.services import Services


def read_result(
    services: Services,
    node: Node,
    document: Mapping[str, Any],
    *,
    with_ports: bool = True,
    is_told_by_bmc: bool = False,
) -> Findings | StepFailed:
    """Return what the hooks of the settings make of the document; ``with_ports`` false = without those that are about network interfaces.

    ``is_told_by_bmc`` = a BMC tells it, not a ramdisk.
    """
    with services.store.read() as session:
        ports = session.scalars(select(Port).where(Port.node_id == node.id)).all()
    facts = (
        PortFacts(
            address=port.address,
            pxe_enabled=port.pxe_enabled,
            physical_network=port.physical_network,
            local_link_connection=port.local_link_connection,
            extra=port.extra,
        )
        for port in ports
    )
    before = None if was_told_by_bmc(node) else (node.inventory or {}).get("inventory")
    seen = Seen(
        settings=services.settings,
        inventory={},
        plugin_data={},
        properties=node.properties,
        ports={port.address: port for port in facts},
        disks_before=None if before is None else serials(before),
        is_told_by_bmc=is_told_by_bmc,
    )
    document = {key: value for key, value in document.items() if key != TOLD_BY_BMC}
    if is_told_by_bmc:
        document[TOLD_BY_BMC] = True
    try:
        hooks = hooks_of(services.settings.inspection_hooks)
        return read_findings(document, hooks if with_ports else without(hooks, VALIDATES), seen)
    except StepFailed as error:
        return error


def store_result(services: Services, session: Session, node: Node, found: Findings) -> None:
    """Store what an inspection found of the node: inventory, properties, ports, history."""
    now = services.clock()
    node.inventory = {"inventory": found.inventory, "plugin_data": found.plugin_data}
    node.properties = {**node.properties, **found.properties}
    if found.capabilities:
        before = capabilities(node.properties.get("capabilities"))
        text = with_capabilities(before, found.capabilities)
        node.properties = {**node.properties, "capabilities": text}
    created = _create_ports(session, node, found, now)
    deleted = _change_ports(session, node, found, now)
    ports = f"; ports created: {', '.join(created)}" if created else ""
    ports += f"; ports deleted: {', '.join(deleted)}" if deleted else ""
    record_event(session, node, "agent", f"inspected: {found.summary}{ports}", at=now)
    for text in found.warnings:
        record_event(session, node, "agent", text, severity="WARNING", at=now)
    for warning in found.incomplete:
        text = f"the inspection is incomplete: {warning}"
        record_event(session, node, "agent", text, severity="WARNING", at=now)
    _compare_bmc(session, node, reported_bmc_addresses(found.inventory), now)


def _compare_bmc(session: Session, node: Node, reported: frozenset[str], now: float) -> None:
    """Warn if the machine's own BMC is another than the one that switches it."""
    known = node.driver_internal_info.get(BMC_ADDRESSES, ())
    if reported and known and not reported & set(known):
        text = (
            f"the machine says that its BMC is at {address_words(reported)}, driver_info says {address_words(known)}: check that "
            "they are one, or another machine may be switched than the one that boots"
        )
        event = ForeignEvent(kind="agent", message=text, same=text)
        count_event(session, node, event, now=now, is_foreign=False)


def _create_ports(session: Session, node: Node, found: Findings, now: float) -> list[str]:
    """Create the ports that are missing."""
    wanted = {port.address: port for port in found.new_ports}
    query = select(Port.address, Node).join(Node, Node.id == Port.node_id)
    owners = {row[0]: row[1] for row in session.execute(query.where(Port.address.in_(wanted)))}
    created = [port for port in wanted.values() if port.address not in owners]
    for port in created:
        session.add(
            Port(
                uuid=new_uuid(),
                node_id=node.id,
                address=port.address,
                pxe_enabled=port.pxe_enabled,
                extra=dict(port.extra),
                created_at=now,
            )
        )
    session.flush()
    for address, owner in owners.items():
        if owner.id != node.id:
            _tell_both(session, address, node, owner, now)
    return [port.address for port in created]


def _change_ports(session: Session, node: Node, found: Findings, now: float) -> list[str]:
    """Change the node's ports as the hooks want it; returns those that were deleted, as ``inspection_keep_ports`` says."""
    deleted = []
    for port in session.scalars(select(Port).where(Port.node_id == node.id)):
        if port.address in found.old_ports:
            if attached := attached_words(port):  # nobody would take it out again
                text = f"not deleted as inspection_keep_ports has it: {attached}; delete it when the inspection has ended"
                record_event(session, node, "agent", text, severity="WARNING", at=now)
                continue
            deleted.append(port.address)
            session.delete(port)
            continue
        for name, value in found.ports.get(port.address, {}).items():
            setattr(port, name, value)
            port.updated_at = now
    return deleted


def _tell_both(session: Session, address: str, node: Node, owner: Node, now: float) -> None:
    """Say that two machines have a card with one address, as those have by which some BMCs talk to their host."""
    names = node.name or node.uuid, owner.name or owner.uuid
    text = (
        f"the machine of {names[0]} has the MAC address {address} of a port of {names[1]}: it got no port for it; "
        "an address that several machines have recognizes none of them, so better delete that port"
    )
    event = ForeignEvent(kind="agent", message=text, same=text)
    for one in (node, owner):
        count_event(session, one, event, now=now, is_foreign=False)


def address_words(addresses: Any) -> str:
    """Return addresses for a message."""
    return ", ".join(sorted(addresses)) or "unknown"
