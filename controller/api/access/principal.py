"""Who calls: a user with roles, in a project or for the whole system. Found once per request by the authentication strategy; pure."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """A role of Keystone's default set, by which Ironic's policies are written."""

    ADMIN = "admin"
    MANAGER = "manager"
    MEMBER = "member"
    READER = "reader"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whose call it is, as far as anybody has asked."""

    user: str | None = None
    """Name, or Keystone's id; ``None`` = nobody has asked."""
    project: str | None = None
    """``project_id`` that the roles hold in; nodes' ``owner`` and ``lessee`` are such ids. ``None`` = in none."""
    roles: frozenset[Role] = frozenset()
    is_system: bool = False
    """The roles hold for the whole system."""
    is_unrestricted: bool = False
    """No policy is asked: everybody of ``noauth``, and users of ``http_basic`` where no roles are set, as in Ironic."""

    @property
    def words(self) -> str:
        """Who it is and as what, for messages."""
        roles = "/".join(sorted(self.roles)) or "without a role"
        place = "of the system" if self.is_system else f"of project {self.project}"
        if not self.is_system and self.project is None:
            place = "in no project"
        return f"{self.user or 'nobody'} ({roles} {place})"


NOBODY = Principal()
"""Who asks for what is public; no rule is for them."""
EVERYBODY = Principal(is_unrestricted=True)
"""Who calls where nobody has to log in."""
