"""The checks of requests about allocations and runbooks, which belong to projects themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from controller.api.access.asking import may, require
from controller.api.access.checks import Parameters, seen_node
from controller.api.access.sight import see_runbook, target_of
from controller.api.call import Call
from controller.errors import Invalid, NotFound
from controller.store.allocations import allocation_of, get_allocation, no_allocation
from controller.store.nodes import get_node
from controller.store.tables import Node

_ALLOCATION, _RUNBOOK = "baremetal:allocation", "baremetal:runbook"
_RESTRICTED = f"{_ALLOCATION}:create_restricted"
_MOST_CANDIDATES = 10_000
"""``resources/allocations.py`` refuses longer lists."""


@dataclass(frozen=True, slots=True)
class OnAllocation:
    """A rule about the allocation that the path names."""

    rule: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for it, if the principal sees the allocation."""
        ident = parameters["ident"]
        with call.services.store.read() as session:
            target = target_of(get_allocation(session, ident))
        if not may(call.principal, f"{_ALLOCATION}:get", target):
            raise no_allocation(ident)
        require(call.principal, self.rule, target)


@dataclass(frozen=True, slots=True)
class OnAllocationOfNode:
    """A rule about the allocation of the node that the path names."""

    rule: str

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for it, if the principal sees the node; that there is none is the handler's business."""
        ident = parameters["ident"]
        seen_node(call, ident)
        with call.services.store.read() as session:
            found = allocation_of(session, get_node(session, ident).id)
            target = None if found is None else target_of(found)
        if target is not None:
            require(call.principal, self.rule, target)


@dataclass(frozen=True, slots=True)
class AllocationCreation:
    """In the own project's name, or in any; with nodes that the principal sees."""

    rules: tuple[str, ...] = (f"{_ALLOCATION}:create", _RESTRICTED)

    def check(self, call: Call, parameters: Parameters) -> None:  # noqa: ARG002  # as all checks
        """Ask for it, and refuse another's name and hidden nodes."""
        principal = call.principal
        require(principal, f"{_ALLOCATION}:create")
        body = call.read_json()
        body = body if isinstance(body, dict) else {}
        owner = body.get("owner")
        if owner and not principal.is_system and owner != principal.project:
            require(principal, _RESTRICTED)
        if isinstance(body.get("node"), str):
            _require_seen(call, body["node"])
        if not may(principal, _RESTRICTED):
            _require_own(call, body.get("candidate_nodes"))


@dataclass(frozen=True, slots=True)
class OnRunbook:
    """A rule about the runbook that the path names; who may only see sees what is public, too."""

    rule: str
    is_public_enough: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The one."""
        return (self.rule,)

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for it."""
        with call.services.store.read() as session:
            row = see_runbook(call, session, parameters["ident"])
        if not (self.is_public_enough and row.public):
            require(call.principal, self.rule, target_of(row))


@dataclass(frozen=True, slots=True)
class RunbookCreation:
    """Of the own project and not public, unless the principal is of the system."""

    rules: tuple[str, ...] = (f"{_RUNBOOK}:create",)

    def check(self, call: Call, parameters: Parameters) -> None:  # noqa: ARG002  # as all checks
        """Ask for it, and refuse another owner; without one, ``owner_of_new`` gives one."""
        principal = call.principal
        require(principal, f"{_RUNBOOK}:create")
        body = call.read_json()
        if principal.is_system or not isinstance(body, dict):
            return
        if body.get("owner") and body["owner"] != principal.project:
            raise Invalid(f"{principal.words} can only create runbooks of that project")
        if body.get("public"):
            raise Invalid(f"{principal.words} cannot create a public runbook")


@dataclass(frozen=True, slots=True)
class RunbookPatch:
    """The rules of all fields that the patch names."""

    rules: tuple[str, ...] = tuple(
        f"{_RUNBOOK}:{what}" for what in ("update", "update:owner", "update:public")
    )

    def check(self, call: Call, parameters: Parameters) -> None:
        """Ask for each."""
        with call.services.store.read() as session:
            target = target_of(see_runbook(call, session, parameters["ident"]))
        document = call.read_json()
        operations = document if isinstance(document, list) else []
        rules = {_patch_rule(one) for one in operations if isinstance(one, dict)}
        for rule in sorted(rules) or [f"{_RUNBOOK}:update"]:
            require(call.principal, rule, target)


def _patch_rule(operation: Mapping[str, Any]) -> str:
    name = str(operation.get("path")).strip("/").partition("/")[0]
    return f"{_RUNBOOK}:update:{name}" if name in {"owner", "public"} else f"{_RUNBOOK}:update"


def _require_seen(call: Call, ident: str) -> None:
    try:
        seen_node(call, ident)
    except NotFound as error:  # it is the body that names what is not there
        raise Invalid(str(error)) from error


def _require_own(call: Call, candidates: Any) -> None:
    """Refuse candidates that are not the project's: for it they are not there."""
    wanted = [one for one in candidates if isinstance(one, str)] if _is_list(candidates) else []
    if not wanted:
        return
    project = call.principal.project
    is_own = (Node.owner == project) | (Node.lessee == project)
    is_named = Node.uuid.in_([one.lower() for one in wanted]) | Node.name.in_(wanted)
    with call.services.store.read() as session:
        rows = session.execute(select(Node.uuid, Node.name).where(is_own, is_named)).all()
    known = {one for row in rows for one in row}
    if hidden := [one for one in wanted if one not in known and one.lower() not in known]:
        raise Invalid(f"Nodes cannot be found: {', '.join(hidden)[:1000]}")


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_CANDIDATES
