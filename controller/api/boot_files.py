"""Routes of booting machines: boot scripts, kernels, ramdisks and first loaders.

Nobody logs in here: a machine without an operating system cannot. So nothing secret is served, and nothing but files
in the folders that the settings name. What a machine fetched, and how long it took, goes into its node's history.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from agent.protocol.hardware_address import mac_of_bootif
from agent.protocol.http_server.files import Transfer
from controller.api.boot_transfers import transfer_event
from controller.api.file_reply import stream_file
from controller.api.sender import sender_of
from controller.boot import answer, grub_answer, history, machines
from controller.boot.answer import Asker, KnownNode, Platform, Unknown, first_script
from controller.boot.files import find_boot_file
from controller.boot.loaders import find_loader
from controller.boot.medium import KERNEL, MEDIA_TYPE, RAMDISK, open_medium, plan_medium
from controller.boot.recognition import Evidence
from controller.boot.tftp.gateway import ASKER_HEADER, KEY_HEADER
from controller.boot.urls import (
    GRUB_SCRIPT_PATH,
    LOADER_PATH,
    MEDIUM_PATH,
    SCRIPT_PATH,
    public_url,
)
from controller.errors import Invalid, NotFound
from controller.settings import Settings
from controller.store.events import ForeignEvent
from controller.store.leases import leased_mac
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.store.volumes import volumes_of
from controller.workflow.discovery import has_room
from controller.workflow.ramdisk import NOT_FOUND
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LONGEST_MACS = 1024 * len("52:54:00:12:34:56,")
_SHOWN_MACS = 4
_OF_RAMDISK = ("kernel", "ramdisk")


class _Language(Protocol):
    """Writes answers for one loader."""

    def script(self, asker: Asker, node: KnownNode | None, *, unknown: Unknown) -> str:
        """Return the script for a machine."""

    def ambiguous_script(self, asker: Asker) -> str:
        """Return the script for one that fits several nodes."""


IPXE: _Language = answer
GRUB: _Language = grub_answer


def boot_blueprint(services: Services) -> Blueprint:
    """Return the routes; their ``services`` are fixed."""
    routes = Blueprint("boot", __name__)

    @routes.get(SCRIPT_PATH)
    def _first_script() -> Response:
        return _text(first_script(_base_url(services)))

    @routes.get(f"{SCRIPT_PATH}/script")
    def _script() -> Response:
        return _text(_answer(services, IPXE))

    @routes.get(GRUB_SCRIPT_PATH)
    def _grub_script() -> Response:
        return _text(_answer(services, GRUB))

    @routes.get("/boot/<any(kernel, ramdisk, boot_iso):kind>/<boot_key>")
    def _boot_file(kind: str, boot_key: str) -> Response:
        return _serve_boot_file(services, kind, boot_key)

    @routes.get(MEDIUM_PATH)
    def _boot_medium() -> Response:
        return _medium(services)

    @routes.get(f"{LOADER_PATH}/<name>")
    def _loader(name: str) -> Response:
        path = find_loader(name, services.settings)
        if path is None:
            raise NotFound(
                f"loader {name[:100]!r} could not be found in the settings tftp_directory and grub_directory"
            )
        return stream_file(path)

    return routes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What the machine that asks is told, in no loader's language yet."""

    asker: Asker
    node: KnownNode | None
    row: Node | None = None
    is_torn: bool = False
    """It fits several nodes, some of which shall boot the ramdisk."""


def _answer(services: Services, language: _Language) -> str:
    decision = _decide(services)
    if decision.is_torn:
        return language.ambiguous_script(decision.asker)
    unknown = Unknown(services.settings.unknown_machine)
    return language.script(decision.asker, decision.node, unknown=unknown)


def _decide(services: Services) -> _Decision:
    """Decide on the machine that asks, and note it in its node's history."""
    settings, asker, sender = services.settings, _asker(services), _sender(services)
    evidence = _evidence(asker)
    now = services.clock()
    with services.store.read() as session:
        leased = leased_mac(session, sender, now)
        evidence = replace(evidence, leased_mac=leased)
        if leased and not asker.macs:  # firmware that boots by HTTP says nothing of itself
            asker = replace(asker, macs=(leased,))
        match = machines.recognize_machine(session, evidence, prefer_awaited=True)
        row = get_node(session, match.uuid) if match.uuid else None
        is_torn = row is None and machines.any_boots_from_network(session, match.others)
        is_unknown = not match.uuid and not match.others
        is_guess = is_unknown and settings.unknown_machine != Unknown.LOCAL
        if is_guess:
            row = machines.find_inspected_without_ports(session)
        is_discovered = is_unknown and row is None and _discovers(services, session)
        leases = machines.leases_of(session, row.id, now) if row and not is_guess else {}
        mac = machines.own_mac(session, row, tuple(evidence.all_macs)) if row else None
        may_know = row is not None and mac is not None and (sender in leases or not leases)
        volumes = volumes_of(session, row.id) if row is not None and may_know else None
    history.note_ambiguity(services, match, _words(asker))
    if is_torn:
        return _Decision(asker=asker, node=None, is_torn=True)
    node = None
    if row:
        is_own = sender in leases
        if machines.boots_from_network(row):
            first = sender if mac and (is_own or not leases) else None
            if not machines.has_begun(row, first):
                row = machines.begin_boot(services.store, row.uuid, first) or row
        node = machines.facts_of(
            row,
            settings,
            asker.base_url,
            is_shown=is_own,
            is_guess=is_guess and row is not None,
            volumes=volumes,
        )
        event = _script_event(asker, node, mac, sender)
        history.record_boot_event(services, row.uuid, event, is_own=is_own)
    elif match.others:  # all of them would boot their disks
        node = KnownNode(label=None, provision_state="", ramdisk=None)
    else:
        if is_discovered:
            node = machines.facts_of_stranger(settings, asker.base_url)
        _log_stranger(asker, node)
    return _Decision(asker=asker, node=node, row=row)


def _discovers(services: Services, session: Session) -> bool:
    """Say whether machines that no node knows are given the ramdisk now."""
    return services.settings.unknown_machine == Unknown.INSPECT and has_room(services, session)


def _log_stranger(asker: Asker, node: KnownNode | None) -> None:
    facts = {"macs": asker.macs}
    if node is None:
        log.info("a machine that no port names asks for a boot script", extra=facts)
    elif node.problem:
        log.warning("a machine that no port names cannot boot the ramdisk: %s", node.problem)
    else:
        log.info("a machine that no port names is given the ramdisk", extra=facts)


def _asker(services: Services) -> Asker:
    given = request.args.get("mac", "")[:_LONGEST_MACS].split(",")
    macs = dict.fromkeys(mac for mac in map(mac_of_bootif, given) if mac)
    is_uefi = request.args.get("platform") == Platform.UEFI
    return Asker(
        macs=tuple(macs),
        platform=Platform.UEFI if is_uefi else Platform.BIOS,
        base_url=_base_url(services),
    )


def _evidence(asker: Asker) -> Evidence:
    return Evidence(
        macs=asker.macs,
        boot_mac=mac_of_bootif(request.args.get("boot", "")),
        system_uuid=request.args.get("uuid"),
        serial=request.args.get("serial"),
    )


def _sender(services: Services) -> str:
    """Return who asks; the gateway says for whom it does."""
    if secrets.compare_digest(
        request.headers.get(KEY_HEADER, "").encode(), services.gateway_key.encode()
    ):
        return request.headers.get(ASKER_HEADER, "")
    return sender_of(
        request.remote_addr,
        request.headers.get("X-Forwarded-For"),
        services.settings.trusted_proxies,
    )


def _words(asker: Asker) -> str:
    shown = ", ".join(asker.macs[:_SHOWN_MACS]) or "without MAC addresses"
    return f"a machine with {shown}" + (" and more" if len(asker.macs) > _SHOWN_MACS else "")


def _script_event(asker: Asker, node: KnownNode, mac: str | None, sender: str) -> ForeignEvent:
    """Return what the answer was; a machine without one of the node's MAC addresses could call itself anything, so it has no name."""
    firmware = "UEFI" if asker.platform is Platform.UEFI else "BIOS"
    if node.problem:
        answer, severity = f"cannot boot from the network: {node.problem}", "ERROR"
    elif node.ramdisk:
        answer, severity = "boots the ramdisk", "INFO"
    elif node.instance:
        answer, severity = "boots its instance from the network", "INFO"
    else:
        answer, severity = "boots its disk", "INFO"
    data = {
        "file": "script",
        "boots": _boots(node),
        "mac": mac or next(iter(asker.macs), None),
        "platform": asker.platform.value,
        "address": sender,
    }
    machine = "A machine that no port names" if node.is_guess else "Machine"
    how = f"{firmware}, {mac}" if mac else firmware
    message = f"{machine} asked what to boot ({how}): {answer}"
    return ForeignEvent(kind="boot", message=message, same=message, severity=severity, data=data)


def _boots(node: KnownNode) -> str:
    if node.problem:
        return "nothing"
    return "ramdisk" if node.ramdisk else "instance" if node.instance else "disk"


def _serve_boot_file(services: Services, kind: str, boot_key: str) -> Response:
    """Send a kernel or a ramdisk; whatever is wrong, the answer is the same."""
    if boot_key == machines.STRANGERS_KEY:
        return _serve_to_stranger(services, kind)
    with services.store.read() as session:
        node = machines.find_booting(session, boot_key)
    path = _path_of(kind, node, services.settings) if node else None
    if node is None or path is None:
        raise NotFound(NOT_FOUND)
    return stream_file(path, on_end=_recorder(services, kind, node))


def _serve_to_stranger(services: Services, kind: str) -> Response:
    """Send the kernel or the ramdisk of the settings while machines that no node knows are given it."""
    with services.store.read() as session:
        is_served = _discovers(services, session)
    path = _path_of(kind, None, services.settings) if is_served else None
    if path is None:
        raise NotFound(NOT_FOUND)
    return stream_file(
        path, on_end=lambda transfer: services.measures.note_file("boot", transfer.sent_bytes)
    )


def _recorder(services: Services, kind: str, node: Node | None) -> Callable[[Transfer], None]:
    """Return what notes a transfer in the node's history when it has ended."""
    sender, uuid = _sender(services), node.uuid if node else None
    with services.store.read() as session:
        leases = machines.leases_of(session, node.id, services.clock()) if node else {}

    def record(transfer: Transfer) -> None:
        services.measures.note_file("boot", transfer.sent_bytes)
        if uuid:
            event = transfer_event(kind, sender, transfer)
            history.record_boot_event(services, uuid, event, is_own=sender in leases)

    return record


def _medium(services: Services) -> Response:
    """Send the file system that UEFI HTTP boot starts as a disk: signed loaders, what they shall do, kernel and ramdisk."""
    settings, decision = services.settings, _decide(services)
    row, files = decision.row, {}
    if decision.node and decision.node.ramdisk:
        files = {kind: _path_of(kind, row, settings) for kind in _OF_RAMDISK}
    found = {kind: path for kind, path in files.items() if path}
    names = (KERNEL, RAMDISK) if len(found) == len(files) and found else None
    unknown = Unknown(settings.unknown_machine)
    text = (
        grub_answer.ambiguous_script(decision.asker)
        if decision.is_torn
        else grub_answer.script(decision.asker, decision.node, unknown=unknown, files=names)
    )
    medium = plan_medium(
        grub_answer.medium_script(text), settings, *(found.values() if names else ())
    )
    reply = Response(mimetype=MEDIA_TYPE, direct_passthrough=True)
    reply.content_length = medium.size_bytes
    reply.cache_control.no_store = True
    if request.method == "GET":
        reply.response = open_medium(medium, _recorder(services, "medium", row))
    return reply


def _path_of(kind: str, node: Node | None, settings: Settings) -> Path | None:
    """Return the file that a machine boots; ``node`` ``None``: one that no node knows."""
    try:
        if node is None:
            return find_boot_file(kind, {}, settings).path if kind in _OF_RAMDISK else None
        return machines.file_of(kind, node, settings).path
    except Invalid as error:
        whose = (node.name or node.uuid) if node else "unknown machines"
        log.warning("%s: the %s cannot be served: %s", whose, kind, error)
        return None


def _base_url(services: Services) -> str:
    """Return the URL machines shall use: the setting, or what this machine used to get here."""
    if services.settings.public_url:
        return public_url(services.settings)
    return request.host_url.rstrip("/")


def _text(body: str) -> Response:
    reply = Response(body, mimetype="text/plain")
    reply.cache_control.no_store = True
    return reply
