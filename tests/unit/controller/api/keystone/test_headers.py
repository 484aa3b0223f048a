import pytest

from controller.api.access.principal import Principal, Role
from controller.api.keystone.headers import principal_of

CONFIRMED: dict[str, str | None] = {"HTTP_X_IDENTITY_STATUS": "Confirmed"}
TOM = {"HTTP_X_USER_NAME": "tom", "HTTP_X_USER_ID": "u-1", "HTTP_X_PROJECT_ID": "p-1"}


@pytest.mark.parametrize(
    ("headers", "principal"),
    [
        (
            {**TOM, "HTTP_X_ROLES": "member,reader"},
            Principal(user="tom", project="p-1", roles=frozenset({Role.MEMBER, Role.READER})),
        ),
        (
            {"HTTP_X_USER_ID": "u-1", "HTTP_X_ROLES": "Admin, gardener ,"},
            Principal(user="u-1", roles=frozenset({Role.ADMIN})),
        ),
        (
            {
                "HTTP_X_USER_NAME": "root",
                "HTTP_X_ROLES": "admin",
                "HTTP_OPENSTACK_SYSTEM_SCOPE": "all",
            },
            Principal(user="root", roles=frozenset({Role.ADMIN}), is_system=True),
        ),
        (
            {**TOM, "HTTP_X_ROLES": "service", "HTTP_OPENSTACK_SYSTEM_SCOPE": "region-1"},
            Principal(user="tom", project="p-1", roles=frozenset({Role.SERVICE})),
        ),
        ({**TOM, "HTTP_X_ROLES": None}, Principal(user="tom", project="p-1")),
        ({"HTTP_X_USER_NAME": "J\u00c3\u00b6rg"}, Principal(user="J\u00f6rg")),
    ],
    ids=["member", "id and odd roles", "system", "no whole system", "no role", "UTF-8"],
)
def test_a_confirmed_token_says_who_asks(
    headers: dict[str, str | None], principal: Principal
) -> None:
    assert principal_of(CONFIRMED | headers) == principal


@pytest.mark.parametrize("status", [None, "Invalid", "confirmed", ""])
def test_nobody_asks_whom_the_middleware_has_not_confirmed(status: str | None) -> None:
    assert principal_of({**TOM, "HTTP_X_ROLES": "admin", "HTTP_X_IDENTITY_STATUS": status}) is None
