"""One request from head to answer: who asks, whether they may, what is there, and what becomes of it."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.lab.redfish.answers import Answer, Document, RefusedError, error
from tests.lab.redfish.desk import Desk
from tests.lab.redfish.documents import services
from tests.lab.redfish.documents.names import ROOT, check_ids, missing, seen_from
from tests.lab.redfish.documents.services import PRIVILEGES
from tests.lab.redfish.metadata import metadata
from tests.lab.redfish.orders import hardware
from tests.lab.redfish.orders.people import account_of
from tests.lab.redfish.query import answer_query, etag
from tests.lab.redfish.resources import RESOURCES, Resource, find
from tests.lab.redfish.state import Account, View

OPEN = frozenset({"/redfish", ROOT, f"{ROOT}/odata", f"{ROOT}/$metadata"})
"""What everybody may read (DSP0266 13.3.1)."""
_SESSIONS = f"{ROOT}/SessionService/Sessions"
_PUSH = f"{ROOT}/UpdateService/update"
_MOST_BODY_BYTES = 1 << 20
_STREAM_KINDS = frozenset({"text/event-stream", "text/*", "*/*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; ``path`` without a slash at its end, header names in lower case."""

    method: str
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    file: bytes | None = None
    """The part UpdateFile of a multipart push."""
    targets: tuple[str, ...] = ()
    """What the part UpdateParameters says the file is for."""


def respond(desk: Desk, request: Request) -> Answer:
    """Return the answer to one request; refusals are answers too."""
    try:
        return _respond(desk, request)
    except RefusedError as refused:
        headers = {}
        if refused.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Redfish"'
        return Answer(status=refused.status, body=refused.document, headers=headers)


def _respond(desk: Desk, request: Request) -> Answer:
    if request.headers.get("odata-version", "4.0") != "4.0":
        raise RefusedError(412, "PreconditionFailed")
    if request.method == "POST":  # a collection's Members are the collection
        request = replace(request, path=request.path.removesuffix("/Members"))
    view = desk.view()
    if not (request.path in OPEN or (request.path, request.method) == (_SESSIONS, "POST")):
        account = _who_asks(desk, view, request)
        if view.faults.wants_new_password and request.method != "DELETE":
            where = f"{ROOT}/AccountService/Accounts/{account.name}"
            raise RefusedError(403, "PasswordChangeRequired", where)
    else:
        account = None
    if special := _not_a_resource(desk, view, request, account):
        return special
    found = find(request.path, without_optional=view.faults.without_optional)
    if found is None:
        raise missing(request.path)
    resource, ids = found
    view = seen_from(view, ids)
    if request.method not in resource.allowed:
        return Answer(
            status=405,
            body=error("OperationNotAllowed"),
            headers={"Allow": ", ".join(resource.allowed)},
        )
    if request.method in {"GET", "HEAD"}:
        return _show(view, resource, ids, request)
    return _order(desk, view, resource, ids, request, account)


def _not_a_resource(
    desk: Desk, view: View, request: Request, account: Account | None
) -> Answer | None:
    """Answer what is asked of addresses that are no resources; ``None`` = it is none of them."""
    match request.path:
        case "/redfish":
            return _read_only(request, Answer(body=services.versions(view, {})))
        case path if path == f"{ROOT}/$metadata":
            return _read_only(request, Answer(text=_metadata(view)))
        case path if path.startswith(_PUSH) and request.method == "POST":
            _check_privilege(account, "ConfigureComponents")
            return _push(desk, request)
        case services.STREAM if not view.faults.without_optional:
            return _stream(desk, request)
        case _:
            return None


def _read_only(request: Request, answer: Answer) -> Answer:
    if request.method in {"GET", "HEAD"}:
        return replace(answer, headers={"Allow": "GET, HEAD"})
    return Answer(status=405, body=error("OperationNotAllowed"), headers={"Allow": "GET, HEAD"})


def _who_asks(desk: Desk, view: View, request: Request) -> Account:
    """Return whose request it is, by token or by password.

    Raises:
        RefusedError: 401.
    """
    token = request.headers.get("x-auth-token")
    accounts = {account.name: account for account in view.state.accounts if account.enabled}
    if token is not None:
        for session in view.state.sessions:
            known = session.token == token and session.username in accounts
            if known and desk.touch(session, view.state.session_timeout_s):
                return accounts[session.username]
        raise RefusedError(401, "NoValidSession")
    kind, _, words = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        raise RefusedError(401, "NoValidSession")
    try:
        name, _, password = base64.b64decode(words, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name = password = ""
    account = account_of(view.state, name, password)
    if account is None:
        raise RefusedError(401, "ResourceAtUriUnauthorized", request.path, "invalid credentials")
    return account


def _check_privilege(account: Account | None, privilege: str) -> None:
    if account is not None and privilege not in PRIVILEGES[account.role]:
        raise RefusedError(403, "InsufficientPrivilege")


def _show(view: View, resource: Resource, ids: dict[str, str], request: Request) -> Answer:
    if resource.show is None:
        raise missing(request.path)
    document = resource.show(view, ids)
    headers = {"Allow": ", ".join(resource.allowed)}
    if resource.path.startswith("/TaskService/TaskMonitors"):
        return _monitored(view, ids, document, request.path)
    if not view.faults.without_optional:
        headers["ETag"] = etag(document)
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Answer(status=304, headers=headers)
        if resource.patch:
            document = document | {"@odata.etag": headers["ETag"]}
    shown = answer_query(document, request.parameters, request.path, lambda path: _look(view, path))
    return Answer(body=shown, headers=headers)


def _monitored(view: View, ids: dict[str, str], document: Document, path: str) -> Answer:
    """Answer a task monitor: 202 while the task runs, then how it ended (DSP0266 12.2)."""
    task = next(task for task in view.state.tasks if task.id == ids["id"])
    if not task.done:
        return Answer(status=202, body=document, headers={"Location": path, "Retry-After": "1"})
    if task.failure:
        return Answer(status=500, body=error("GeneralError"))
    return Answer(body=document)


def _look(view: View, path: str) -> Document | None:
    found = find(path, without_optional=view.faults.without_optional)
    if found is None or found[0].show is None:
        return None
    try:
        return found[0].show(seen_from(view, found[1]), found[1])
    except RefusedError:
        return None


def _order(
    desk: Desk,
    view: View,
    resource: Resource,
    ids: dict[str, str],
    request: Request,
    account: Account | None,
) -> Answer:
    order = resource.order(request.method)
    if order is None:
        raise missing(request.path)
    own = account is not None and account.name == ids.get("id") and request.method == "PATCH"
    _check_privilege(account, "ConfigureSelf" if own else resource.privilege)
    check_ids(view, ids)
    if desk.faults.bare_400:
        return Answer(status=400)
    if resource.show and not view.faults.without_optional:
        current = etag(resource.show(view, ids))
        if request.headers.get("if-match", "*") not in {"*", current}:
            raise RefusedError(412, "PreconditionFailed")
    answer = order(desk, view, ids, _document(request))
    if resource.patch and request.method == "PATCH" and answer.body and resource.show:
        tag = etag(resource.show(desk.view(view.number), ids))
        return replace(answer, headers={**answer.headers, "ETag": tag})
    return answer


def _document(request: Request) -> Document:
    """Return the body of a request as an object.

    Raises:
        RefusedError: 400: it is no JSON object; 413: it is too large.
    """
    if len(request.body) > _MOST_BODY_BYTES:
        raise RefusedError(413, "GeneralError")
    if not request.body:
        return {}
    try:
        document = json.loads(request.body)
    except ValueError:
        raise RefusedError(400, "MalformedJSON") from None
    if not isinstance(document, dict):
        raise RefusedError(400, "MalformedJSON")
    return document


def _push(desk: Desk, request: Request) -> Answer:
    """Take a firmware image that is pushed, as the whole body or as a part of it."""
    image = request.body if request.path == _PUSH else request.file
    if not image:
        raise RefusedError(400, "PropertyMissing", "UpdateFile")
    if desk.faults.bare_400:
        return Answer(status=400)
    told = {"Targets": request.targets} if request.targets else {}
    return hardware.update(desk, image, request.targets, payload=json.dumps(told))


def _stream(desk: Desk, request: Request) -> Answer:
    """Open a stream of events (DSP0266 13.5.3).

    Raises:
        RefusedError: 405, 406: the client takes no events; 400: it filters; 503: there are enough streams.
    """
    if request.method != "GET":
        return Answer(status=405, body=error("OperationNotAllowed"), headers={"Allow": "GET"})
    kinds = {
        kind.partition(";")[0].strip() for kind in request.headers.get("accept", "*/*").split(",")
    }
    if not kinds & _STREAM_KINDS:
        raise RefusedError(406, "HeaderInvalid", "Accept")
    if request.parameters:
        raise RefusedError(400, "QueryNotSupported")
    stream = desk.open_stream()
    if stream is None:
        raise RefusedError(503, "EventSubscriptionLimitExceeded")
    return Answer(stream=stream)


def _metadata(view: View) -> str:
    types: dict[str, None] = {}
    for resource in RESOURCES:
        if resource.show and "{id}" not in resource.path and "{slot}" not in resource.path:
            document = _look(view, f"{ROOT}{resource.path}")
            if document and "@odata.type" in document:
                types[document["@odata.type"]] = None
    return metadata(types)
