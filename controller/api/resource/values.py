"""What clients send for a resource: bodies of creations and patches, checked by its fields."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller.api.call import Call
from controller.api.documents import patch
from controller.api.documents.patch import RESET, Operation
from controller.api.documents.values import refuse_too_long
from controller.api.resource.description import Resource
from controller.errors import Invalid


def created_values(call: Call, resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a creation stores, by field: what was sent, and the defaults of the rest.

    Raises:
        Invalid: An unknown field, a malformed value, or one that is required and missing.
        NotAcceptable: A field that the microversion does not have.
    """
    unknown = sorted(set(body) - set(resource.settable()))
    if unknown:
        raise Invalid(
            f"{resource.one.capitalize()} cannot be created with {', '.join(unknown)}; "
            f"valid fields: {', '.join(sorted(resource.settable()))}"
        )
    for one in resource.fields:
        if one.is_required and body.get(one.name) in (None, ""):
            raise Invalid(f"{one.name} is required to create {resource.one}")
    values = {name: resource.by_name[name].default() for name in resource.settable()}
    values |= {name: checked(resource, name, value) for name, value in body.items()}
    refuse_too_long(resource.table, values)
    resource.check_names(call, list(body))
    return values


def parsed_patch(call: Call, resource: Resource, document: Any) -> tuple[Operation, ...]:
    """Return the operations of a patch.

    Raises:
        Invalid: The patch is malformed, or changes what cannot be changed.
        NotAcceptable: A field that the microversion does not have.
    """
    operations = patch.parse(document, resource.patchable())
    resource.check_names(call, [operation.attribute for operation in operations])
    return operations


def patched_values(
    resource: Resource, operations: Sequence[Operation], current: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the new values of the fields that a patch changes.

    Raises:
        Invalid: A malformed value, or a required one that is removed.
    """
    applied = patch.apply(operations, current)
    if resource.is_of_node and applied.get("node_uuid") is RESET:
        del applied["node_uuid"]  # the item stays where it is, as in Ironic
    values = {
        name: _reset(resource, name) if value is RESET else checked(resource, name, value)
        for name, value in applied.items()
    }
    refuse_too_long(resource.table, values)
    return values


def checked(resource: Resource, name: str, value: Any) -> Any:
    """Return a client's value as it is stored.

    Raises:
        Invalid: It is none that the field can have.
    """
    one = resource.by_name[name]
    found = value if one.check is None else one.check(value, name)
    if one.is_required and found is None:
        raise Invalid(f"{name} of {resource.one} cannot be null")
    return found


def _reset(resource: Resource, name: str) -> Any:
    one = resource.by_name[name]
    if one.is_required or not one.is_removable:
        raise Invalid(f"{name} of {resource.one} cannot be removed; replace it")
    return one.default()
