"""Routes of booting machines: iPXE scripts, kernels, ramdisks, first loaders, and images for the agents.

Nobody logs in here: a machine without an operating system cannot. So nothing secret is served, and nothing but files
in the folders that the settings name. What a machine fetched, and how long it took, goes into its node's history.
"""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, request

from agent.protocol.http_server.files import FileRange, Transfer
from controller.boot import machines
from controller.boot.answer import Asker, KnownNode, Platform, Unknown, first_script, script
from controller.boot.files import find_boot_file, find_image
from controller.boot.urls import LOADER_PATH, SCRIPT_PATH, public_url
from controller.errors import NotFound
from controller.store.identity import normal_mac
from controller.store.nodes import get_node
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_LOADER_NAME = re.compile(r"[a-z0-9-]+\.(k?kpxe|efi)")
_MAX_MACS = 64


def boot_blueprint(services: Services) -> Blueprint:
    """Return the routes; their ``services`` are fixed."""
    routes = Blueprint("boot", __name__)

    @routes.get(SCRIPT_PATH)
    def _first_script() -> Response:
        return _text(first_script(_base_url(services)))

    @routes.get(f"{SCRIPT_PATH}/script")
    def _script() -> Response:
        return _text(_answer(services))

    @routes.get("/boot/<any(kernel, ramdisk):kind>/<node_uuid>")
    def _boot_file(kind: str, node_uuid: str) -> Response:
        return _serve_boot_file(services, kind, node_uuid)

    @routes.get(f"{LOADER_PATH}/<name>")
    def _loader(name: str) -> Response:
        path = Path(services.settings.tftp_directory) / name
        if not _LOADER_NAME.fullmatch(name) or not path.is_file():
            raise NotFound(f"loader {name!r} could not be found in the setting tftp_directory")
        return _stream(path)

    @routes.get("/images/<path:name>")
    def _image(name: str) -> Response:
        return _stream(find_image(name, services.settings))

    return routes


def _answer(services: Services) -> str:
    """Decide on the machine that asks, and note it in its node's history."""
    settings = services.settings
    asker = _asker(services)
    with services.store.read() as session:
        row = machines.find_node(session, asker.macs)
        is_guess = row is None and settings.unknown_machine == Unknown.EXPLAIN
        if is_guess:
            row = machines.find_inspected_without_ports(session)
        node = machines.facts_of(row, settings, asker.base_url, is_guess=is_guess) if row else None
        mac = machines.own_mac(session, row, asker.macs) if row else None
    if node:
        _record_script(services, asker, node, mac)
    else:
        log.info("a machine that no port names asks for a boot script", extra={"macs": asker.macs})
    return script(asker, node, unknown=Unknown(settings.unknown_machine))


def _asker(services: Services) -> Asker:
    given = request.args.get("mac", "").split(",")[:_MAX_MACS]
    macs = dict.fromkeys(mac for mac in map(normal_mac, given) if mac)
    is_uefi = request.args.get("platform") == Platform.UEFI
    return Asker(
        macs=tuple(macs),
        platform=Platform.UEFI if is_uefi else Platform.BIOS,
        base_url=_base_url(services),
    )


def _record_script(services: Services, asker: Asker, node: KnownNode, mac: str | None) -> None:
    """Note the answer; a machine without one of the node's MAC addresses could call itself anything, so it has no name."""
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
        "address": request.remote_addr,
    }
    machine = "A machine that no port names" if node.is_guess else "Machine"
    how = f"{firmware}, {mac}" if mac else firmware
    message = f"{machine} asked what to boot ({how}): {answer}"
    machines.record_boot_event(services.store, node.uuid, message, data=data, severity=severity)


def _serve_boot_file(services: Services, kind: str, node_uuid: str) -> Response:
    with services.store.read() as session:
        driver_info = dict(get_node(session, node_uuid).driver_info)
    file = find_boot_file(kind, driver_info, services.settings)
    if file.path is None:
        raise NotFound(f"the {kind} of node {node_uuid} is not served here but at {file.url}")
    address = request.remote_addr

    def record(transfer: Transfer) -> None:
        _record_transfer(services, node_uuid, kind, address, transfer)

    return _stream(file.path, on_end=record)


def _record_transfer(
    services: Services, node_uuid: str, kind: str, address: str | None, transfer: Transfer
) -> None:
    sent_mb, wanted_mb = transfer.sent_bytes / 1e6, transfer.wanted_bytes / 1e6
    rate = sent_mb / max(transfer.seconds, 0.001)
    is_whole = transfer.sent_bytes == transfer.wanted_bytes
    if is_whole:
        what = f"Machine fetched its {kind}: "
        message = f"{what}{sent_mb:.1f} MB in {transfer.seconds:.1f} s, {rate:.0f} MB/s"
    else:
        what = f"Machine broke off fetching its {kind} "
        message = f"{what}after {sent_mb:.1f} of {wanted_mb:.1f} MB and {transfer.seconds:.1f} s"
    machines.record_boot_event(
        services.store,
        node_uuid,
        message,
        same=what,
        severity="INFO" if is_whole else "WARNING",
        data={
            "file": kind,
            "bytes": transfer.sent_bytes,
            "bytes_total": transfer.wanted_bytes,
            "seconds": round(transfer.seconds, 3),
            "address": address,
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
