"""To whom a rule gives something: a role, and where it must hold. Pure; the sets are Ironic's (``common/policy.py``), by its names."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from controller.api.access.principal import Principal, Role


class Where(StrEnum):
    """Where a role must hold."""

    SYSTEM = "system"
    """In the whole system."""
    OWNER = "owner"
    """In the project that owns the node, the allocation or the runbook."""
    LESSEE = "lessee"
    """In the project that has leased the node."""
    ANYWHERE = "anywhere"


class Grant(NamedTuple):
    """One role at one place."""

    role: Role
    where: Where


Grants = frozenset[Grant]


@dataclass(frozen=True, slots=True)
class Target:
    """Whose the thing is that a rule is asked about."""

    owner: str | None = None
    lessee: str | None = None


NO_ONES = Target()


def allows(grants: Collection[Grant], principal: Principal, target: Target = NO_ONES) -> bool:
    """Say whether a principal has one of the grants for a target.

    A thing without an owner is in nobody's project (in Ironic a login in no project at all counts as its owner).
    """
    if principal.is_unrestricted:
        return True
    return any(
        grant.role in principal.roles and _holds(grant.where, principal, target) for grant in grants
    )


def _holds(where: Where, principal: Principal, target: Target) -> bool:
    match where:
        case Where.ANYWHERE:
            return True
        case Where.SYSTEM:
            return principal.is_system
        case Where.OWNER:
            return principal.project is not None and principal.project == target.owner
        case Where.LESSEE:
            return principal.project is not None and principal.project == target.lessee


def words(grants: Collection[Grant]) -> str:
    """Return to whom the grants give something, in words."""
    roles: dict[str, list[str]] = {}
    for grant in sorted(grants):
        roles.setdefault(grant.where, []).append(grant.role)
    texts = {
        Where.SYSTEM: "{} of the system",
        Where.OWNER: "{} of the owner's project",
        Where.LESSEE: "{} of the lessee's project",
        Where.ANYWHERE: "{} of the system or any project",
    }
    parts = [texts[Where(where)].format("/".join(found)) for where, found in roles.items()]
    return ", ".join(parts)


def _at(where: Where, *roles: Role) -> Grants:
    return frozenset(Grant(role, where) for role in roles)


_ADMIN, _MANAGER, _MEMBER = Role.ADMIN, Role.MANAGER, Role.MEMBER
_READER, _SERVICE = Role.READER, Role.SERVICE

SYSTEM_ADMIN = _at(Where.SYSTEM, _ADMIN)
SYSTEM_MEMBER = _at(Where.SYSTEM, _MEMBER)
SYSTEM_READER = _at(Where.SYSTEM, _READER, _SERVICE)
API_READER = _at(Where.ANYWHERE, _READER, _SERVICE)

_SERVICES = _at(Where.SYSTEM, _SERVICE) | _at(Where.OWNER, _SERVICE)
_TENANT_MEMBER = _at(Where.OWNER, _MEMBER) | _at(Where.LESSEE, _MEMBER)
_TENANT_READER = _at(Where.OWNER, _READER) | _at(Where.LESSEE, _READER)
_OWNER_ADMIN = _at(Where.OWNER, _ADMIN, _MANAGER)
_LESSEE_ADMIN = _at(Where.LESSEE, _ADMIN, _MANAGER)

OWNER_ADMIN_ONLY = _at(Where.OWNER, _ADMIN)
NODE_CREATOR = _at(Where.SYSTEM, _ADMIN, _SERVICE)
OWN_NODE_CREATOR = _at(Where.ANYWHERE, _ADMIN, _SERVICE)
SYSTEM_OR_PROJECT_MEMBER = SYSTEM_MEMBER | _TENANT_MEMBER | _at(Where.SYSTEM, _SERVICE)
SYSTEM_OR_PROJECT_READER = SYSTEM_READER | _TENANT_READER | _at(Where.OWNER, _SERVICE)
SYSTEM_OR_OWNER_READER = SYSTEM_READER | _SERVICES | _at(Where.OWNER, _READER)
SYSTEM_OR_OWNER_MEMBER = SYSTEM_MEMBER | _SERVICES | _at(Where.OWNER, _MEMBER)
SYSTEM_MEMBER_OR_OWNER_ADMIN = SYSTEM_MEMBER | _SERVICES | _OWNER_ADMIN
SYSTEM_ADMIN_OR_OWNER_ADMIN = SYSTEM_ADMIN | _SERVICES | _OWNER_ADMIN
OWNER_MEMBER_AND_LESSEE_ADMIN = SYSTEM_OR_OWNER_MEMBER | _LESSEE_ADMIN
OWNER_AND_LESSEE_ADMIN = SYSTEM_MEMBER_OR_OWNER_ADMIN | _LESSEE_ADMIN
TARGET_PROPERTIES_READER = SYSTEM_READER | _at(Where.ANYWHERE, _ADMIN)
ALLOCATION_CREATOR = SYSTEM_MEMBER | _at(Where.ANYWHERE, _MEMBER)
ALLOCATION_MEMBER = SYSTEM_MEMBER | _at(Where.OWNER, _MEMBER)
ALLOCATION_READER = SYSTEM_READER | _at(Where.OWNER, _READER)
RUNBOOK_CREATOR = SYSTEM_MEMBER | _at(Where.ANYWHERE, _MANAGER, _SERVICE)
RUNBOOK_ADMIN = SYSTEM_MEMBER | _at(Where.OWNER, _MANAGER) | _at(Where.ANYWHERE, _SERVICE)
RUNBOOK_READER = SYSTEM_READER | _at(Where.OWNER, _READER) | _at(Where.ANYWHERE, _SERVICE)
