"""``/v1/images``: images in the controllers' own store, fetched from an address or uploaded; ours, Ironic asks Glance."""

import re
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy import select

from agent.protocol.checksum import check_digest
from agent.protocol.image_rules import DISK_FORMATS
from agent.protocol.refusal import Refusal
from agent.protocol.secret_names import MASK
from agent.protocol.web_address import encode_url, is_web_address, shown_url
from controller.api.call import Call
from controller.api.documents import values
from controller.api.documents.answers import PieceTaken
from controller.api.documents.orders import PieceArguments
from controller.api.replies import json_reply
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field, Getter, OfRows
from controller.api.resource.rules import Change
from controller.api.resource.shapes import as_links
from controller.api.route import Route
from controller.errors import Conflict, Invalid
from controller.images.registered import KEY
from controller.states import State
from controller.store.identity import is_uuid
from controller.store.images import ACTIVE, QUEUED, Image, ImageCopy, copy_of
from controller.store.tables import Node
from controller.workflow.image_copies import new_copy
from controller.workflow.image_uploads import take_piece

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_MOST_URLS = 16
ALGORITHMS = ("sha256", "sha384", "sha512")
_DEPLOYING = (State.DEPLOYING, State.DEPLOY_WAIT, State.DEPLOY_HOLD)


def _name(value: Any, field: str) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value) and not is_uuid(value):
        return value
    raise Invalid(
        f"{field} must be 1 to 255 letters, digits, dots, dashes and underscores, begin with a letter or a digit, and be no UUID"
    )


def _urls(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or len(value) > _MOST_URLS:
        raise Invalid(f"{field} must be a list of at most {_MOST_URLS} addresses of the same file")
    found = []
    for one in value:
        if isinstance(one, str) and MASK in one:
            raise Invalid(f"{field}: {one[:100]!r} is masked; give the whole address")
        if not isinstance(one, str) or not is_web_address(one):
            shown = shown_url(one)[:100] if isinstance(one, str) else type(one).__name__
            raise Invalid(
                f"{field}: {shown!r} is no http or https URL, from which alone the store fetches; give one, or upload the file"
            )
        try:
            found.append(encode_url(one))
        except Refusal as error:
            raise Invalid(f"{field}: {error}") from error
    return found


def _digest(value: Any, field: str) -> str | None:
    text = values.text(value, field)
    if text is None:
        return None
    try:
        digest: str | None = check_digest(text, allow_md5=False, field=field).digest
    except Refusal as error:
        raise Invalid(f"{field}: {error}") from error
    return digest


def _algorithm(value: Any, field: str) -> str:
    if isinstance(value, str) and value in ALGORITHMS:
        return value
    raise Invalid(f"{field} must be {' or '.join(ALGORITHMS)}")


def _format(value: Any, field: str) -> str | None:
    if value is None or (isinstance(value, str) and value in DISK_FORMATS):
        return value
    raise Invalid(f"{field} must be one of {', '.join(DISK_FORMATS)}, or null")


def _shown_urls(_call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show the addresses without logins and signatures."""
    return lambda row: [shown_url(one) for one in row.urls]


def _copies(call: Call, _resource: Resource, _one: Field) -> Getter:
    """Show which controllers have it, or are getting it."""
    return OfRows(partial(_copies_by_image, call), default=[])


def _copies_by_image(call: Call, image_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    query = select(ImageCopy).where(ImageCopy.image_id.in_(image_ids)).order_by(ImageCopy.id)
    found: dict[int, list[dict[str, Any]]] = {}
    with call.services.store.read() as session:
        for copy in session.scalars(query):
            shown = {
                "conductor": copy.conductor,
                "status": copy.status,
                "bytes_done": copy.bytes_done,
            }
            found.setdefault(copy.image_id, []).append(shown)
    return found


def _check_digest_fits(change: Change) -> None:
    algorithm, digest = change.row.os_hash_algo, change.row.os_hash_value
    digest = change.values.get("os_hash_value", digest)
    algorithm = change.values.get("os_hash_algo", algorithm)
    if digest is None:
        return
    try:
        check_digest(digest, algorithm, allow_md5=False, field="os_hash_value")
    except Refusal as error:
        raise Invalid(f"os_hash_value: {error}") from error


def _begin(change: Change) -> None:
    """Have this controller fetch it, if it is told from where."""
    _check_digest_fits(change)
    if change.row.urls:
        services = change.call.services
        new_copy(services, change.session, change.row, is_upload=False)
        services.images_wanted.set()


def _begin_anew(change: Change) -> None:
    """Let new addresses count at once for an image that is not whole; what is known of a whole one stays."""
    image, services = change.row, change.call.services
    fixed = change.changed & {"os_hash_value", "os_hash_algo"}
    if image.status == ACTIVE and fixed:
        raise Conflict(
            f"image {image.name} has been found right; its {' and '.join(sorted(fixed))} cannot change: register another image"
        )
    _check_digest_fits(change)
    if image.status == ACTIVE or not change.changed & {"urls", *fixed}:
        return
    copy = copy_of(change.session, image.id, services.hostname, lock=True)
    if copy is not None:
        raise Conflict(
            f"image {image.name} is on its way; delete it and register it anew, or wait until it has failed or is active"
        )
    image.status, image.last_error = QUEUED, None
    if change.values.get("urls", image.urls):
        new_copy(services, change.session, image, is_upload=False)
        services.images_wanted.set()


def _refuse_in_use(change: Change) -> None:
    """Refuse to delete what a machine is being deployed with."""
    query = select(Node).where(Node.provision_state.in_([str(state) for state in _DEPLOYING]))
    for node in change.session.scalars(query):
        given = node.driver_internal_info.get(KEY)
        if isinstance(given, dict) and given.get("uuid") == change.row.uuid:
            raise Conflict(
                f"image {change.row.name} is being deployed to node {node.name or node.uuid}; wait for its end, or abort that"
            )
    change.call.services.images_wanted.set()


IMAGES = Resource(
    path="images",
    kind="image",
    table=Image,
    fields=(
        *identity(),
        Field(name="name", check=_name, is_required=True, is_sortable=True),
        Field(name="status", is_sortable=True),
        Field(name="last_error"),
        Field(name="urls", show=_shown_urls, check=_urls, default=list),
        Field(name="os_hash_algo", check=_algorithm, default=lambda: "sha256"),
        Field(name="os_hash_value", check=_digest),
        Field(name="size_bytes", is_sortable=True),
        Field(name="disk_format", check=_format),
        Field(name="copies", column="id", show=_copies),
        Field(name="extra", check=values.object_, default=dict),
        Field(name="links", column=None, show=as_links),
    ),
    listed=("uuid", "name", "status", "size_bytes", "links"),
    has_names=True,
    on_create=_begin,
    on_patch=_begin_anew,
    on_delete=_refuse_in_use,
)


def upload(call: Call, ident: str) -> Response:
    """Send the next piece of an image, from ``start_byte`` on, of ``size_bytes`` in all; at most 64 MiB."""
    start_byte, size_bytes = (_number(call, name) for name in ("start_byte", "size_bytes"))
    done_bytes = take_piece(call.services, ident, start_byte, size_bytes, call.read_body)
    return json_reply({"bytes_done": done_bytes, "size_bytes": size_bytes}, HTTPStatus.ACCEPTED)


def _number(call: Call, name: str) -> int:
    text = call.query.get(name, "")
    if not text.isascii() or not text.isdigit():
        raise Invalid(f"the argument {name} must be a number of bytes, not {text[:40]!r}")
    return int(text)


ROUTES = (
    Route(
        "PUT",
        "/v1/images/<ident>/file",
        upload,
        query=PieceArguments,
        takes=bytes,
        sends="application/octet-stream",
        gives=PieceTaken,
        status="202",
    ),
)
"""What there is beside the routes of every resource."""
