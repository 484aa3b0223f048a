"""Which network card has which address, as far as this site's own DHCP has given it; the same for all controllers."""

from collections.abc import Collection, Mapping
from typing import cast

from sqlalchemy import Connection, Table, bindparam, delete, select
from sqlalchemy.orm import Session

from controller.store.tables import PORT_TABLE, Lease

_KEPT_S = 86400.0
"""Leases are deleted so long after their end; only those that have not ended count."""
# Put together once: that costs ten times what running them does, and every agent's request needs them.
_LEASES = cast("Table", Lease.__table__).c
_LASTS = _LEASES.expires_at >= bindparam("now")
_AT_ADDRESS = select(_LEASES.mac).where(_LEASES.address == bindparam("address"), _LASTS)
_OF_NODE = select(_LEASES.address, _LEASES.mac).where(
    PORT_TABLE.c.address == _LEASES.mac, PORT_TABLE.c.node_id == bindparam("node_id"), _LASTS
)


def keep_lease(session: Session, *, mac: str, address: str, expires_at: float, now: float) -> None:
    """Store that ``mac`` has ``address``; whoever had it before has it no longer.

    Args:
        session: A session of ``Store.edit``.
        mac: The card, in its stored form.
        address: IP address.
        expires_at: End of the lease, seconds since the epoch.
        now: Seconds since the epoch.
    """
    session.execute(delete(Lease).where(Lease.expires_at < now - _KEPT_S))
    session.merge(Lease(address=address, mac=mac, expires_at=expires_at))


def leased_addresses(session: Session, macs: Collection[str], now: float) -> Mapping[str, str]:
    """Return the addresses that these cards have now, each with its card; none = nothing is known of them."""
    query = select(Lease.address, Lease.mac).where(Lease.mac.in_(macs), Lease.expires_at >= now)
    return {row.address: row.mac for row in session.execute(query)}


def leased_to_node(session: Session | Connection, node_id: int, now: float) -> Mapping[str, str]:
    """Return the addresses that a node's ports have now, each with its card; none = nothing is known of them."""
    found = session.execute(_OF_NODE, {"node_id": node_id, "now": now})
    return {row.address: row.mac for row in found}


def leased_mac(session: Session | Connection, address: str, now: float) -> str | None:
    """Return the card that has ``address`` now; ``None`` = not known."""
    return session.scalar(_AT_ADDRESS, {"address": address, "now": now})
