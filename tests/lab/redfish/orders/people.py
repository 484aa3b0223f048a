"""Who may come in: sessions, accounts; and who is told of events: subscriptions."""

from dataclasses import replace
from urllib.parse import urlsplit

from tests.lab.redfish.answers import NO_CONTENT, Answer, Document, RefusedError
from tests.lab.redfish.desk import Desk, clock_text, new_token
from tests.lab.redfish.documents import services
from tests.lab.redfish.documents.names import ROOT, Ids, found
from tests.lab.redfish.orders.bodies import check_listed, check_type, parameter, writable_part
from tests.lab.redfish.state import ROLES, Account, Session, State, Subscription, View

_MOST_SESSIONS = 32
_PASSWORD_CHARACTERS = (8, 64)


def log_in(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Open a session: its token is in X-Auth-Token (DSP0266 13.3.4)."""
    name, password = (required(body, key) for key in ("UserName", "Password"))
    if account_of(view.state, name, password) is None:
        raise RefusedError(
            desk.faults.wrong_login,
            "ResourceAtUriUnauthorized",
            f"{ROOT}/SessionService/Sessions",
            "invalid credentials",
        )
    if len(view.state.sessions) >= _MOST_SESSIONS:
        raise RefusedError(503, "SessionLimitExceeded")
    session = Session(id=desk.new_id(), token=new_token(), username=name)
    desk.change(lambda state: replace(state, sessions=(*state.sessions, session)))
    body = services.session(desk.view(), {"id": session.id})
    headers = {"X-Auth-Token": session.token, "Location": body["@odata.id"]}
    return Answer(status=201, body=body, headers=headers)


def log_out(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """End a session."""
    found({s.id: s for s in view.state.sessions}, ids["id"])
    desk.change(
        lambda state: replace(state, sessions=tuple(s for s in state.sessions if s.id != ids["id"]))
    )
    return NO_CONTENT


def change_session_service(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Change how long an idle session lives."""
    wanted, notes = writable_part(
        body, {"SessionTimeout": int}, services.session_service(view, ids)
    )
    if not 30 <= wanted["SessionTimeout"] <= 86400:
        raise RefusedError(
            400, "PropertyValueNotInList", wanted["SessionTimeout"], "SessionTimeout"
        )
    desk.change_fields(session_timeout_s=wanted["SessionTimeout"])
    return Answer(body=services.session_service(desk.view(), ids) | notes)


def account_of(state: State, name: str, password: str) -> Account | None:
    """Return the account that may log in with this password."""
    for account in state.accounts:
        if account.name == name and account.password == password and account.enabled:
            return account
    return None


def make_account(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Make a user; the name is the identifier."""
    name, password, role = (required(body, key) for key in ("UserName", "Password", "RoleId"))
    check_listed("RoleId", role, ROLES)
    _check_password(password)
    if any(account.name == name for account in view.state.accounts):
        raise RefusedError(400, "ResourceAlreadyExists")
    enabled = body.get("Enabled", True)
    check_type("Enabled", enabled, bool)
    account = Account(name=name, password=password, role=role, enabled=enabled)
    desk.change(lambda state: replace(state, accounts=(*state.accounts, account)))
    made = services.account(desk.view(), {"id": name})
    desk.tell("ResourceAdded", made["@odata.id"])
    return Answer(status=201, body=made, headers={"Location": made["@odata.id"]})


def change_account(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Change password, role, or whether the user may come in."""
    document = services.account(view, ids)
    wanted, notes = writable_part(body, {"Password": str, "RoleId": str, "Enabled": bool}, document)
    if "RoleId" in wanted:
        check_listed("RoleId", wanted["RoleId"], ROLES)
    if "Password" in wanted:
        _check_password(wanted["Password"])
    names = {"Password": "password", "RoleId": "role", "Enabled": "enabled"}
    fields = {names[name]: value for name, value in wanted.items()}
    desk.change(
        lambda state: replace(
            state,
            accounts=tuple(
                replace(account, **fields) if account.name == ids["id"] else account
                for account in state.accounts
            ),
        )
    )
    changed = services.account(desk.view(), ids)
    desk.tell("ResourceUpdated", changed["@odata.id"])
    return Answer(body=changed | notes)


def remove_account(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Remove a user and their sessions; the first one stays."""
    found({account.name: account for account in view.state.accounts}, ids["id"])
    if ids["id"] == view.state.accounts[0].name:
        raise RefusedError(400, "ResourceCannotBeDeleted")
    desk.change(
        lambda state: replace(
            state,
            accounts=tuple(a for a in state.accounts if a.name != ids["id"]),
            sessions=tuple(s for s in state.sessions if s.username != ids["id"]),
        )
    )
    desk.tell("ResourceRemoved", f"{ROOT}/AccountService/Accounts/{ids['id']}")
    return NO_CONTENT


def subscribe(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Subscribe an HTTP address to events."""
    destination = required(body, "Destination")
    if urlsplit(destination).scheme not in {"http", "https"}:
        raise RefusedError(400, "PropertyValueNotInList", destination, "Destination")
    check_listed("Protocol", body.get("Protocol", "Redfish"), ("Redfish",))
    for name in ("EventTypes", "RegistryPrefixes"):
        check_type(name, body.get(name, []), list)
    for kind in body.get("EventTypes", []):
        check_listed("EventTypes", kind, services.EVENT_TYPES)
    context = body.get("Context") or ""
    check_type("Context", context, str)
    one = Subscription(
        id=desk.new_id(),
        destination=destination,
        context=context,
        event_types=tuple(body.get("EventTypes", ())),
        registry_prefixes=tuple(body.get("RegistryPrefixes", ())),
    )
    desk.change(lambda state: replace(state, subscriptions=(*state.subscriptions, one)))
    made = services.subscription(desk.view(), {"id": one.id})
    return Answer(status=201, body=made, headers={"Location": made["@odata.id"]})


def unsubscribe(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Take a subscription back."""
    found({one.id: one for one in view.state.subscriptions}, ids["id"])
    desk.unsubscribe(ids["id"])
    return NO_CONTENT


def send_test_event(desk: Desk, view: View, ids: Ids, body: Document) -> Answer:
    """Send an event of the wished-for kind to its subscribers."""
    kind = parameter(body, "EventType", str, among=services.EVENT_TYPES) or "Alert"
    message = parameter(body, "Message", str) or "test event"
    desk.send_event(message, state=view.state, severity="OK", created=clock_text(), kind=kind)
    return NO_CONTENT


def required(body: Document, name: str) -> str:
    """Return a property that a new resource must have.

    Raises:
        RefusedError: 400: it is missing or no string.
    """
    if body.get(name) is None:
        raise RefusedError(400, "PropertyMissing", name, related=name)
    check_type(name, body[name], str)
    return str(body[name])


def _check_password(password: str) -> None:
    least, most = _PASSWORD_CHARACTERS
    if not least <= len(password) <= most:
        raise RefusedError(400, "PropertyValueTypeError", "****", "Password", related="Password")
