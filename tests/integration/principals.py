"""Every kind of principal, as both servers know it: a user with roles here, Keystone's headers there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.basic_users import as_user, write_users
from tests.integration.beside_ironic import Beside, beside_ironic

OWNER, LESSEE, FOREIGN = "p-owner", "p-lessee", "p-foreign"
_CHAIN = ("admin", "manager", "member", "reader")
_PROGRAM = Path(__file__).with_name("ironic_with_roles.py")


@dataclass(frozen=True, slots=True)
class Who:
    """A role in a project, or of the system (``""``)."""

    role: str
    project: str

    @property
    def name(self) -> str:
        return f"{self.role}-{self.project or 'system'}"

    @property
    def line(self) -> str:
        """The user's line in our file of roles."""
        return ":".join(part for part in (self.name, self.role, self.project) if part)

    @property
    def headers(self) -> dict[str, str]:
        """Headers for both servers; each looks at its own."""
        roles = _CHAIN[_CHAIN.index(self.role) :] if self.role in _CHAIN else (self.role,)
        place = (
            {"X-Project-Id": self.project, "X-Project-Name": self.project}
            if self.project
            else {"OpenStack-System-Scope": "all"}
        )
        return {**as_user(self.name), "X-User-Id": self.name, "X-Roles": ",".join(roles), **place}


ADMIN = Who("admin", "")
# A manager of the system is left out: in Ironic a login without a project counts as the owner of what nobody owns.
EVERYONE = (
    *(Who(role, "") for role in ("admin", "member", "reader", "service")),
    *(
        Who(role, project)
        for project in (OWNER, LESSEE, FOREIGN)
        for role in ("admin", "manager", "member", "reader", "service")
    ),
)


@contextmanager
def with_principals(folder: Path) -> Iterator[Beside]:
    """Start both servers with everyone's logins; requests are the system's administrator's unless they say something else."""
    users = write_users(folder, [who.name for who in EVERYONE])
    roles = folder / "roles"
    roles.write_text("".join(f"{who.line}\n" for who in EVERYONE))
    with beside_ironic(
        folder,
        program=_PROGRAM,
        auth="keystone",
        auth_strategy="http_basic",
        htpasswd_file=str(users),
        roles_file=str(roles),
    ) as beside:
        beside.headers = ADMIN.headers
        yield beside
