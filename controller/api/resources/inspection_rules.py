"""``/v1/inspection_rules``: what administrators want done with what an inspection found."""

from http import HTTPStatus
from typing import Any

from flask import Response
from sqlalchemy import delete
from sqlalchemy.orm import Session

from controller.api.call import Call
from controller.api.documents import values
from controller.api.replies import empty_reply
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resource.rules import Change, Condition, Filter
from controller.api.resource.shapes import as_links
from controller.api.route import Route
from controller.errors import Invalid
from controller.store.inspection_rules import InspectionRule
from controller.workflow.inspection_rules.form import actions, conditions
from controller.workflow.inspection_rules.operations import MAIN

_SINCE = 96
_HIGHEST = 9999


def _priority(value: Any, name: str) -> int:
    """Take a whole number from 0 to 9999; Ironic takes 1.0 for one, too."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _HIGHEST:
        return value
    raise Invalid(f"{name} must be a whole number from 0 to {_HIGHEST}")


def _phase(value: Any, name: str) -> str:
    if value == MAIN:
        return MAIN
    raise Invalid(f"{name} must be {MAIN}, the only one")


def _of_phase(_call: Call, _session: Session, text: str) -> Condition | None:
    return InspectionRule.phase == text if text else None


def _stay_sensitive(change: Change) -> None:
    if change.row.sensitive and not change.values.get("sensitive", True):
        raise Invalid(
            "A sensitive inspection rule stays one, or its secrets could be read; delete it and create it anew"
        )


INSPECTION_RULES = Resource(
    path="inspection_rules",
    kind="inspection rule",
    is_sought_first=True,
    table=InspectionRule,
    since=_SINCE,
    early_write=HTTPStatus.METHOD_NOT_ALLOWED,
    fields=(
        *identity(),
        Field(name="description", check=values.text, is_sortable=True),
        Field(name="priority", check=_priority, default=lambda: 0, is_sortable=True),
        Field(
            name="sensitive", check=values.truth_or_null, default=lambda: False, is_sortable=True
        ),
        Field(name="phase", check=_phase, default=lambda: MAIN, is_sortable=True),
        Field(name="conditions", check=conditions, default=list, hidden_by="sensitive"),
        Field(name="actions", check=actions, is_required=True, hidden_by="sensitive"),
        Field(name="links", column=None, show=as_links),
    ),
    listed=("uuid", "description", "priority", "phase", "links"),
    has_detail=False,
    filters={"phase": Filter(rows=_of_phase)},
    on_patch=_stay_sensitive,
)


def delete_all(call: Call) -> Response:
    """Delete every inspection rule."""
    with call.services.store.edit() as session:
        session.execute(delete(InspectionRule))
    return empty_reply()


ROUTES = (
    Route(
        "DELETE",
        "/v1/inspection_rules",
        delete_all,
        _SINCE,
        HTTPStatus.METHOD_NOT_ALLOWED,
    ),
)
"""What there is beside the routes of every resource."""
