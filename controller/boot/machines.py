"""Finds a machine's node in the store and turns it into the facts that ``answer.py`` decides on."""

import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from controller.boot.answer import KnownNode, Ramdisk, expand_params
from controller.boot.files import BootFile, find_boot_file
from controller.boot.recognition import Candidate, Evidence, Match, recognize
from controller.boot.script_text import ipxe_url
from controller.boot.switches import is_fast_track
from controller.errors import Invalid
from controller.settings import Settings
from controller.states import RESCUED, State
from controller.store.database import Store
from controller.store.leases import leased_addresses
from controller.store.tables import Node, Port

BMC_ADDRESSES = "lookup_bmc_addresses"
"""Key of ``driver_internal_info``: addresses by which the result of a machine without ports is matched."""
BOOT_ASKER = "boot_asker"
"""Key of ``driver_internal_info``: the address that asked first for the ramdisk of this boot."""
_INSPECTED = (State.INSPECTING, State.INSPECT_WAIT)
_BOOT_KEYS = ("deploy_kernel", "deploy_ramdisk", "kernel_append_params")
_KEY_BYTES = 16


def recognize_machine(
    session: Session, evidence: Evidence, *, prefer_awaited: bool = False
) -> Match:
    """Find out which node a machine is; see ``recognition.recognize``."""
    points_at = Port.address.in_(evidence.all_macs) | (Node.uuid == (evidence.node_uuid or ""))
    query = select(Node.id).outerjoin(Port, Port.node_id == Node.id).where(points_at)
    ids = set(session.scalars(query))
    if evidence.bmc_addresses:
        ids |= _with_bmc(session, evidence.bmc_addresses)
    candidates = _candidates(session, ids)
    return recognize(evidence, candidates, prefer_awaited=prefer_awaited)


def own_mac(session: Session, node: Node, macs: Sequence[str]) -> str | None:
    """Return the one of these MAC addresses that a port of ``node`` has, the oldest if several do."""
    query = select(Port.address).where(Port.node_id == node.id, Port.address.in_(macs))
    return session.scalar(query.order_by(Port.id).limit(1))


def leases_of(session: Session, node: Node, now: float) -> Mapping[str, str]:
    """Return the addresses that DHCP gave to the node's ports, each with its card; none = nothing is known."""
    macs = session.scalars(select(Port.address).where(Port.node_id == node.id)).all()
    return leased_addresses(session, macs, now)


def _with_bmc(session: Session, addresses: frozenset[str]) -> set[int]:
    """Return the nodes that wait for an inspection and whose BMC has one of these addresses."""
    query = select(Node.id, Node.driver_internal_info).where(Node.provision_state.in_(_INSPECTED))
    return {
        row.id
        for row in session.execute(query)
        if addresses & set(row.driver_internal_info.get(BMC_ADDRESSES) or ())
    }


def _candidates(session: Session, ids: Collection[int]) -> list[Candidate]:
    """Read what recognizes these nodes; their inventories only when there is something to decide."""
    columns = (Node.id, Node.uuid, Node.provision_state, Node.driver_internal_info)
    rows = session.execute(select(*columns).where(Node.id.in_(ids)).order_by(Node.id)).all()
    macs: dict[int, set[str]] = {}
    for port in session.execute(select(Port.node_id, Port.address).where(Port.node_id.in_(ids))):
        macs.setdefault(port.node_id, set()).add(port.address)
    vendors: dict[int, Mapping[str, Any]] = {}
    if len(rows) > 1:
        query = select(Node.id, Node.inventory).where(Node.id.in_(ids))
        vendors = {row.id: _vendor(row.inventory) for row in session.execute(query)}
    return [
        Candidate(
            uuid=row.uuid,
            macs=frozenset(macs.get(row.id, ())),
            system_uuid=vendors.get(row.id, {}).get("system_uuid"),
            serial=vendors.get(row.id, {}).get("serial_number"),
            bmc_addresses=_bmc_addresses(row),
            is_awaited=row.driver_internal_info.get("boot_target") == "ramdisk",
        )
        for row in rows
    ]


def _bmc_addresses(row: Any) -> frozenset[str]:
    if row.provision_state not in _INSPECTED:
        return frozenset()
    return frozenset(row.driver_internal_info.get(BMC_ADDRESSES) or ())


def _vendor(inventory: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the texts that the last inspection found about the board; a ramdisk may have sent anything."""
    found = ((inventory or {}).get("inventory") or {}).get("system_vendor")
    texts = found.items() if isinstance(found, Mapping) else ()
    return {key: value for key, value in texts if isinstance(value, str)}


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
        and node.driver_internal_info.get(BMC_ADDRESSES)
    ]
    files = {tuple(str(node.driver_info.get(key)) for key in _BOOT_KEYS) for node in waiting}
    return waiting[0] if len(files) == 1 else None


def facts_of(
    node: Node, settings: Settings, base_url: str, *, is_shown: bool, is_guess: bool = False
) -> KnownNode:
    """Return what a machine of ``node`` shall boot now.

    The workflow sets ``driver_internal_info.boot_target`` to ``ramdisk`` before it powers a machine on; anything else
    means the disk.

    Args:
        node: The node; with a ``boot_key`` if it boots the ramdisk.
        settings: The controller's.
        base_url: This controller as the machine sees it.
        is_shown: The asker may be told which node it is.
        is_guess: See ``KnownNode``.
    """
    ramdisk, problem = None, None
    if boots_ramdisk(node):
        try:
            ramdisk = _ramdisk_of(node, settings, base_url)
        except Invalid as error:
            problem = str(error)
    return KnownNode(
        label=_label(node) if is_shown else None,
        provision_state=node.provision_state,
        ramdisk=ramdisk,
        problem=problem,
        is_guess=is_guess,
    )


def boots_ramdisk(node: Node) -> bool:
    """Say whether the node's machine has been ordered to boot the ramdisk."""
    return bool(node.driver_internal_info.get("boot_target") == "ramdisk")


def any_boots_ramdisk(session: Session, uuids: Collection[str]) -> bool:
    """Say whether the machine of one of these nodes has been ordered to boot the ramdisk."""
    return any(map(boots_ramdisk, session.scalars(select(Node).where(Node.uuid.in_(uuids)))))


def has_begun(node: Node, asker: str | None) -> bool:
    """Say whether ``begin_boot`` has nothing to note any more, as for all but the first questions of a boot."""
    return node.boot_key is not None and bool(
        asker is None or node.driver_internal_info.get(BOOT_ASKER)
    )


def begin_boot(store: Store, node_uuid: str, asker: str | None) -> Node | None:
    """Note that a machine is given the node's ramdisk, and return the node as it is then; ``None`` = it is gone.

    Args:
        store: The database.
        node_uuid: The node.
        asker: The address of a machine with a MAC address of the node's ports. The first of a boot is kept: what this boot finds
            out is taken from there. ``None`` = whose machine it is must still come out.
    """
    with store.edit() as session:
        query = select(Node).where(Node.uuid == node_uuid).with_for_update()
        node = session.scalars(query).one_or_none()
        if node is None or not boots_ramdisk(node):
            return node
        if node.boot_key is None:
            node.boot_key = secrets.token_urlsafe(_KEY_BYTES)
        if asker and not node.driver_internal_info.get(BOOT_ASKER):
            node.driver_internal_info = {**node.driver_internal_info, BOOT_ASKER: asker}
        return node


def find_booting(session: Session, boot_key: str) -> Node | None:
    """Return the node whose machine is given kernel and ramdisk under this name; ``None`` = there is none now."""
    node = session.scalars(select(Node).where(Node.boot_key == boot_key)).one_or_none()
    return node if node is not None and boots_ramdisk(node) else None


def _label(node: Node) -> str:
    return f"{node.name} ({node.uuid})" if node.name else node.uuid


def _ramdisk_of(node: Node, settings: Settings, base_url: str) -> Ramdisk:
    own_params = node.driver_info.get("kernel_append_params")
    params = expand_params(own_params, settings.kernel_append_params)
    if settings.allow_unverified_images:
        params += " ingot-allow-unverified-images=1"
    if settings.allow_md5_images:
        params += " ingot-allow-md5-images=1"
    is_rescue = node.provision_state in RESCUED
    files = {
        kind: find_boot_file(kind, node.driver_info, settings, is_rescue=is_rescue)
        for kind in ("kernel", "ramdisk")
    }
    kernel, ramdisk = (_url_of(file, kind, node, base_url) for kind, file in files.items())
    return Ramdisk(
        kernel_url=kernel,
        ramdisk_url=ramdisk,
        append_params=params,
        request_id=f"req-{uuid.uuid4()}",
        is_inspection=node.provision_state in _INSPECTED,
        collectors=settings.inspection_collectors,
        stays=is_fast_track(node.driver_info, settings) and not node.retired,
        debug=settings.log_level == "DEBUG",
    )


def _url_of(file: BootFile, kind: str, node: Node, base_url: str) -> str:
    if file.url:
        return ipxe_url(file.url, f"deploy_{kind}")
    return f"{base_url}/boot/{kind}/{node.boot_key}"
