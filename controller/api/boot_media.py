"""The route of boot media: images of one node, for its BMC or its firmware, under an address that nobody can guess.

Some BMCs fetch an image whole, others read it piece by piece while the machine runs: both get the same bytes.
"""

import hmac
import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from flask import Blueprint, Response, redirect, request
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from agent.protocol.http_server.files import Transfer
from controller.api.boot_transfers import transfer_event
from controller.api.file_reply import stream_file
from controller.api.sender import sender_of
from controller.boot import history, node_media
from controller.boot.boot_image import BootImage, open_image
from controller.boot.urls import MEDIA_PATH
from controller.errors import Invalid, NotFound
from controller.states import FAILED, STABLE
from controller.store.tables import Node
from controller.workflow.ramdisk import NOT_FOUND
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_TYPE = "application/vnd.efi-iso"
_NAMES = f"any('{node_media.BOOT_ISO}', '{node_media.SETTINGS_ISO}')"


def media_blueprint(services: Services) -> Blueprint:
    """Return the route; its ``services`` are fixed."""
    routes = Blueprint("boot_media", __name__)

    @routes.get(f"{MEDIA_PATH}/<uuid:identity>/<key>/<{_NAMES}:name>")
    def _medium(identity: object, key: str, name: str) -> AnyResponse:
        return _serve(services, str(identity), key, name)

    return routes


def _serve(services: Services, identity: str, key: str, name: str) -> AnyResponse:
    """Send a medium; whatever is wrong, the answer is the same."""
    with services.store.read() as session:
        node = session.scalars(select(Node).where(Node.uuid == identity)).one_or_none()
    known = node_media.media_key(node) if node else None
    if node is None or known is None or not hmac.compare_digest(known.encode(), key.encode()):
        raise NotFound(NOT_FOUND)
    try:
        return _reply(services, node, name)
    except (Invalid, NotFound, OSError) as error:
        log.warning("node %s: the medium %s cannot be served: %s", identity, name, error)
        raise NotFound(NOT_FOUND) from error


def _reply(services: Services, node: Node, name: str) -> AnyResponse:
    if node.provision_state in STABLE | FAILED and node_media.has_token_in(
        node, services.settings, name
    ):
        raise NotFound("no ramdisk is booted now, and the token inside is nobody's any more")
    on_end = _recorder(services, node, name)
    if name == node_media.SETTINGS_ISO:
        return _send(node_media.settings_image(node, services.settings), None)
    ready = node_media.own_iso(node, services.settings)
    if isinstance(ready, Path):
        return stream_file(ready, on_end=on_end)
    if ready:
        return redirect(ready)
    return _send(node_media.boot_image(node, services.settings), on_end)


def _send(image: BootImage, on_end: Callable[[Transfer], None] | None) -> Response:
    """Answer with an image, or with what the request's conditions and range leave of it (RFC 9110 sections 13, 14)."""
    reply = Response(mimetype=_TYPE, direct_passthrough=True)
    reply.content_length = image.size_bytes
    reply.set_etag(image.etag)
    reply.cache_control.no_store = True
    reply.make_conditional(request, accept_ranges=True, complete_length=image.size_bytes)
    if request.method == "GET" and reply.status_code in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        start_byte = (reply.content_range.start if reply.content_range else None) or 0
        reply.response = open_image(image, start_byte, reply.content_length, on_end)
    return reply


def _recorder(services: Services, node: Node, name: str) -> Callable[[Transfer], None]:
    """Return what notes in the node's history that a medium was fetched whole; pieces are counted and not worth a line each."""
    is_piece = request.method != "GET" or "Range" in request.headers
    sender = sender_of(
        request.remote_addr,
        request.headers.get("X-Forwarded-For"),
        services.settings.trusted_proxies,
    )
    uuid = node.uuid

    def record(transfer: Transfer) -> None:
        services.measures.note_file("boot", transfer.sent_bytes)
        if is_piece:
            return
        event = transfer_event(f"medium {name}", sender, transfer)
        history.record_boot_event(services, uuid, event, is_own=True)

    return record
