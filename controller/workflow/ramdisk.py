"""What the ramdisk's agent says: lookup and heartbeat.

Source: Ironic's ``/v1/lookup`` and ``/v1/heartbeat``.
"""

import logging
import re
import secrets
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.protocol.lookup import (
    MASKED_TOKEN,
    Heartbeat,
    LookupConfig,
    LookupNode,
    LookupResponse,
)
from agent.protocol.masking import masked
from controller.errors import Invalid, NotFound
from controller.settings import Settings
from controller.states import State
from controller.store.events import QUIET_S, has_event_since, record_event
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow.agent_view import internal_info, iso_time
from controller.workflow.services import Services

log = logging.getLogger(__name__)

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_MAY_LOOK_UP = frozenset(
    {
        State.DEPLOYING,
        State.DEPLOY_WAIT,
        State.CLEANING,
        State.CLEAN_WAIT,
        State.INSPECTING,
        State.INSPECT_WAIT,
        State.RESCUING,
        State.RESCUE_WAIT,
        State.SERVICE_WAIT,
    }
)
_MAY_HEARTBEAT = _MAY_LOOK_UP | {
    State.ENROLL,
    State.MANAGEABLE,
    State.AVAILABLE,
    State.DEPLOY_HOLD,
    State.CLEAN_HOLD,
    State.SERVICING,
    State.SERVICE_HOLD,
}
NOT_FOUND = "Not Found"
"""The same bare words for an unknown machine and a wrong state: the answer tells a stranger nothing."""


def lookup(
    services: Services, addresses: Sequence[str], node_uuid: str | None, *, give_token: bool
) -> LookupResponse:
    """Tell an agent which node it is on.

    Args:
        services: The controller's parts.
        addresses: MAC addresses that the agent saw.
        node_uuid: The node, if the agent knows it.
        give_token: The agent's microversion knows agent tokens.

    Raises:
        Invalid: Neither a valid address nor a UUID was given.
        NotFound: No node, or not in a state that may look up (the same bare answer for both).
    """
    macs = [
        mac for mac in (address.strip().lower() for address in addresses) if _MAC.fullmatch(mac)
    ]
    if not macs and not node_uuid:
        raise Invalid("lookup needs at least one valid MAC address in addresses, or node_uuid")
    refused = False
    with services.store.edit() as session:
        node = _find(session, macs, node_uuid)
        if node is None:
            log.warning("lookup refused: no node has a port %s", ", ".join(macs) or node_uuid)
            raise NotFound(NOT_FOUND)
        if node.provision_state not in _MAY_LOOK_UP:
            refused = True
            refuse(services, session, node, f"lookup refused in state {node.provision_state}")
        else:
            answer = answer_lookup(services, session, node, node_uuid, give_token=give_token)
    if refused:
        raise NotFound(NOT_FOUND)
    services.wake()
    return answer


def heartbeat(services: Services, ident: str, beat: Heartbeat) -> None:
    """Take an agent's heartbeat and make the node due.

    Raises:
        NotFound: There is no such node.
        Invalid: A malformed URL, a missing or wrong token, no TLS, another URL than before.
    """
    with services.store.edit() as session:
        node = get_node(session, ident, for_update=True)
        problem = _problem(node, beat, services.settings)
        if problem:
            log.warning("%s: heartbeat with callback_url %.100r", node.uuid, beat.callback_url)
            refuse(services, session, node, f"heartbeat refused: {problem}")
        elif node.provision_state in _MAY_HEARTBEAT:
            _take(services, session, node, beat)
    if problem:
        raise Invalid(problem)
    services.wake()


def answer_lookup(
    services: Services, session: Session, node: Node, node_uuid: str | None, *, give_token: bool
) -> LookupResponse:
    """Return what the node's agent is told, with its token if this boot's has not been handed out yet.

    Args:
        services: The controller's parts.
        session: A session of ``Store.edit``.
        node: The locked node.
        node_uuid: The node, if the agent knew it.
        give_token: The agent's microversion knows agent tokens.
    """
    token = _hand_out_token(services, session, node, node_uuid) if give_token else None
    return _lookup_response(node, token, services.settings)


def refuse(services: Services, session: Session, node: Node, text: str) -> None:
    """Write a refusal into the log, and into the node's history unless it stands there already."""
    log.warning("%s: %s", node.name or node.uuid, text)
    _record_once(services, session, node, text)


def _find(session: Session, macs: Sequence[str], node_uuid: str | None) -> Node | None:
    if node_uuid:
        try:
            return get_node(session, node_uuid, for_update=True)
        except NotFound:
            return None
    query = select(Node.uuid).join(Port, Port.node_id == Node.id).where(Port.address.in_(macs))
    uuids = session.scalars(query.distinct()).all()
    if len(uuids) > 1:
        text = "lookup refused: %s belong to several nodes: %s"
        log.warning(text, ", ".join(macs), ", ".join(uuids))
        return None
    return get_node(session, uuids[0], for_update=True) if uuids else None


def _hand_out_token(services: Services, session: Session, node: Node, node_uuid: str | None) -> str:
    now = services.clock()
    if node.agent_secret is None:
        node.agent_secret = secrets.token_urlsafe(32)
        record_event(session, node, "agent", "the agent looked its node up", at=now)
        return node.agent_secret
    info = dict(node.driver_internal_info)
    if "agent_url" not in info:
        info.setdefault("agent_locked_out_at", now)
        text = "the agent asked for its token again before its first heartbeat"
    elif not node_uuid:  # an agent that has its token names its node when it asks again
        info["agent_restarted_at"] = now
        text = "the agent looked its node up again without its token: it has restarted"
    else:
        return MASKED_TOKEN
    node.driver_internal_info = info
    _record_once(services, session, node, text)
    node.due_at = now if node.stage else node.due_at
    return MASKED_TOKEN


def _lookup_response(node: Node, token: str | None, settings: Settings) -> LookupResponse:
    return LookupResponse(
        node=LookupNode(
            uuid=node.uuid,
            properties=node.properties,
            instance_info=masked(node.instance_info),
            driver_internal_info=internal_info(node),
        ),
        config=LookupConfig(
            heartbeat_timeout=settings.heartbeat_timeout_s,
            agent_token=token,
            agent_token_required=True,
            agent_md5_checksum_enable=settings.allow_md5_images,
            permitted_image_formats=["raw", "gpt", "qcow2", "iso"],
            tls_min_version="1.2",
            metrics={
                "backend": "noop",
                "prepend_host": False,
                "prepend_uuid": False,
                "prepend_host_reverse": True,
                "global_prefix": None,
            },
            metrics_statsd={"statsd_host": "localhost", "statsd_port": 8125},
            agent_containers={
                "allow_arbitrary_containers": False,
                "allowed_containers": [],
                "container_steps_file": "/etc/ironic-python-agent.d/mysteps.yaml",
                "runner": "podman",
                "pull_options": [],
                "run_options": ["--rm", "--network=host"],
            },
        ),
    )


def _problem(node: Node, beat: Heartbeat, settings: Settings) -> str | None:
    """Return why a heartbeat is refused, in the order of Ironic's checks.

    The words are ours alone: what a stranger sends must neither fill the history nor make every refusal a new one.
    """
    scheme = _scheme(beat.callback_url)
    known_url = node.driver_internal_info.get("agent_url")
    checks = (
        (scheme not in {"http", "https"}, "callback_url is no http(s) URL"),
        (
            known_url is not None and known_url != beat.callback_url,
            "callback_url is not the one of this boot's first heartbeat",
        ),
        (not beat.agent_token, "agent_token is required for heartbeats"),
        (
            beat.agent_status not in {None, "start", "end", "error"},
            "agent_status is none of start, end, error",
        ),
        (not beat.agent_version, "agent_version is missing"),
        (not _is_token(node, beat), "Invalid or missing agent token received."),
        (
            settings.agent_require_tls and scheme != "https",
            "TLS is required by configuration (agent_require_tls), but callback_url is not https",
        ),
        (not _is_certificate(beat.agent_verify_ca), "agent_verify_ca is no PEM certificate"),
    )
    return next((text for applies, text in checks if applies), None)


def _scheme(url: str) -> str | None:
    """Return the scheme of a URL that names a host; ``None`` = it is none."""
    try:
        parts = urlsplit(url)
        is_complete = parts.hostname is not None and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        return None
    return parts.scheme if is_complete else None


def _is_token(node: Node, beat: Heartbeat) -> bool:
    given, known = (beat.agent_token or "").encode(), (node.agent_secret or "").encode()
    return bool(known) and secrets.compare_digest(given, known)


def _is_certificate(pem: str | None) -> bool:
    if not pem:
        return True
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: letters beyond ASCII
        return False
    return True


def _take(services: Services, session: Session, node: Node, beat: Heartbeat) -> None:
    now = services.clock()
    info = dict(node.driver_internal_info)
    if "agent_url" not in info:
        text = f"first heartbeat of agent {beat.agent_version} at {beat.callback_url}"
        record_event(session, node, "agent", text, at=now)
        log.info("%s: %s", node.name or node.uuid, text)
    info["agent_url"] = beat.callback_url
    info["agent_version"] = beat.agent_version
    info["agent_last_heartbeat"] = iso_time(now)
    if beat.agent_verify_ca:
        info["agent_verify_ca"] = beat.agent_verify_ca
    node.driver_internal_info = info
    if node.stage is not None:
        node.due_at = now


def _record_once(services: Services, session: Session, node: Node, text: str) -> None:
    now = services.clock()
    if not has_event_since(session, node, text, now - QUIET_S):
        record_event(session, node, "agent", text, severity="WARNING", at=now)
