"""Takes the heartbeats of agents.

Source: Ironic's ``/v1/heartbeat``. Anybody can send one, so what costs little comes first (the caller has bounded every
field), nothing is parsed in a transaction, and without the right token nobody learns whether there is such a node.
"""

import logging
import secrets
import ssl
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.orm import Session

from agent.protocol.lookup import ENDS, Heartbeat
from controller.boot.machines import leases_of
from controller.errors import Invalid, NotFound
from controller.settings import Settings
from controller.states import State
from controller.store.claims import make_workflow_due
from controller.store.events import record_event
from controller.store.nodes import read_node
from controller.store.tables import NODE_TABLE, Node
from controller.workflow.agent_view import iso_time
from controller.workflow.machine import ENDED_AT, HEARD_AT
from controller.workflow.node_secrets import secrets_of
from controller.workflow.ramdisk import MAY_LOOK_UP, refuse
from controller.workflow.senders import callback_problem, lease_problem
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_MAY_HEARTBEAT = MAY_LOOK_UP | {
    State.ENROLL,
    State.MANAGEABLE,
    State.AVAILABLE,
    State.SERVICING,
}
_COLUMNS = (
    "id",
    "uuid",
    "name",
    "provision_state",
    "agent_secret",
    "driver_internal_info",
)
_IS_IT = NODE_TABLE.c.id == bindparam("node_id")
_LOCKED = select(*(NODE_TABLE.c[name] for name in _COLUMNS)).where(_IS_IT).with_for_update()
_STORE = update(NODE_TABLE).where(_IS_IT).values(driver_internal_info=bindparam("info"))
_WRONG_TOKEN = "Invalid or missing agent token received."  # noqa: S105  # Ironic's words


def heartbeat(services: Services, ident: str, beat: Heartbeat, sender: str) -> None:
    """Take an agent's heartbeat and make the node due.

    Args:
        services: The controller's parts.
        ident: UUID or name of the node.
        beat: What the agent says; every field is bounded.
        sender: The address that the request came from.

    Raises:
        Invalid: A malformed URL, no TLS, a certificate that is none, another URL or sender than the node's; or the token is not
            the node's, which is also said of nodes that do not exist.
    """
    problem = _form_problem(beat, sender, services.settings)
    with services.store.look() as connection:
        node = _read(connection, ident)
        leases = leases_of(connection, node.id, services.clock()) if node else {}
    if node is None or not _is_token(node, beat):
        text = problem or _WRONG_TOKEN
        if node is not None:
            refuse(services, node, "heartbeat refused", text)
        raise Invalid(text)
    known_url = node.driver_internal_info.get("agent_url")
    problem = problem or lease_problem(sender, leases, services.settings.sender_check)
    if not problem and known_url not in {None, beat.callback_url}:
        problem = "callback_url is not the one of this boot's first heartbeat"
    known_ca = node.driver_internal_info.get("agent_verify_ca")
    if not problem and beat.agent_verify_ca != known_ca and not _is_certificate(beat):
        problem = "agent_verify_ca is no PEM certificate"
    if problem:
        refuse(services, node, "heartbeat refused", problem)
        raise Invalid(problem)
    if _take(services, node.id, beat):
        services.wake()


def _read(connection: Connection, ident: str) -> Row[Any] | None:
    try:
        return read_node(connection, ident, _COLUMNS)
    except NotFound:
        return None


def _form_problem(beat: Heartbeat, sender: str, settings: Settings) -> str | None:
    """Return what is wrong with a heartbeat by itself, whoever it is for; the words are ours alone."""
    checks = (
        (not beat.agent_token, "agent_token is required for heartbeats"),
        (
            beat.agent_status not in {None, "start", "end", "error"},
            "agent_status is none of start, end, error",
        ),
        (not beat.agent_version, "agent_version is missing"),
        (
            settings.agent_require_tls and beat.callback_url.lower().startswith("http:"),
            "TLS is required by configuration (agent_require_tls), but callback_url is not https",
        ),
    )
    found = next((text for applies, text in checks if applies), None)
    return found or callback_problem(beat.callback_url, sender, settings.sender_check)


def _is_token(node: Row[Any], beat: Heartbeat) -> bool:
    given, known = (beat.agent_token or "").encode(), (node.agent_secret or "").encode()
    return bool(known) and secrets.compare_digest(given, known)


def _is_certificate(beat: Heartbeat) -> bool:
    if not beat.agent_verify_ca:
        return True
    try:
        ssl.create_default_context(cadata=beat.agent_verify_ca)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: letters beyond ASCII
        return False
    return True


def _take(services: Services, node_id: int, beat: Heartbeat) -> bool:
    """Store the heartbeat, and return whether somebody is to look at the node now.

    Thousands of agents send one a minute: only the columns that it needs are read, and only what it changes is written.

    Raises:
        Invalid: The token has changed, or another URL was stored, since they were checked.
    """
    with services.store.change() as connection:
        node = connection.execute(_LOCKED, {"node_id": node_id}).one_or_none()
        if node is None or node.provision_state not in _MAY_HEARTBEAT:
            return False
        info = dict(node.driver_internal_info)
        if (
            not _is_token(node, beat)
            or info.get("agent_url", beat.callback_url) != beat.callback_url
        ):
            raise Invalid(_WRONG_TOKEN)
        if beat.agent_version != info.get("agent_version") or "agent_url" not in info:
            info["agent_version"] = _note_first(connection, node_id, info, beat, services.clock())
        info["agent_url"] = beat.callback_url
        info["agent_last_heartbeat"] = iso_time(services.clock())
        info[ENDED_AT if beat.agent_status == ENDS else HEARD_AT] = services.steady()
        if beat.agent_verify_ca:
            info["agent_verify_ca"] = beat.agent_verify_ca
        connection.execute(_STORE, {"node_id": node_id, "info": info})
        return make_workflow_due(connection, node_id, services.steady())


def _note_first(
    connection: Connection, node_id: int, info: Mapping[str, Any], beat: Heartbeat, now: float
) -> str:
    """Note a boot's first heartbeat, or that of another version, and return what is stored of the version: without the node's secrets."""
    with Session(connection) as session:
        node = session.get_one(Node, node_id)
        version = secrets_of(node).text(beat.agent_version or "")
        if "agent_url" not in info:
            text = f"first heartbeat of agent {version} at {beat.callback_url}"
            record_event(session, node, "agent", text, at=now)
            log.info("%s: %s", node.name or node.uuid, text)
    return version
