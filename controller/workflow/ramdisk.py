"""What the ramdisk's agent says: lookup, heartbeat and inspection results.

Source: Ironic's ``/v1/lookup``, ``/v1/heartbeat`` and ``/v1/continue_inspection``.
"""

import logging
import re
import secrets
import ssl
from collections.abc import Sequence
from typing import Any
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
from controller.errors import Invalid, NotFound
from controller.settings import Settings
from controller.states import State
from controller.store.events import has_event_since, record_event
from controller.store.nodes import get_node
from controller.store.tables import Node, Port
from controller.workflow.agent_view import internal_info, iso_time, masked
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
_NOT_FOUND = "Not Found"
"""The same bare words for an unknown machine and a wrong state: the answer tells a stranger nothing."""
_QUIET_S = 300.0
"""The same refusal is written into a node's history at most this often."""


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
            raise NotFound(_NOT_FOUND)
        if node.provision_state not in _MAY_LOOK_UP:
            refused = True
            _refuse(services, session, node, f"lookup refused in state {node.provision_state}")
        else:
            token = _hand_out_token(services, session, node, node_uuid) if give_token else None
            answer = _lookup_response(node, token, services.settings)
    if refused:
        raise NotFound(_NOT_FOUND)
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
            _refuse(services, session, node, f"heartbeat refused: {problem}")
        elif node.provision_state in _MAY_HEARTBEAT:
            _take(services, session, node, beat)
    if problem:
        raise Invalid(problem)
    services.wake()


def continue_inspection(services: Services, node_uuid: str | None, document: dict[str, Any]) -> str:
    """Take the result of an inspection and return the node's UUID.

    Raises:
        Invalid: The document has no interfaces.
        NotFound: No node in ``inspect wait`` fits the document.
    """
    inventory = document.get("inventory")
    interfaces = inventory.get("interfaces") if isinstance(inventory, dict) else None
    if not isinstance(interfaces, list) or not interfaces:
        raise Invalid("the inspection's result has no inventory.interfaces")
    macs = [
        str(item.get("mac_address", "")).lower() for item in interfaces if isinstance(item, dict)
    ]
    with services.store.read() as session:
        node = _find(session, macs, node_uuid)
    if node is None or node.provision_state != State.INSPECT_WAIT:
        log.warning("inspection result refused: no node waits for one from %s", ", ".join(macs))
        raise NotFound(_NOT_FOUND)
    raise Invalid("inspection is not served yet by this controller")


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
    if not node_uuid:  # an agent that has its token names its node when it asks again
        info = dict(node.driver_internal_info)
        node.driver_internal_info = {**info, "agent_restarted_at": now}
        text = "the agent looked its node up again without its token: it has restarted"
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
            agent_md5_checksum_enable=True,
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
    """Return why a heartbeat is refused, in the order of Ironic's checks."""
    scheme = urlsplit(beat.callback_url).scheme
    known_url = node.driver_internal_info.get("agent_url")
    checks = (
        (scheme not in {"http", "https"}, f"callback_url {beat.callback_url!r} is no http(s) URL"),
        (
            known_url is not None and known_url != beat.callback_url,
            f"callback_url {beat.callback_url!r} is not the one of this boot's first heartbeat",
        ),
        (not beat.agent_token, "agent_token is required for heartbeats"),
        (
            beat.agent_status not in {None, "start", "end", "error"},
            f"agent_status {beat.agent_status!r} is none of start, end, error",
        ),
        (not beat.agent_version, "agent_version is missing"),
        (not _is_token(node, beat), "Invalid or missing agent token received."),
        (
            settings.agent_require_tls and scheme != "https",
            f"TLS is required by configuration (agent_require_tls), but {beat.callback_url!r} is not https",
        ),
        (not _is_certificate(beat.agent_verify_ca), "agent_verify_ca is no PEM certificate"),
    )
    return next((text for applies, text in checks if applies), None)


def _is_token(node: Node, beat: Heartbeat) -> bool:
    given, known = (beat.agent_token or "").encode(), (node.agent_secret or "").encode()
    return bool(known) and secrets.compare_digest(given, known)


def _is_certificate(pem: str | None) -> bool:
    if not pem:
        return True
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError):
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


def _refuse(services: Services, session: Session, node: Node, text: str) -> None:
    log.warning("%s: %s", node.name or node.uuid, text)
    _record_once(services, session, node, text)


def _record_once(services: Services, session: Session, node: Node, text: str) -> None:
    now = services.clock()
    if not has_event_since(session, node, text, now - _QUIET_S):
        record_event(session, node, "agent", text, severity="WARNING", at=now)
