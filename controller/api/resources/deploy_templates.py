"""``/v1/deploy_templates``: deploy steps by the name of a trait (``workflow/stored_steps.py``)."""

from http import HTTPStatus
from typing import Any

from controller.api.call import Call
from controller.api.documents import values
from controller.api.documents.stored_steps import deploy_steps
from controller.api.resource.common_fields import identity
from controller.api.resource.description import Resource
from controller.api.resource.field import Field
from controller.api.resource.shapes import as_links
from controller.errors import Invalid
from controller.store.deploy_templates import DeployTemplate

_LONGEST_DESCRIPTION = 255


def _without_description(_call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """Take a description as Ironic does, which keeps none and shows none."""
    text = values.text(body.pop("description", None), "description") or ""
    if len(text) > _LONGEST_DESCRIPTION:
        raise Invalid(f"description may have {_LONGEST_DESCRIPTION} characters, not {len(text)}")
    return body


def _name(value: Any, _name: str) -> str:
    return values.trait(value)


DEPLOY_TEMPLATES = Resource(
    path="deploy_templates",
    kind="deploy template",
    table=DeployTemplate,
    since=55,
    early_write=HTTPStatus.METHOD_NOT_ALLOWED,
    fields=(
        *identity(),
        Field(name="name", check=_name, is_required=True, is_sortable=True),
        Field(name="extra", check=values.object_, default=dict),
        Field(name="links", column=None, show=as_links),
        Field(name="steps", check=deploy_steps, is_required=True),
    ),
    listed=("uuid", "name", "links"),
    has_names=True,
    has_detail=False,
    prepare=_without_description,
)
