"""``/v1/runbooks``: steps for cleaning and service, for the nodes that have one of their traits (``workflow/stored_steps.py``)."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy import or_
from sqlalchemy.orm import Session

from controller.api.call import Call, parse_boolean
from controller.api.documents import values
from controller.api.documents.stored_steps import runbook_steps
from controller.api.replies import empty_reply, json_reply
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resource.rules import Change, Condition, Filter
from controller.api.resource.shapes import as_links
from controller.errors import Invalid
from controller.store.identity import is_legal_name
from controller.store.runbooks import Runbook, get_runbook

TRAITS_SINCE = 112
"""Until then a runbook's name had to be a trait, and was the only one."""


def _name(value: Any, name: str) -> str:
    if isinstance(value, str) and is_legal_name(value):
        return value
    raise Invalid(
        f"{name} must have letters, digits or - . _ ~, and be no UUID and no word of the API"
    )


def _with_trait_as_name(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Refuse names that clients of an older version could not use."""
    if call.minor < TRAITS_SINCE and "name" in body:
        values.trait(body["name"])
    return body


def _public(_call: Call, _session: Session, text: str) -> Condition | None:
    """Choose what everybody may use; of a project are none."""
    return Runbook.public.is_(True) if parse_boolean(text, "project") else None


def _keep_public_without_owner(change: Change) -> None:
    is_public = change.values.get("public", change.row.public)
    if change.values.get("owner") is not None and is_public:
        raise Invalid("There cannot be an owner for a public runbook; set public to false as well")
    if is_public:
        change.row.owner = None


RUNBOOKS = Resource(
    path="runbooks",
    kind="runbook",
    table=Runbook,
    since=92,
    early_write=HTTPStatus.METHOD_NOT_ALLOWED,
    fields=(
        *identity(),
        Field(name="name", check=_name, is_required=True, is_sortable=True),
        Field(
            name="description",
            since=TRAITS_SINCE,
            early=Invalid,
            check=values.text,
            is_sortable=True,
        ),
        Field(
            name="disable_ramdisk",
            check=values.truth_or_null,
            default=lambda: False,
            is_sortable=True,
        ),
        Field(name="extra", check=values.object_, default=dict),
        Field(name="links", column=None, show=as_links),
        Field(name="owner", check=values.text, is_sortable=True),
        Field(name="public", check=values.truth_or_null, default=lambda: False, is_sortable=True),
        Field(name="steps", check=runbook_steps, is_required=True),
        Field(name="traits", since=TRAITS_SINCE, early=Invalid),
    ),
    listed=("uuid", "name", "links"),
    has_names=True,
    has_detail=False,
    filters={"project": Filter(rows=_public)},
    rules="baremetal:runbook",
    own=lambda project: or_(Runbook.owner == project, Runbook.public),
    project_argument="project",
    is_owned=True,
    prepare=_with_trait_as_name,
    on_patch=_keep_public_without_owner,
)


def traits(call: Call, ident: str) -> Response:
    """List the traits of a runbook: a node with one of them may use it."""
    with call.services.store.read() as session:
        return json_reply({"traits": get_runbook(session, ident).traits})


def replace_traits(call: Call, ident: str) -> Response:
    """Give a runbook these traits and no others."""
    body = call.body_object()
    wanted = body.get("traits")
    if set(body) != {"traits"} or not isinstance(wanted, list):
        raise Invalid("The body must be an object with the list traits and nothing else")
    found = {values.trait(one) for one in wanted}
    return _change_traits(call, ident, lambda _before: found)


def add_trait(call: Call, ident: str, trait: str) -> Response:
    """Give a runbook one more trait."""
    if call.read_json() not in (None, {}):
        raise Invalid("No body is wanted when a single trait is added")
    found = values.trait(trait)
    place = f"{call.base_url}/v1/runbooks/{ident}/traits/{trait}"
    return _change_traits(call, ident, lambda before: before | {found}, place)


def remove_trait(call: Call, ident: str, trait: str) -> Response:
    """Take a trait from a runbook, if it has it."""
    return _change_traits(call, ident, lambda before: before - {trait})


def clear_traits(call: Call, ident: str) -> Response:
    """Take all traits from a runbook: no node may use it."""
    return _change_traits(call, ident, lambda _before: set())


def _change_traits(
    call: Call, ident: str, change: Callable[[set[str]], set[str]], location: str | None = None
) -> Response:
    with call.services.store.edit() as session:
        row = get_runbook(session, ident, lock=True)
        row.traits = sorted(change(set(row.traits)))
    return empty_reply(location=location)
