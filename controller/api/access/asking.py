"""The question itself: may this principal do that? A no says which role is missing."""

from controller.api.access.grants import NO_ONES, Target, allows, words
from controller.api.access.policy import RULES
from controller.api.access.principal import Principal
from controller.errors import Forbidden


def may(principal: Principal, rule: str, target: Target = NO_ONES) -> bool:
    """Say whether a principal may do what the rule of this name is about."""
    return principal.is_unrestricted or allows(RULES[rule].grants, principal, target)


def require(principal: Principal, rule: str, target: Target = NO_ONES) -> None:
    """Refuse what a principal may not do.

    Raises:
        Forbidden: Says who asks, what is refused, and which role it needs.
    """
    if may(principal, rule, target):
        return
    wanted = RULES[rule]
    raise Forbidden(
        f"{principal.words} may not {wanted.what}: {rule} needs one of these roles: {words(wanted.grants)}"
    )


def listed_project(principal: Principal, kind: str, asked: str | None = None) -> str | None:
    """Return the project to whose rows a list is limited; ``None`` = it shows all.

    Args:
        principal: Who asks.
        kind: What the list's rules begin with: ``baremetal:node``.
        asked: The project that the request itself asks for.

    Raises:
        Forbidden: The principal may list nothing, or not what belongs to another project.
    """
    if may(principal, f"{kind}:list_all"):
        return None
    if principal.project is None or (asked and asked != principal.project):
        require(principal, f"{kind}:list_all")
    require(principal, f"{kind}:list")
    return principal.project
