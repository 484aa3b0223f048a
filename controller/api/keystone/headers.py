"""What Keystone's middleware says of a request, and who that is; pure.

The headers are those of ``keystonemiddleware.auth_token``; Ironic reads the same ones (``oslo_context``, ``from_environ``).
"""

from collections.abc import Mapping
from contextlib import suppress

from controller.api.access.principal import Principal, Role

CONFIRMED = "Confirmed"
_STATUS, _ROLES = "HTTP_X_IDENTITY_STATUS", "HTTP_X_ROLES"
_USER, _USER_ID = "HTTP_X_USER_NAME", "HTTP_X_USER_ID"
_PROJECT, _SYSTEM = "HTTP_X_PROJECT_ID", "HTTP_OPENSTACK_SYSTEM_SCOPE"
_WHOLE_SYSTEM = "all"


def principal_of(environ: Mapping[str, object]) -> Principal | None:
    """Return who a WSGI environment says asks; ``None`` = the middleware has confirmed nobody.

    Roles of other names than Ironic's policies have give nothing; large and small letters are the same, as for oslo.policy.
    A token without a project and not for the system, or for a domain, is in no project.
    """
    if environ.get(_STATUS) != CONFIRMED:
        return None
    return Principal(
        user=_text(environ, _USER) or _text(environ, _USER_ID),
        project=_text(environ, _PROJECT),
        roles=_roles(_text(environ, _ROLES) or ""),
        is_system=_text(environ, _SYSTEM) == _WHOLE_SYSTEM,
    )


def _text(environ: Mapping[str, object], name: str) -> str | None:
    """Return a header's text; WSGI has bytes of UTF-8 as characters of Latin-1."""
    value = environ.get(name)
    if not isinstance(value, str) or not value.strip():
        return None
    with suppress(UnicodeError):
        value = value.encode("latin-1").decode()
    return value.strip()


def _roles(names: str) -> frozenset[Role]:
    words = {name.strip().lower() for name in names.split(",")}
    return frozenset(role for role in Role if role.value in words)
