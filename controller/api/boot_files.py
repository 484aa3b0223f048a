"""Routes of booting machines: iPXE scripts, kernels, ramdisks, first loaders, and images for the agents.

Nobody logs in here: a machine without an operating system cannot. So nothing secret is served, and nothing but files
in the folders that the settings name. What a machine fetched, and how long it took, goes into its node's history.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, request

from agent.protocol.hardware_address import mac_of_bootif
from agent.protocol.http_server.files import FileRange, Transfer
from controller.api.sender import sender_of
from controller.boot import history, machines
from controller.boot.answer import (
    Asker,
    KnownNode,
    Platform,
    Unknown,
    ambiguous_script,
    first_script,
    script,
)
from controller.boot.files import find_boot_file, find_file, find_image
from controller.boot.recognition import Evidence
from controller.boot.urls import LOADER_PATH, SCRIPT_PATH, public_url
from controller.errors import Invalid, NotFound
from controller.settings import Settings
from controller.states import RESCUED
from controller.store.events import ForeignEvent
from controller.store.leases import leased_mac
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.ramdisk import NOT_FOUND
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LOADER_NAME = re.compile(r"[a-z0-9-]+\.(k?kpxe|efi)")
_LONGEST_MACS = 1024 * len("52:54:00:12:34:56,")
_SHOWN_MACS = 4


def boot_blueprint(services: Services) -> Blueprint:
    """Return the routes; their ``services`` are fixed."""
    routes = Blueprint("boot", __name__)

    @routes.get(SCRIPT_PATH)
    def _first_script() -> Response:
        return _text(first_script(_base_url(services)))

    @routes.get(f"{SCRIPT_PATH}/script")
    def _script() -> Response:
        return _text(_answer(services))

    @routes.get("/boot/<any(kernel, ramdisk):kind>/<boot_key>")
    def _boot_file(kind: str, boot_key: str) -> Response:
        return _serve_boot_file(services, kind, boot_key)

    @routes.get(f"{LOADER_PATH}/<name>")
    def _loader(name: str) -> Response:
        path = find_file(Path(services.settings.tftp_directory) / name)
        if path is None or not _LOADER_NAME.fullmatch(name):
            raise NotFound(
                f"loader {name[:100]!r} could not be found in the setting tftp_directory"
            )
        return _stream(path)

    @routes.get("/images/<path:name>")
    def _image(name: str) -> Response:
        return _stream(find_image(name, services.settings))

    return routes


def _answer(services: Services) -> str:
    """Decide on the machine that asks, and note it in its node's history."""
    settings, asker, sender = services.settings, _asker(services), _sender(services)
    evidence = _evidence(asker)
    now = services.clock()
    with services.store.read() as session:
        leased = leased_mac(session, sender, now)
        evidence = replace(evidence, leased_mac=leased)
        match = machines.recognize_machine(session, evidence, prefer_awaited=True)
        row = get_node(session, match.uuid) if match.uuid else None
        is_torn = row is None and machines.any_boots_ramdisk(session, match.others)
        is_guess = not match.uuid and not match.others and settings.unknown_machine == "explain"
        if is_guess:
            row = machines.find_inspected_without_ports(session)
        leases = machines.leases_of(session, row, now) if row and not is_guess else {}
        mac = machines.own_mac(session, row, tuple(evidence.all_macs)) if row else None
    history.note_ambiguity(services, match, _words(asker))
    if is_torn:
        return ambiguous_script(asker)
    node = None
    if row:
        is_own = sender in leases
        if machines.boots_ramdisk(row):
            first = sender if mac and (is_own or not leases) else None
            if not machines.has_begun(row, first):
                row = machines.begin_boot(services.store, row.uuid, first) or row
        node = machines.facts_of(
            row, settings, asker.base_url, is_shown=is_own, is_guess=is_guess and row is not None
        )
        event = _script_event(asker, node, mac, sender)
        history.record_boot_event(services, row.uuid, event, is_own=is_own)
    elif match.others:  # all of them would boot their disks
        node = KnownNode(label=None, provision_state="", ramdisk=None)
    else:
        log.info("a machine that no port names asks for a boot script", extra={"macs": asker.macs})
    return script(asker, node, unknown=Unknown(settings.unknown_machine))


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
        answer, severity = f"cannot boot the ramdisk: {node.problem}", "ERROR"
    elif node.ramdisk:
        answer, severity = "boots the ramdisk", "INFO"
    else:
        answer, severity = "boots its disk", "INFO"
    data = {
        "file": "script",
        "boots": "ramdisk" if node.ramdisk else "nothing" if node.problem else "disk",
        "mac": mac or next(iter(asker.macs), None),
        "platform": asker.platform.value,
        "address": sender,
    }
    machine = "A machine that no port names" if node.is_guess else "Machine"
    how = f"{firmware}, {mac}" if mac else firmware
    message = f"{machine} asked what to boot ({how}): {answer}"
    return ForeignEvent(kind="boot", message=message, same=message, severity=severity, data=data)


def _serve_boot_file(services: Services, kind: str, boot_key: str) -> Response:
    """Send a kernel or a ramdisk; whatever is wrong, the answer is the same."""
    sender = _sender(services)
    with services.store.read() as session:
        node = machines.find_booting(session, boot_key)
        leases = machines.leases_of(session, node, services.clock()) if node else {}
    path = _path_of(kind, node, services.settings) if node else None
    if node is None or path is None:
        raise NotFound(NOT_FOUND)
    uuid = node.uuid

    def record(transfer: Transfer) -> None:
        event = _transfer_event(kind, sender, transfer)
        history.record_boot_event(services, uuid, event, is_own=sender in leases)

    return _stream(path, on_end=record)


def _path_of(kind: str, node: Node, settings: Settings) -> Path | None:
    try:
        is_rescue = node.provision_state in RESCUED
        return find_boot_file(kind, dict(node.driver_info), settings, is_rescue=is_rescue).path
    except Invalid as error:
        log.warning("%s: the %s cannot be served: %s", node.name or node.uuid, kind, error)
        return None


def _transfer_event(kind: str, sender: str, transfer: Transfer) -> ForeignEvent:
    sent_mb, wanted_mb = transfer.sent_bytes / 1e6, transfer.wanted_bytes / 1e6
    rate = sent_mb / max(transfer.seconds, 0.001)
    is_whole = transfer.sent_bytes == transfer.wanted_bytes
    if is_whole:
        what = f"Machine fetched its {kind}: "
        message = f"{what}{sent_mb:.1f} MB in {transfer.seconds:.1f} s, {rate:.0f} MB/s"
    else:
        what = f"Machine broke off fetching its {kind} "
        message = f"{what}after {sent_mb:.1f} of {wanted_mb:.1f} MB and {transfer.seconds:.1f} s"
    return ForeignEvent(
        kind="boot",
        message=message,
        same=what,
        severity="INFO" if is_whole else "WARNING",
        data={
            "file": kind,
            "bytes": transfer.sent_bytes,
            "bytes_total": transfer.wanted_bytes,
            "seconds": round(transfer.seconds, 3),
            "address": sender,
        },
    )


def _stream(path: Path, *, on_end: Callable[[Transfer], None] | None = None) -> Response:
    """Answer with a file, or with what the request's conditions and range leave of it (RFC 9110 sections 13, 14)."""
    facts = path.stat()
    reply = Response(mimetype="application/octet-stream", direct_passthrough=True)
    reply.content_length = facts.st_size
    reply.last_modified = datetime.fromtimestamp(facts.st_mtime, UTC)
    reply.set_etag(f"{facts.st_ino:x}-{facts.st_size:x}-{facts.st_mtime_ns:x}")
    reply.make_conditional(request, accept_ranges=True, complete_length=facts.st_size)
    if request.method == "GET" and reply.status_code in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        start_byte = (reply.content_range.start if reply.content_range else None) or 0
        reply.response = FileRange(path, start_byte, reply.content_length, on_end)
    return reply


def _base_url(services: Services) -> str:
    """Return the URL machines shall use: the setting, or what this machine used to get here."""
    if services.settings.public_url:
        return public_url(services.settings)
    return request.host_url.rstrip("/")


def _text(body: str) -> Response:
    reply = Response(body, mimetype="text/plain")
    reply.cache_control.no_store = True
    return reply
