"""What the ramdisk's agent asks first: which node it is on, and its token.

Source: Ironic's ``/v1/lookup``. Nobody logs in for it, so everything is decided before a transaction begins, and whoever is
refused hears the same.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from agent.protocol.containers import ContainerRules
from agent.protocol.lookup import MASKED_TOKEN, LookupConfig, LookupNode, LookupResponse
from agent.protocol.masking import masked
from controller.boot.history import note_ambiguity
from controller.boot.machines import leases_of, recognize_machine
from controller.boot.node_media import HAS_TOKEN
from controller.boot.recognition import Evidence
from controller.errors import NotFound
from controller.settings import Settings
from controller.states import State
from controller.store.claims import make_workflow_due
from controller.store.events import ForeignEvent, count_event, record_event
from controller.store.leases import leased_mac
from controller.store.nodes import read_node
from controller.store.tables import NODE_TABLE, Node
from controller.workflow.agent_view import internal_info
from controller.workflow.senders import lease_problem
from controller.workflow.services import Services

log = logging.getLogger(__name__)

MAY_LOOK_UP = frozenset(
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
        State.CLEAN_HOLD,
        State.DEPLOY_HOLD,
        State.SERVICE_HOLD,
    }
)
NOT_FOUND = "Not Found"
"""The same bare words for an unknown machine and a wrong state: the answer tells a stranger nothing."""
TOKEN_FOR = "agent_token_for"  # noqa: S105  # the name of a key
"""Key of ``driver_internal_info``: the address that was given the token of this boot."""
_HAS_IT = "the agent looked its node up; it has its token from its medium"
_SHOWN_MACS = 4
_NEEDED = ("id", "uuid", "name", "provision_state")


@dataclass(slots=True)
class LookedUp:
    """What an agent is told of its node; a row has ten times as much, and a lookup changes the last two columns of it."""

    id: int
    uuid: str
    name: str | None
    provision_state: str
    properties: dict[str, Any]
    instance_info: dict[str, Any]
    agent_secret: str | None
    driver_internal_info: dict[str, Any]


_IS_IT = NODE_TABLE.c.id == bindparam("node_id")
_COLUMNS = (NODE_TABLE.c[one.name] for one in fields(LookedUp))
_LOCKED = select(*_COLUMNS).where(_IS_IT).with_for_update()
_STORE = (
    update(NODE_TABLE)
    .where(_IS_IT)
    .values(agent_secret=bindparam("secret"), driver_internal_info=bindparam("info"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks for a token."""

    sender: str
    """The address that the request came from."""
    is_leased: bool = False
    """DHCP gave that address to a port of the node."""
    names_node: bool = False
    """It knows which node it is on, as an agent does that has a token already."""
    gets_token: bool = True
    """Its microversion knows agent tokens."""


def lookup(
    services: Services,
    addresses: Sequence[str],
    node_uuid: str | None,
    sender: str,
    *,
    give_token: bool,
) -> LookupResponse:
    """Tell an agent which node it is on.

    Args:
        services: The controller's parts.
        addresses: MAC addresses that the agent saw, in their stored form.
        node_uuid: The node, if the agent knows it.
        sender: The address that the request came from.
        give_token: The agent's microversion knows agent tokens.

    Raises:
        NotFound: No node, several, not in a state that may look up, or not from there (the same bare answer for all).
    """
    node, is_leased = _find(services, addresses, node_uuid, sender)
    caller = Caller(
        sender=sender,
        is_leased=is_leased,
        names_node=bool(node_uuid),
        gets_token=give_token,
    )
    with services.store.edit() as session:
        connection = session.connection()
        row = connection.execute(_LOCKED, {"node_id": node.id}).one_or_none()
        if row is None or row.provision_state not in MAY_LOOK_UP:  # it has just changed
            raise NotFound(NOT_FOUND)
        found = LookedUp(*row)
        answer = answer_lookup(services, session, found, caller)
        if (found.agent_secret, found.driver_internal_info) != tuple(row[-2:]):
            about = {"secret": found.agent_secret, "info": found.driver_internal_info}
            connection.execute(_STORE, {"node_id": node.id, **about})
    if answer.config.agent_token == MASKED_TOKEN:  # what that means, a worker is to find out
        services.wake()
    return answer


def answer_lookup(
    services: Services, session: Session, node: Node | LookedUp, caller: Caller
) -> LookupResponse:
    """Return what the node's agent is told, with its token if it may have it.

    Args:
        services: The controller's parts.
        session: A session of ``Store.edit``.
        node: The locked node; what it is told changes is set in it, and stored by the caller or the session.
        caller: Who asks.
    """
    token = _hand_out_token(services, session, node, caller) if caller.gets_token else None
    return _lookup_response(node, token, services.settings)


def refuse(
    services: Services, node: Node | Row[Any], what: str, why: str, *, same: str | None = None
) -> None:
    """Write a refusal into the log and, counted, into the node's history.

    Args:
        services: The controller's parts.
        node: The node.
        what: ``lookup refused``.
        why: The rest of the sentence.
        same: How refusals begin that count as one; ``None`` = they are this one.
    """
    text = f"{what}: {why}"
    log.warning("%s: %s", node.name or node.uuid, text)
    services.strangers.record(
        node.uuid, ForeignEvent(kind="agent", message=text, same=same or text)
    )


def words_of(macs: Sequence[str]) -> str:
    """Return MAC addresses for a message, the first few of many."""
    shown = ", ".join(macs[:_SHOWN_MACS]) or "no MAC address"
    return shown + (f" and {len(macs) - _SHOWN_MACS} more" if len(macs) > _SHOWN_MACS else "")


def _find(
    services: Services, macs: Sequence[str], node_uuid: str | None, sender: str
) -> tuple[Row[Any], bool]:
    """Return the node that the machine is, and whether DHCP says so.

    Raises:
        NotFound: There is none, or it must not be told.
    """
    now = services.clock()
    with services.store.read() as session:
        evidence = Evidence(
            macs=tuple(macs),
            leased_mac=leased_mac(session, sender, now),
            node_uuid=node_uuid.lower() if node_uuid else None,
        )
        match = recognize_machine(session, evidence)
        node = read_node(session, match.uuid, _NEEDED) if match.uuid else None
        leases = leases_of(session, node.id, now) if node else {}
    note_ambiguity(services, match, f"a ramdisk with {words_of(macs)}")
    if node is None:
        log.warning("lookup refused: no single node is the machine with %s", words_of(macs))
        raise NotFound(NOT_FOUND)
    if problem := lease_problem(sender, leases, services.settings.sender_check):
        refuse(services, node, "lookup refused", problem, same="lookup refused: it came from ")
        raise NotFound(NOT_FOUND)
    if node.provision_state not in MAY_LOOK_UP:
        state = node.provision_state
        refuse(services, node, f"lookup refused in state {state}", "nothing is done with the node")
        raise NotFound(NOT_FOUND)
    return node, sender in leases


def _hand_out_token(
    services: Services, session: Session, node: Node | LookedUp, caller: Caller
) -> str:
    """Return the token of this boot, or what stands for it.

    It is repeated to the address that got it until the first heartbeat that bears it: an answer that was lost on its way, or with
    a controller that was killed, must not cost a boot.
    """
    now, info = services.clock(), dict(node.driver_internal_info)
    if info.get(HAS_TOKEN) and "agent_url" not in info:
        told = ForeignEvent(kind="agent", message=_HAS_IT, same=_HAS_IT, severity="INFO")
        count_event(session, node, told, now=now)
        return MASKED_TOKEN
    is_first = node.agent_secret is None
    if node.agent_secret is None:
        node.agent_secret = secrets.token_urlsafe(32)
        node.driver_internal_info = {**info, TOKEN_FOR: caller.sender}
        record_event(session, node, "agent", "the agent looked its node up", at=now)
    if is_first or _may_have_it_again(info, caller, services.settings):
        return node.agent_secret
    text = _suspicion(info, caller, services.steady())
    if text is not None:
        node.driver_internal_info = info
        log.warning("%s: %s", node.name or node.uuid, text)
        event = ForeignEvent(kind="agent", message=text, same=text)
        count_event(session, node, event, now=now)
        make_workflow_due(session.connection(), node.id, services.steady())
    return MASKED_TOKEN


def _may_have_it_again(info: Mapping[str, Any], caller: Caller, settings: Settings) -> bool:
    if settings.sender_check == "off" or "agent_url" in info:
        return False
    return caller.is_leased or info.get(TOKEN_FOR) == caller.sender


def _suspicion(info: dict[str, Any], caller: Caller, steady: float) -> str | None:
    """Note in ``info`` what a lookup without a token means, and return it in words; ``None`` = it means nothing."""
    if "agent_url" not in info:
        info.setdefault("agent_locked_out_at", steady)
        return (
            "the agent asked for its token again before its first heartbeat, from another address"
        )
    is_same = caller.is_leased or info.get(TOKEN_FOR, caller.sender) == caller.sender
    if caller.names_node or not is_same:
        return None  # an agent that has its token names its node when it asks again; others are not this agent
    info["agent_restarted_at"] = steady
    return "the agent looked its node up again without its token: it has restarted"


def _lookup_response(
    node: Node | LookedUp, token: str | None, settings: Settings
) -> LookupResponse:
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
            enable_bios_bootloader_install=settings.enable_bios_bootloader_install,
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
            agent_containers=msgspec.to_builtins(container_rules(settings)),
        ),
    )


def container_rules(settings: Settings) -> ContainerRules:
    """Return what the agent is told of containers."""
    return ContainerRules(
        allow_arbitrary_containers=settings.agent_allow_arbitrary_containers,
        allowed_containers=settings.listed("agent_allowed_containers"),
        container_steps_file=settings.agent_container_steps_file,
        runner=settings.agent_container_runner,
        pull_options=settings.listed("agent_container_pull_options"),
        run_options=settings.listed("agent_container_run_options"),
    )
