# ruff: noqa: INP001  # docs is no package
"""The page of the policies, made from the table of rules and the table of guarded routes."""

from collections import defaultdict

from controller.api.access.grants import words
from controller.api.access.guarded import check_of
from controller.api.access.policy import TABLE
from controller.api.roles_file import ROLE_WORDS
from controller.api.routes import ROUTES

_INTRODUCTION = """# Who may do what

Made by `docs/generate.py` from `controller/api/access/policy.py` and `controller/api/access/guarded.py`; do not edit.
How to give rights: [Give colleagues only some rights](../how-to/give-colleagues-some-rights.md).

The rules are Ironic's ("secure RBAC"), under Ironic's names; those with `ingot:` are ours. They are asked where a login has roles:
`auth_strategy = "keystone"`, or `"http_basic"` with `roles_file`. Without them everybody who gets in may do everything.

A role holds for the whole **system**, or in a **project**. A node belongs to the project that is its `owner`, and can be leased to
another (`lessee`); what belongs to a node (ports, port groups, volumes, history, ...) follows it. Allocations and runbooks have an `owner` of
their own. A node that a login may not see is not there for it (404); what it sees and may not do is refused (403, with the missing role).

In `roles_file` a role brings those below it:

| word | roles |
| --- | --- |
{roles}

Everybody may ask, without a login: `GET /`, `/v1`, `/healthcheck`, and what booting machines ask for (`/v1/lookup`, `/v1/heartbeat`,
`/v1/continue_inspection`, `/boot/`, `/images/`). `GET /openapi.json` and the web page need a login and no role.

| rule | who | may | asked by |
| --- | --- | --- | --- |
"""


def policies_page() -> str:
    """Return the page."""
    asked = defaultdict(list)
    for route in ROUTES:
        for rule in check_of(route).rules:
            asked[rule].append(f"`{route.method} {route.path.removeprefix('/v1')}`")
    rows = [
        f"| `{rule.name}` | {words(rule.grants)} | {rule.what} | {_shown(asked[rule.name])} |"
        for rule in TABLE
    ]
    roles = [f"| `{word}` | {', '.join(sorted(found))} |" for word, found in ROLE_WORDS.items()]
    return _INTRODUCTION.format(roles="\n".join(roles)) + "\n".join(rows) + "\n"


def _shown(routes: list[str]) -> str:
    return "<br>".join(routes) or "fields of documents, or changes of them"
