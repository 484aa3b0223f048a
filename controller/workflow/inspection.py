"""Takes the result of an inspection: finds its node, stores what was found, and has the engine go on.

Source: Ironic's ``/v1/continue_inspection``. Nobody logs in there and no token is sent, so a result is taken only from a machine
that is known by what it is (its node's UUID and ports, or the address of its own BMC), only from the address that DHCP gave to it
or that asked for the ramdisk of this boot (``inspection_senders.py``), and only while its node waits for it. Nothing is parsed in a transaction.
"""

import logging
from collections.abc import Mapping
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
from controller.states import State
from controller.store.events import ForeignEvent, record_event
from controller.store.leases import leased_mac
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow import aside, discovery
from controller.workflow.inspected_machine import macs_of, reported_bmc_addresses, serial_of
from controller.workflow.inspection_senders import INSPECTED, REFUSED, SAME, sender_problem
from controller.workflow.inspection_storing import address_words, read_result, store_result
from controller.workflow.kept_logs import keep_logs
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
    evidence, node = _find(services, inventory, node_uuid, sender)
    if node is None:
        return _discover(services, document, evidence, sender)
    document = _without_secrets(document, secrets_of(node))
    found = read_result(services, node, document)
    caller = Caller(sender=sender, names_node=True, gets_token=give_token)
    with services.store.edit() as session:
        row = get_node(session, node.uuid, for_update=True)
        if not _is_waited_for(row):  # no longer
            raise NotFound(NOT_FOUND)
        if not isinstance(found, StepFailed):
            store_result(services, session, row, found)
        if row.work is not None:
            error = str(found) if isinstance(found, StepFailed) else None
            aside.note(row.work, {RESULT: {"error": error}})
        make_due(services, row)
        answer = answer_lookup(services, session, row, caller)
    services.wake()
    if isinstance(found, ControllerError):
        _store_logs(services, node, document.get("logs"))
    return answer


def _discover(
    services: Services, document: Mapping[str, Any], evidence: Evidence, sender: str
) -> LookupResponse:
    """Take the result of a machine that no node is waiting for; it gets no token.

    Raises:
        NotFound: It becomes no node.
    """
    inventory = document["inventory"]
    node = discovery.expecting(services, inventory)
    document = {**document, discovery.DISCOVERED: True}
    if node is not None:
        document = _without_secrets(document, secrets_of(node))
    found = read_result(services, node or discovery.blank_node(services.settings), document)
    if node is None and isinstance(found, StepFailed):
        log.warning("an unknown machine at %s was not enrolled: %s", sender, found)
        raise NotFound(NOT_FOUND)
    if node is None:
        node = discovery.new_node(services, evidence, inventory)
    caller = Caller(sender=sender, names_node=True, gets_token=False)
    with services.store.edit() as session:
        row = discovery.open_node(session, node.uuid)
        if isinstance(found, StepFailed):
            discovery.note_mismatch(services, session, row, found)
        else:
            store_result(services, session, row, found)
            discovery.attach(services, session, row, evidence)
        answer = answer_lookup(services, session, row, caller)
    services.wake()
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


def _find(
    services: Services, inventory: Mapping[str, Any], node_uuid: str | None, sender: str
) -> tuple[Evidence, Node | None]:
    """Return the one node that everything the machine says about itself points at, as it was read; ``None`` = a machine to be discovered.

    Raises:
        NotFound: There is none, or the result is not taken.
    """
    now = services.clock()
    with services.store.read() as session:
        evidence = _evidence(session, inventory, node_uuid, sender, now)
        match = recognize_machine(session, evidence)
        node = get_node(session, match.uuid) if match.uuid else None
        leases = dict(leases_of(session, node.id, now)) if node else {}
    bmc = f"BMC {address_words(evidence.bmc_addresses)}"
    machine = f"{words_of(evidence.macs)}; {bmc}"
    note_ambiguity(services, match, f"an inspected machine with {machine}")
    if node is None and not match.others and discovery.is_possible(services, evidence, node_uuid):
        return evidence, None
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
    return evidence, node


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
        serial=serial_of(inventory),
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
        expected = address_words(node.driver_internal_info.get(BMC_ADDRESSES, ()))
        words = f"{text} (this node's machine would say BMC {expected})"
        event = ForeignEvent(kind="agent", message=words, same=same)
        services.strangers.record(node.uuid, event)


def _is_waited_for(node: Node) -> bool:
    # State and stage are rows of two tables and may be read on two sides of a change: either is enough.
    return node.provision_state == State.INSPECT_WAIT or node.stage in _WAITED_FOR_AT


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
