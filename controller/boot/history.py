"""What booting machines and their DHCP leases leave in the histories of nodes."""

from dataclasses import replace
from typing import Protocol

from sqlalchemy import select

from controller.boot.dnsmasq_log import DhcpEvent
from controller.boot.recognition import Match
from controller.store.database import Store
from controller.store.events import QUIET_S, ForeignEvent, count_event, last_event
from controller.store.leases import keep_lease
from controller.store.strangers import Strangers
from controller.store.tables import Node, Port

_SWITCHED = ("power", "state")
"""Kinds of events, none that a stranger can cause, after which the same boot is news."""
_MOST_TOLD = 8
_AMBIGUOUS = "nobody can say which it is, so it is none of them"


class BootHistory(Protocol):
    """The part of the services that histories are written with."""

    @property
    def store(self) -> Store:
        """The database."""

    @property
    def strangers(self) -> Strangers:
        """Counters of what strangers cause."""


def record_boot_event(
    services: BootHistory,
    node_uuid: str,
    event: ForeignEvent,
    *,
    is_own: bool,
) -> None:
    """Add to the node's history what its machine asked for; a node deleted meanwhile has none.

    The same is added once in a while only, and anew after the machine was switched.

    Args:
        services: Store and counters.
        node_uuid: The node.
        event: What happened; without words of the asker's choice.
        is_own: The asker is known to be the node's machine; what others ask has a quota of its own.
    """
    store = services.store
    with store.read() as session:
        node = session.scalars(select(Node).where(Node.uuid == node_uuid)).one_or_none()
        if node is None:
            return
        switched = last_event(session, node, _SWITCHED, store.clock() - QUIET_S)
    event = replace(event, since=switched.at if switched else None)
    if not is_own:
        services.strangers.record(node_uuid, event)
        return
    with store.edit() as session:
        node = session.scalars(select(Node).where(Node.uuid == node_uuid)).one_or_none()
        if node is not None:
            count_event(session, node, event, now=store.clock(), is_foreign=False)


def take_lease(services: BootHistory, lease: DhcpEvent, lease_s: float) -> None:
    """Keep which card has which address, and add it to the history of the node with this port.

    Other machines' leases are nobody's. Without an address (another server gives them) nothing is known.
    """
    store = services.store
    with store.edit() as session:
        if lease.ip:
            until = lease.at + lease_s
            keep_lease(session, mac=lease.mac, address=lease.ip, expires_at=until, now=lease.at)
        query = select(Node.uuid).join(Port, Port.node_id == Node.id)
        uuid = session.scalar(query.where(Port.address == lease.mac))
    if uuid:
        address = lease.ip or "an address of another server"
        message = f"DHCP gave {address} to {lease.mac}"
        data = {"file": "lease", "mac": lease.mac, "address": address}
        event = ForeignEvent(kind="boot", message=message, same=message, severity="INFO", data=data)
        record_boot_event(services, uuid, event, is_own=bool(lease.ip))


def note_ambiguity(services: BootHistory, match: Match, machine: str) -> None:
    """Say in the histories of all nodes that a machine points at what nobody can decide, or what was decided between them.

    Args:
        services: Store and counters.
        match: What came out.
        machine: The machine in words, bounded.
    """
    if not match.others:
        return
    uuids = (*((match.uuid,) if match.uuid else ()), *match.others)[:_MOST_TOLD]
    with services.store.read() as session:
        rows = session.execute(select(Node.uuid, Node.name).where(Node.uuid.in_(uuids))).all()
    names = {row.uuid: row.name or row.uuid for row in rows}
    taken = f"it was taken for {names.get(match.uuid, match.uuid)}" if match.uuid else _AMBIGUOUS
    same = f"a machine fits the nodes {', '.join(sorted(names.values()))}: "
    message = f"{same}{taken}. It is {machine}; give each node ports that no other machine has"
    event = ForeignEvent(kind="boot", message=message, same=same)
    for uuid in names:
        services.strangers.record(uuid, event)
