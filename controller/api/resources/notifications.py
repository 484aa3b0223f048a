"""``/v1/notifications``, which is ours: what happened, as a list and as an event stream; everybody gets what is theirs to see."""

import re
from urllib.parse import urlencode

from flask import Response

from agent.protocol.http_server.feeds import Feed
from controller.api.access.asking import may
from controller.api.access.sight import NODE_GET, see_node, target_of
from controller.api.call import Call
from controller.api.lists import MAX_LIMIT
from controller.errors import Invalid, NotFound
from controller.notifications import event_stream
from controller.notifications.document import Choice
from controller.notifications.event_stream import SIGN_OF_LIFE, NotificationStream
from controller.setting_words import words_of
from controller.store.identity import is_uuid
from controller.store.notification_log import Told, extent, read_after

MEDIA = event_stream.MEDIA
_NODE_ERROR = "baremetal:node:get:last_error"
_MOST_DIGITS = 18
_MOST_TYPES = 20
_TYPE = re.compile(r"[a-z_.*]{1,100}")
_PAGE = 500
_MOST_BYTES = 4 * 1024 * 1024
"""Of an answer, but for its last notification; the rest is behind ``next``."""


def index(call: Call) -> Response:
    """List what happened, oldest first, as notifications of Ironic's form; ``since`` = behind the one with this number."""
    choice = _choice(call)
    place = _number(call.query.get("since", "0"), "since")
    limit = min(_number(call.query.get("limit", str(MAX_LIMIT)), "limit"), MAX_LIMIT)
    if limit < 1:
        raise Invalid("Limit must be positive")
    found: list[bytes] = []
    left_bytes, is_over = _MOST_BYTES, False
    while not is_over and (
        rows := read_after(call.services.store, place, _PAGE, node_uuid=choice.node_uuid)
    ):
        for row in rows:
            place = row.number
            if (document := choice.document(row)) is not None:
                found.append(document)
                left_bytes -= len(document)
            is_over = len(found) == limit or left_bytes <= 0
            if is_over:
                break
    more = b""
    if is_over:
        query = urlencode({**call.query, "since": place, "limit": limit})
        more = f',"next":"{call.base_url}{call.path}?{query}"'.encode()
    body = b'{"notifications":[%b]%b}' % (b",".join(found), more)
    return Response(body, content_type="application/json")


def follow(call: Call) -> Response:
    """Follow what happens: an event stream; ``Last-Event-ID`` or ``since`` goes on behind a number, without it begins with what comes now."""
    services, choice = call.services, _choice(call)
    services.notifications.require_room()
    word = call.last_event_id or call.query.get("since")
    stored = extent(services.store)
    place = stored.newest if word is None else _number(word, "since or Last-Event-ID")
    may_miss = not stored.oldest - 1 <= place <= stored.newest
    if may_miss:
        place = stored.oldest - 1
    stream = NotificationStream(services.notifications, choice, place, may_miss=may_miss)
    reply = Response(mimetype=MEDIA, direct_passthrough=True)
    reply.headers["Cache-Control"] = "no-store"
    reply.headers["X-Accel-Buffering"] = "no"  # nginx passes it on at once
    reply.response = Feed(stream.pull, stream.subscribe, SIGN_OF_LIFE)
    return reply


def _choice(call: Call) -> Choice:
    types = words_of(call.query.get("type", ""))
    if len(types) > _MOST_TYPES or not all(_TYPE.fullmatch(one) for one in types):
        raise Invalid(
            f"type must be at most {_MOST_TYPES} event types with commas between, such as baremetal.node.power_set.*"
        )
    principal = call.principal

    def sees(row: Told) -> bool:
        return may(principal, NODE_GET, target_of(row))

    def sees_error(row: Told) -> bool:
        return may(principal, _NODE_ERROR, target_of(row))

    node = call.query.get("node")
    uuid = None if node is None else _uuid_of(call, node)
    return Choice(types=types, node_uuid=uuid, sees=sees, sees_error=sees_error)


def _uuid_of(call: Call, ident: str) -> str:
    """Return a node's UUID; one that is gone has notifications, too, of which everybody gets what was theirs."""
    try:
        with call.services.store.read() as session:
            uuid: str = see_node(call, session, ident).uuid
    except NotFound:
        if not is_uuid(ident):
            raise
        return ident.lower()
    return uuid


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise Invalid(f"{name} must be a number, not {text!r:.50}")
    return int(text)
