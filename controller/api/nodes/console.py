"""``/v1/nodes/<ident>/console``: a node's console, watched by many and typed on by one."""

import base64
import binascii
from typing import Any

from flask import Response

from agent.protocol.http_server.feeds import Feed
from controller.api.call import Call, parse_boolean, refuse_unknown
from controller.api.replies import empty_reply, json_reply
from controller.consoles.event_stream import (
    MEDIA,
    SIGN_OF_LIFE,
    EventStream,
    place_of,
    status_of,
)
from controller.errors import Invalid
from controller.workflow.consoles import console_of

_TAIL_BYTES = 16 * 1024
_LOG_PIECE_BYTES = 64 * 1024
_MOST_TYPED_CHARS = 8192
_MOST_AT = 1 << 53
_MOST_KEYBOARD_CHARS = 100


def show(call: Call, ident: str) -> Response:
    """Say how it stands with the console: whether it is open, who types, how many watch."""
    return json_reply(status_of(console_of(call.services, ident).standing()))


def follow(call: Call, ident: str) -> Response:
    """Follow the console: an event stream of what it shows; ``since`` goes on at a place, ``tail_bytes`` says how much of before."""
    line = console_of(call.services, ident)
    tail_bytes = _number(call.query.get("tail_bytes", str(_TAIL_BYTES)), "tail_bytes")
    stream = EventStream(line, place_of(line, call.query.get("since"), tail_bytes))
    line.require_room()
    reply = Response(mimetype=MEDIA, direct_passthrough=True)
    reply.headers["Cache-Control"] = "no-store"
    reply.headers["X-Accel-Buffering"] = "no"  # nginx passes it on at once
    reply.response = Feed(stream.pull, stream.subscribe, SIGN_OF_LIFE)
    return reply


def log(call: Call, ident: str) -> Response:
    """Return what the console has shown and is still stored, as it was."""
    stored = console_of(call.services, ident).log
    pieces, place, end = [], stored.begin, stored.end
    while place < end:
        begin, data = stored.read(place, _LOG_PIECE_BYTES)
        if not data:
            break
        pieces.append(data)
        place = begin + len(data)
    return Response(b"".join(pieces), mimetype="application/octet-stream")


def take_keyboard(call: Call, ident: str) -> Response:
    """Take the keyboard: who has it types; ``force`` takes it from somebody else."""
    body = call.body_object()
    refuse_unknown(body, "force")
    by_force = parse_boolean(body.get("force", False), "force")
    line = console_of(call.services, ident)
    user = call.principal.user or f"somebody at {call.sender}"
    return json_reply({"keyboard": line.take_keyboard(user, by_force=by_force)})


def leave_keyboard(call: Call, ident: str) -> Response:
    """Give the keyboard back."""
    console_of(call.services, ident).leave_keyboard(_keyboard(call.query.get("keyboard")))
    return empty_reply()


def type_on(call: Call, ident: str) -> Response:
    """Type: ``data`` in base64, ``at`` = how many bytes were typed on this keyboard before; or send a ``break``."""
    body = call.body_object()
    refuse_unknown(body, "keyboard", "data", "at", "break")
    line, keyboard = console_of(call.services, ident), _keyboard(body.get("keyboard"))
    if parse_boolean(body.get("break", False), "break"):
        line.send_break(keyboard)
    taken = line.type(keyboard, _typed(body.get("data", "")), _at(body.get("at", 0)))
    return json_reply({"taken": taken})


def _keyboard(given: Any) -> str:
    if not isinstance(given, str) or not given or len(given) > _MOST_KEYBOARD_CHARS:
        raise Invalid("keyboard must be what PUT .../console/keyboard has returned")
    return given


def _typed(given: Any) -> bytes:
    if not isinstance(given, str) or len(given) > _MOST_TYPED_CHARS:
        raise Invalid(f"data must be base64 of at most {_MOST_TYPED_CHARS} characters")
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"data must be base64: {error}") from error


def _at(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= _MOST_AT:
        raise Invalid("at must be how many bytes were typed on this keyboard before")
    return given


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_AT))):
        raise Invalid(f"{name} must be a number of bytes, not {text!r:.50}")
    return int(text)
