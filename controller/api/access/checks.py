"""What a request must pass before its handler runs: one kind of check for each kind of thing that a rule is about.

What a principal cannot see is not there (404); what it sees and may not do is forbidden (403). Both are Ironic's answers
(``api/controllers/v1/utils.py``). Callers for whom no policy is asked never come here.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.api.access.asking import require
from controller.api.access.grants import NO_ONES, Target
from controller.api.access.limits import project_of
from controller.api.access.sight import mark_of, see_node, sees, target_of
from controller.api.call import Call
from controller.api.resource.description import Resource
from controller.api.resource.reading import is_item, missing
from controller.errors import ControllerError
from controller.store.tables import Node

Parameters = Mapping[str, str]


class Access(Protocol):
    """A check."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that it asks for, for the reference page."""

    def check(self, call: Call, parameters: Parameters) -> None:
        """Refuse the call, with 403 or 404, or let it pass."""


@dataclass(frozen=True, slots=True)
class Free:
    """Asks for nothing."""

    rules: tuple[str, ...] = ()

    def check(self, call: Call, parameters: Parameters) -> None:
        """Let it pass."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A rule that is about no single thing."""

    rule: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:  # noqa: ARG002  # as all checks
        """Ask for it."""
        require(call.principal, self.rule)


@dataclass(frozen=True, slots=True)
class OnNode:
    """A rule about the node that the path names."""

    rule: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for it, if the principal sees the node."""
        require(call.principal, self.rule, seen_node(call, parameters["ident"]))


@dataclass(frozen=True, slots=True)
class OnItem:
    """A rule about something that belongs to a node."""

    resource: Resource
    rule: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for it, if the principal sees the node."""
        require(call.principal, self.rule, seen_item(call, self.resource, parameters["ident"]))


@dataclass(frozen=True, slots=True)
class NewOnNode:
    """A rule about the node that the body names; of one that is hidden or not there, as about nobody's."""

    rule: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:  # noqa: ARG002  # as all checks
        """Ask for it; a body that makes no sense is its handler's business."""
        body = call.read_json()
        body = body if isinstance(body, dict) else {}
        ident = body.get("node_ident") or body.get("node_uuid")
        target = NO_ONES
        if isinstance(ident, str):
            with suppress(ControllerError):
                target = seen_node(call, ident)
        require(call.principal, self.rule, target)


@dataclass(frozen=True, slots=True)
class Lists:
    """The rules of a list, which shows everything, or what is the project's (``limits.py``)."""

    resource: Resource
    parent: Resource | None = None
    """Whose item the path names: one that belongs to a node."""
    is_below_node: bool = False
    """The path names a node."""

    @property
    def rules(self) -> tuple[str, ...]:
        """Everything, or what is the project's."""
        return (f"{self.resource.rules}:list_all", f"{self.resource.rules}:list")

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for one of them; what it is below must be seen."""
        if self.is_below_node:
            seen_node(call, parameters["ident"])
        if self.parent is not None:
            seen_item(call, self.parent, parameters["ident"])
        project_of(call, self.resource)


def seen_node(call: Call, ident: str) -> Target:
    """Return whose a node is.

    Raises:
        NotFound: It is not there, or the principal may not see it.
        Invalid: That is no name of a node.
    """
    with call.services.store.read() as session:
        return target_of(see_node(call, session, ident))


def seen_item(call: Call, resource: Resource, ident: str) -> Target:
    """Return whose the node of an item is.

    Raises:
        NotFound: It is not there, or the principal may not see the node.
        Invalid: That is no name of such an item.
    """
    with call.services.store.read() as session:
        node = _node_of(session, resource, ident)
    if node is None or not sees(call, node):
        raise missing(resource, ident)
    call.decided.add(mark_of(node))
    return target_of(node)


def _node_of(session: Session, resource: Resource, ident: str) -> Any:
    """Return UUID, owner and lessee of an item's node; ``None`` = there is no such item."""
    query = select(Node.uuid, Node.owner, Node.lessee)
    query = query.join(resource.table, resource.table.node_id == Node.id)
    return session.execute(query.where(is_item(resource, ident))).one_or_none()
