"""Port groups: network interfaces of a node that are bonded; a port says itself which one it is in (``ports.portgroup_uuid``)."""

from collections.abc import Sequence

from sqlalchemy import ForeignKey, String, false, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.errors import NotFound
from controller.store.base import Base, JsonObject
from controller.store.identity import is_uuid
from controller.store.tables import Port


class Portgroup(Base):
    """A bond; ``address`` is its MAC address if it has one of its own, lower-case with colons."""

    __tablename__ = "portgroups"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    node_id: Mapped[int] = mapped_column(ForeignKey("nodes.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    name: Mapped[str | None] = mapped_column(String(255), unique=True)
    address: Mapped[str | None] = mapped_column(String(18), unique=True)
    mode: Mapped[str | None] = mapped_column(String(255))
    properties: Mapped[JsonObject] = mapped_column(default=dict)
    standalone_ports_supported: Mapped[bool] = mapped_column(default=True)
    """Its ports can be used while there is no bond: they may boot from the network and have VIFs of their own."""
    physical_network: Mapped[str | None] = mapped_column(String(64))
    category: Mapped[str | None] = mapped_column(String(80))
    dynamic_portgroup: Mapped[bool] = mapped_column(default=False, server_default=false())
    extra: Mapped[JsonObject] = mapped_column(default=dict)
    internal_info: Mapped[JsonObject] = mapped_column(default=dict)


def no_portgroup(ident: str) -> NotFound:
    """Return the error for one that is not there, or that is hidden from who asks."""
    return NotFound(f"Portgroup {ident} could not be found")


def get_portgroup(session: Session, ident: str) -> Portgroup:
    """Return the port group with this UUID or name.

    Raises:
        NotFound: There is none.
    """
    wanted = Portgroup.uuid == ident.lower() if is_uuid(ident) else Portgroup.name == ident
    with session.no_autoflush:
        found = session.scalars(select(Portgroup).where(wanted)).one_or_none()
    if found is None:
        raise no_portgroup(ident)
    return found


def ports_in(session: Session, uuid: str) -> Sequence[Port]:
    """Return the ports in the group with this UUID, the oldest first."""
    query = select(Port).where(Port.portgroup_uuid == uuid).order_by(Port.id)
    with session.no_autoflush:
        return session.scalars(query).all()
