"""Takes the result of an inspection: finds its node, stores what was found, and has the engine go on.

Source: Ironic's ``/v1/continue_inspection``. Nobody logs in there and no token is sent, so a result is taken only from a machine
that is known by what it is (its node's UUID and ports, or the address of its own BMC), only from the address that DHCP gave to it
or that asked for the ramdisk of this boot (``inspection_senders.py``), and only while its node waits for it. Nothing is parsed in a transaction.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.protocol.foreign_text import UnfitDocument, clean_document
from agent.protocol.hardware_address import mac_of_bootif
from agent.protocol.known_secrets import KnownSecrets
from agent.protocol.lookup import LookupResponse
from controller.boot.history import note_ambiguity
from controller.boot.machines import BMC_ADDRESSES, leases_of, recognize_machine
from controller.boot.recognition import Evidence
from controller.errors import ControllerError, Invalid, NotFound, StepFailed
from controller.setting_words import inspection_hooks, pci_aliases
from controller.settings import Settings
from controller.states import State
from controller.store.events import ForeignEvent, count_event, record_event
from controller.store.identity import new_uuid
from controller.store.inspection_rules import count_rules
from controller.store.leases import leased_mac
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow import aside
from controller.workflow.findings import Findings, macs_of, read_findings, reported_bmc_addresses
from controller.workflow.inspection_hooks import (
    capabilities_of,
    links,
    parsed_lldp,
    with_capabilities,
)
from controller.workflow.inspection_senders import INSPECTED, REFUSED, SAME, sender_problem
from controller.workflow.kept_logs import keep_logs
from controller.workflow.machine import capabilities
from controller.workflow.node_secrets import secrets_of
from controller.workflow.ramdisk import NOT_FOUND, Caller, answer_lookup, refuse, words_of
from controller.workflow.services import Services
from controller.workflow.stages.inspect import RESULT
from controller.workflow.transition import make_due

log = logging.getLogger(__name__)

_MOST_INTERFACES = 1024
_UNCLAIMED = "an inspection result of the machine "
_WAITED_FOR_AT = frozenset({"inspect.power_on", "inspect.wait_for_agent"})
"""A fast machine may answer before the first of these stages has ended; the ramdisk would not ask again after a refusal."""


def continue_inspection(
    services: Services,
    node_uuid: str | None,
    document: dict[str, Any],
    sender: str,
    *,
    give_token: bool,
) -> LookupResponse:
    """Take a result and answer as a lookup does.

    Args:
        services: The controller's parts.
        node_uuid: The node, if the ramdisk knows it.
        document: The result; ``inventory.interfaces`` has been checked.
        sender: The address that the request came from.
        give_token: The ramdisk's microversion knows agent tokens.

    Raises:
        Invalid: More network interfaces, or more of anything, than a machine has.
        NotFound: No node that waits for a result from there fits (the same bare answer for every reason).
    """
    if len(document["inventory"]["interfaces"]) > _MOST_INTERFACES:
        raise Invalid(f"inventory.interfaces has more than {_MOST_INTERFACES} entries")
    document = _cleaned(document)
    inventory = document["inventory"]
    node = _find(services, inventory, node_uuid, sender)
    document = _without_secrets(document, secrets_of(node))
    found = _read(document, services.settings)
    caller = Caller(sender=sender, names_node=True, gets_token=give_token)
    with services.store.edit() as session:
        row = get_node(session, node.uuid, for_update=True)
        if not _is_waited_for(row):  # no longer
            raise NotFound(NOT_FOUND)
        _take(services, session, row, found)
        answer = answer_lookup(services, session, row, caller)
    services.wake()
    if isinstance(found, ControllerError):
        _store_logs(services, node, document.get("logs"))
    return answer


def _cleaned(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as it may be stored; the logs are an archive and go into a file of their own.

    Raises:
        Invalid: It is too deep or has too many parts.
    """
    told = {key: value for key, value in document.items() if key != "logs"}
    try:
        return {**clean_document(told), "logs": document.get("logs")}
    except UnfitDocument as error:
        raise Invalid(f"The inspection's result cannot be stored: {error}") from error


def _without_secrets(document: Mapping[str, Any], secrets: KnownSecrets) -> dict[str, Any]:
    """Return the document as the node's secrets allow it to be stored; the logs are masked when they are kept."""
    told = {key: value for key, value in document.items() if key != "logs"}
    for_people = {key: secrets.texts(told[key]) for key in ("error", "warnings") if key in told}
    return {**secrets.document(told), **for_people, "logs": document.get("logs")}


def _read(document: Mapping[str, Any], settings: Settings) -> Findings | StepFailed:
    """Return what the document says, the parts that the settings' hooks make of it among it."""
    try:
        found = read_findings(document, settings.inspection_add_ports)
    except StepFailed as error:
        return error
    hooks = inspection_hooks(settings.inspection_hooks)
    plugin_data = dict(found.plugin_data)
    if "parse-lldp" in hooks and (parsed := parsed_lldp(found.inventory, plugin_data)):
        plugin_data["parsed_lldp"] = parsed
    is_linked = "local-link-connection" in hooks
    aliases = pci_aliases(settings.inspection_pci_aliases)
    return replace(
        found,
        plugin_data=plugin_data,
        links=links(found.inventory, plugin_data) if is_linked else {},
        capabilities=capabilities_of(hooks, aliases, found.inventory, plugin_data),
    )


def _find(
    services: Services, inventory: Mapping[str, Any], node_uuid: str | None, sender: str
) -> Node:
    """Return the one node that everything the machine says about itself points at, as it was read.

    Raises:
        NotFound: There is none, or the result is not taken.
    """
    now = services.clock()
    with services.store.read() as session:
        evidence = _evidence(session, inventory, node_uuid, sender, now)
        match = recognize_machine(session, evidence)
        node = get_node(session, match.uuid) if match.uuid else None
        leases = dict(leases_of(session, node, now)) if node else {}
    bmc = f"BMC {_words(evidence.bmc_addresses)}"
    machine = f"{words_of(evidence.macs)}; {bmc}"
    note_ambiguity(services, match, f"an inspected machine with {machine}")
    if node is None:
        why = "it points at several nodes" if match.others else "no node fits"
        _explain(services, f"{_UNCLAIMED}{machine} was refused: {why}", same=_UNCLAIMED + bmc)
        raise NotFound(NOT_FOUND)
    if not _is_waited_for(node):
        refuse(services, node, f"{REFUSED} in state {node.provision_state}", "nothing waits for it")
        raise NotFound(NOT_FOUND)
    card, check = evidence.leased_mac, services.settings.sender_check
    if problem := sender_problem(node, sender, leases, card, check, cards=evidence.macs):
        refuse(services, node, REFUSED, problem, same=SAME)
        raise NotFound(NOT_FOUND)
    return node


def _evidence(
    session: Session,
    inventory: Mapping[str, Any],
    node_uuid: str | None,
    sender: str,
    now: float,
) -> Evidence:
    boot, vendor = inventory.get("boot"), inventory.get("system_vendor")
    boot_mac = boot.get("pxe_interface") if isinstance(boot, Mapping) else None
    vendor = vendor if isinstance(vendor, Mapping) else {}
    return Evidence(
        macs=macs_of(inventory),
        boot_mac=mac_of_bootif(str(boot_mac or "")),
        leased_mac=leased_mac(session, sender, now),
        node_uuid=node_uuid.lower() if node_uuid else None,
        system_uuid=str(vendor.get("system_uuid") or ""),
        serial=str(vendor.get("serial_number") or ""),
        bmc_addresses=reported_bmc_addresses(inventory),
    )


def _explain(services: Services, text: str, *, same: str) -> None:
    """Say in the log, and to the nodes that wait for a machine without ports, why nobody got a result.

    Results that differ in their MAC addresses alone are the ``same``, so that inventing these makes no new entries.
    """
    log.warning("%s", text)
    without_ports = select(Node).where(
        Node.provision_state.in_(INSPECTED),
        ~select(Port.id).where(Port.node_id == Node.id).exists(),
    )
    with services.store.read() as session:
        nodes = session.scalars(without_ports.order_by(Node.id)).all()
    for node in nodes:
        expected = _words(node.driver_internal_info.get(BMC_ADDRESSES, ()))
        words = f"{text} (this node's machine would say BMC {expected})"
        event = ForeignEvent(kind="agent", message=words, same=same)
        services.strangers.record(node.uuid, event)


def _words(addresses: Any) -> str:
    return ", ".join(sorted(addresses)) or "unknown"


def _is_waited_for(node: Node) -> bool:
    # State and stage are rows of two tables and may be read on two sides of a change: either is enough.
    return node.provision_state == State.INSPECT_WAIT or node.stage in _WAITED_FOR_AT


def _take(services: Services, session: Session, node: Node, found: Findings | StepFailed) -> None:
    now = services.clock()
    error = str(found) if isinstance(found, StepFailed) else None
    if not isinstance(found, StepFailed):
        node.inventory = {"inventory": found.inventory, "plugin_data": found.plugin_data}
        node.properties = {**node.properties, **found.properties}
        if found.capabilities:
            before = capabilities(node.properties.get("capabilities"))
            text = with_capabilities(before, found.capabilities)
            node.properties = {**node.properties, "capabilities": text}
        created = _create_ports(session, node, found, now)
        _link_ports(session, node, found)
        ports = f"; ports created: {', '.join(created)}" if created else ""
        record_event(session, node, "agent", f"inspected: {found.summary}{ports}", at=now)
        for warning in found.warnings:
            text = f"the inspection is incomplete: {warning}"
            record_event(session, node, "agent", text, severity="WARNING", at=now)
        if rules := count_rules(session):
            text = f"inspection rules are not carried out yet: {rules} kept, none applied"
            record_event(session, node, "agent", text, severity="WARNING", at=now)
        _compare_bmc(session, node, reported_bmc_addresses(found.inventory), now)
    if node.work is not None:
        aside.note(node.work, {RESULT: {"error": error}})
    make_due(services, node)


def _compare_bmc(session: Session, node: Node, reported: frozenset[str], now: float) -> None:
    """Warn if the machine's own BMC is another than the one that switches it."""
    known = node.driver_internal_info.get(BMC_ADDRESSES, ())
    if reported and known and not reported & set(known):
        text = (
            f"the machine says that its BMC is at {_words(reported)}, driver_info says {_words(known)}: check that "
            "they are one, or another machine may be switched than the one that boots"
        )
        event = ForeignEvent(kind="agent", message=text, same=text)
        count_event(session, node, event, now=now, is_foreign=False)


def _create_ports(session: Session, node: Node, found: Findings, now: float) -> list[str]:
    """Create the ports that are missing; those that exist stay as their owner wants them."""
    wanted = {port.address: port for port in found.ports}
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
                created_at=now,
            )
        )
    for address, owner in owners.items():
        if owner.id != node.id:
            _tell_both(session, address, node, owner, now)
    return [port.address for port in created]


def _link_ports(session: Session, node: Node, found: Findings) -> None:
    """Say of the node's ports what their switches said; what somebody has entered stays, as Ironic's hook has it."""
    if not found.links:
        return
    for port in session.scalars(select(Port).where(Port.node_id == node.id)):
        link = found.links.get(port.address)
        if link:
            port.local_link_connection = {**link, **(port.local_link_connection or {})}


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


def _store_logs(services: Services, node: Node, logs: object) -> None:
    """Keep the logs of a ramdisk that could not inspect its machine."""
    try:
        path = keep_logs(
            services.settings,
            node.uuid,
            "inspect failed",
            logs,
            services.clock(),
            secrets=secrets_of(node),
        )
    except (ControllerError, OSError) as error:
        text, severity = f"the ramdisk's logs could not be kept: {error}", "WARNING"
    else:
        text, severity = f"the ramdisk's logs are in {path}", "INFO"
    with services.store.edit() as session:
        row = get_node(session, node.uuid)
        record_event(session, row, "agent", text, severity=severity, at=services.clock())
