"""What of a list, and what of a creation, is a project's."""

from collections.abc import Iterator

from controller.api.access.asking import listed_project
from controller.api.call import Call
from controller.api.resource.description import Resource
from controller.api.resource.rules import Condition


def project_of(call: Call, resource: Resource) -> str | None:
    """Return the project to whose rows the list of a resource is limited; ``None`` = it shows all.

    Raises:
        Forbidden: The principal may list nothing, or not what belongs to the project that it asks for.
    """
    if call.principal.is_unrestricted or not resource.rules:
        return None
    asked = call.query.get(resource.project_argument) if resource.project_argument else None
    return listed_project(call.principal, resource.rules, asked)


def limits(call: Call, resource: Resource) -> Iterator[Condition]:
    """Give the condition for the rows that the principal sees in a list."""
    project = project_of(call, resource)
    if project is not None:
        yield resource.own(project)


def owner_of_new(call: Call, owner: str | None) -> str | None:
    """Return the owner of what a call creates: without another it is the principal's project."""
    principal = call.principal
    if principal.is_unrestricted or principal.is_system:
        return owner
    return owner or principal.project
