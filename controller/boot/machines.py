"""Finds a machine's node in the store and turns it into the facts that ``answer.py`` decides on; records what it fetched."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.boot.answer import KnownNode, Ramdisk, expand_params
from controller.boot.files import BootFile, find_boot_file
from controller.errors import Invalid
from controller.settings import Settings
from controller.states import State
from controller.store.database import Store
from controller.store.events import QUIET_S, has_event_since, last_event, record_event
from controller.store.tables import Node, Port

_INSPECTED = (State.INSPECTING, State.INSPECT_WAIT)
_SWITCHED = ("power", "state")
"""Kinds of events, none that a stranger can cause, after which the same boot is news."""
_BOOT_KEYS = ("deploy_kernel", "deploy_ramdisk", "kernel_append_params")


def find_node(session: Session, macs: Sequence[str]) -> Node | None:
    """Return the node that owns a port with one of these MAC addresses; the oldest port decides."""
    query = select(Node).join(Port, Port.node_id == Node.id).where(Port.address.in_(macs))
    return session.scalars(query.order_by(Port.id).limit(1)).first()


def own_mac(session: Session, node: Node, macs: Sequence[str]) -> str | None:
    """Return the one of these MAC addresses that a port of ``node`` has, the oldest if several do."""
    query = select(Port.address).where(Port.node_id == node.id, Port.address.in_(macs))
    return session.scalar(query.order_by(Port.id).limit(1))


def find_inspected_without_ports(session: Session) -> Node | None:
    """Return the node whose ramdisk an unknown machine is given, so that an inspection can tell whose it is.

    Only nodes count that have no port, wait for an inspection and can be recognized by the address of their BMC. When
    they do not all boot the same files, nobody can say which are right for the machine, and there is none.
    """
    query = select(Node).where(
        Node.provision_state.in_(_INSPECTED),
        ~select(Port.id).where(Port.node_id == Node.id).exists(),
    )
    waiting = [
        node
        for node in session.scalars(query.order_by(Node.id))
        if node.driver_internal_info.get("boot_target") == "ramdisk"
        and node.driver_internal_info.get("lookup_bmc_addresses")
    ]
    files = {tuple(str(node.driver_info.get(key)) for key in _BOOT_KEYS) for node in waiting}
    return waiting[0] if len(files) == 1 else None


def facts_of(node: Node, settings: Settings, base_url: str, *, is_guess: bool = False) -> KnownNode:
    """Return what a machine of ``node`` shall boot now.

    The workflow sets ``driver_internal_info.boot_target`` to ``ramdisk`` before it powers a machine on; anything else
    means the disk.
    """
    ramdisk, problem = None, None
    if node.driver_internal_info.get("boot_target") == "ramdisk":
        try:
            ramdisk = _ramdisk_of(node, settings, base_url)
        except Invalid as error:
            problem = str(error)
    return KnownNode(
        uuid=node.uuid,
        name=node.name,
        provision_state=node.provision_state,
        ramdisk=ramdisk,
        problem=problem,
        is_guess=is_guess,
    )


def record_boot_event(
    store: Store,
    node_uuid: str,
    message: str,
    *,
    data: dict[str, Any],
    severity: str = "INFO",
    same: str | None = None,
) -> None:
    """Add to the node's history what its machine asked for; a node deleted meanwhile has none.

    Whoever asks is not known, so the same is added once in a while only, and anew after the machine was switched.

    Args:
        store: The database.
        node_uuid: The node.
        message: A sentence for people, without words of the asker's choice.
        data: The same for programs.
        severity: ``INFO``, ``WARNING`` or ``ERROR``.
        same: How messages begin that count as the same; ``None`` = they are this message.
    """
    with store.edit() as session:
        node = session.scalars(select(Node).where(Node.uuid == node_uuid)).one_or_none()
        if node is None:
            return
        now = store.clock()
        switched = last_event(session, node, _SWITCHED, now - QUIET_S)
        since = switched.at if switched else now - QUIET_S
        if not has_event_since(session, node, same or message, since):
            record_event(session, node, "boot", message, severity=severity, data=data, at=now)


def record_lease(store: Store, mac: str, address: str) -> None:
    """Add a DHCP lease to the history of the node with this port; other machines' leases are nobody's."""
    with store.read() as session:
        node = find_node(session, (mac,))
    if node:
        data = {"file": "lease", "mac": mac, "address": address}
        record_boot_event(store, node.uuid, f"DHCP gave {address} to {mac}", data=data)


def _ramdisk_of(node: Node, settings: Settings, base_url: str) -> Ramdisk:
    own_params = node.driver_info.get("kernel_append_params")
    params = expand_params(own_params, settings.kernel_append_params)
    if settings.allow_unverified_images:
        params += " ingot-allow-unverified-images=1"
    kernel, ramdisk = (
        _url_of(find_boot_file(kind, node.driver_info, settings), kind, node, base_url)
        for kind in ("kernel", "ramdisk")
    )
    return Ramdisk(
        kernel_url=kernel,
        ramdisk_url=ramdisk,
        append_params=params,
        request_id=f"req-{uuid.uuid4()}",
        is_inspection=node.provision_state in _INSPECTED,
        debug=settings.log_level == "DEBUG",
    )


def _url_of(file: BootFile, kind: str, node: Node, base_url: str) -> str:
    return file.url or f"{base_url}/boot/{kind}/{node.uuid}"
