"""Finds a machine's node in the store and turns it into the facts that ``answer.py`` decides on."""

import secrets
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from controller.boot.answer import KnownNode, Ramdisk, expand_params, own_params
from controller.boot.files import BootFile, find_boot_file, find_instance_file
from controller.boot.instances import Instance, InstanceIso, InstanceRamdisk
from controller.boot.iscsi import iscsi_volumes
from controller.boot.recognition import Candidate, Evidence, Match, recognize
from controller.boot.script_text import ipxe_url
from controller.boot.switches import is_fast_track
from controller.errors import Invalid
from controller.hardware.boot_target import FROM_NETWORK, KEY, OF_INSTANCE, BootTarget
from controller.settings import Settings
from controller.states import RESCUED, State
from controller.store.database import Store
from controller.store.leases import leased_to_node
from controller.store.nodes import locking
from controller.store.tables import NODE_TABLE, PORT_TABLE, Node, Port
from controller.store.volumes import Volumes

BMC_ADDRESSES = "lookup_bmc_addresses"
"""Key of ``driver_internal_info``: addresses by which the result of a machine without ports is matched."""
BOOT_ASKER = "boot_asker"
"""Key of ``driver_internal_info``: the address that asked first for the ramdisk of this boot."""
_INSPECTED = (State.INSPECTING, State.INSPECT_WAIT)
_BOOT_KEYS = ("deploy_kernel", "deploy_ramdisk", "kernel_append_params")
_KEY_BYTES = 16
STRANGERS_KEY = "unknown"
"""In the place of a ``boot_key``: the ramdisk that machines get of which no node knows."""
# Put together once: that costs ten times what running them does. Each is answered by an index alone, however many nodes there are.
_NODES, _PORTS = NODE_TABLE.c, PORT_TABLE.c
_POINTED_AT = (
    select(_PORTS.node_id)
    .where(_PORTS.address.in_(bindparam("macs", expanding=True)))
    .union(select(_NODES.id).where(_NODES.uuid == bindparam("uuid")))
)
_RECOGNIZED_BY = (
    select(_NODES.id, _NODES.uuid, _NODES.provision_state, _NODES.driver_internal_info)
    .where(_NODES.id.in_(bindparam("ids", expanding=True)))
    .order_by(_NODES.id)
)
_CARDS = select(_PORTS.node_id, _PORTS.address).where(
    _PORTS.node_id.in_(bindparam("ids", expanding=True))
)


def recognize_machine(
    session: Session, evidence: Evidence, *, prefer_awaited: bool = False
) -> Match:
    """Find out which node a machine is; see ``recognition.recognize``."""
    signs = {"macs": list(evidence.all_macs), "uuid": evidence.node_uuid or ""}
    ids = set(session.scalars(_POINTED_AT, signs))
    if evidence.bmc_addresses:
        ids |= _with_bmc(session, evidence.bmc_addresses)
    candidates = _candidates(session, ids)
    return recognize(evidence, candidates, prefer_awaited=prefer_awaited)


def own_mac(session: Session, node: Node, macs: Sequence[str]) -> str | None:
    """Return the one of these MAC addresses that a port of ``node`` has, the oldest if several do."""
    query = select(Port.address).where(Port.node_id == node.id, Port.address.in_(macs))
    return session.scalar(query.order_by(Port.id).limit(1))


def leases_of(session: Session | Connection, node_id: int, now: float) -> Mapping[str, str]:
    """Return the addresses that DHCP gave to the node's ports, each with its card; none = nothing is known."""
    return leased_to_node(session, node_id, now)


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
    if not ids:
        return []
    these = {"ids": list(ids)}
    rows = session.execute(_RECOGNIZED_BY, these).all()
    macs: dict[int, set[str]] = {}
    for port in session.execute(_CARDS, these):
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
    node: Node,
    settings: Settings,
    base_url: str,
    *,
    is_shown: bool,
    is_guess: bool = False,
    volumes: Volumes | None = None,
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
        volumes: What the node boots from, with the secrets; ``None`` = the asker must not know.
    """
    ramdisk, instance, problem = None, None, None
    try:
        if node.driver_internal_info.get(KEY) == BootTarget.RAMDISK:
            ramdisk = _ramdisk_of(node, settings, base_url)
        elif node.driver_internal_info.get(KEY) in OF_INSTANCE:
            instance = _instance_of(node, settings, base_url, volumes)
    except Invalid as error:
        problem = str(error)
    return KnownNode(
        label=_label(node) if is_shown else None,
        provision_state=node.provision_state,
        ramdisk=ramdisk,
        instance=instance,
        problem=problem,
        is_guess=is_guess,
    )


def facts_of_stranger(settings: Settings, base_url: str) -> KnownNode:
    """Return what a machine shall boot that no node knows and that shall be discovered: the ramdisk of the settings."""
    ramdisk, problem = None, None
    try:
        files = {kind: find_boot_file(kind, {}, settings) for kind in ("kernel", "ramdisk")}
        ramdisk = Ramdisk(
            kernel_url=_url_of(files["kernel"], "kernel", STRANGERS_KEY, base_url),
            ramdisk_url=_url_of(files["ramdisk"], "ramdisk", STRANGERS_KEY, base_url),
            append_params=settings.kernel_append_params,
            request_id=f"req-{uuid.uuid4()}",
            is_inspection=True,
            collectors=settings.inspection_collectors,
            debug=settings.log_level == "DEBUG",
        )
    except Invalid as error:
        problem = str(error)
    return KnownNode(
        label=None, provision_state="", ramdisk=ramdisk, problem=problem, is_stranger=True
    )


def boots_from_network(node: Node) -> bool:
    """Say whether the node's machine has been ordered to boot the ramdisk, or an instance from the network."""
    return node.driver_internal_info.get(KEY) in FROM_NETWORK


def any_boots_from_network(session: Session, uuids: Collection[str]) -> bool:
    """Say whether the machine of one of these nodes has been ordered to boot anything from the network."""
    return any(map(boots_from_network, session.scalars(select(Node).where(Node.uuid.in_(uuids)))))


def has_begun(node: Node, asker: str | None) -> bool:
    """Say whether ``begin_boot`` has nothing to note any more, as for all but the first questions of a boot."""
    return node.boot_key is not None and bool(
        asker is None or node.driver_internal_info.get(BOOT_ASKER)
    )


def begin_boot(store: Store, node_uuid: str, asker: str | None) -> Node | None:
    """Note that a machine is given what the node boots from the network, and return the node as it is then; ``None`` = it is gone.

    Args:
        store: The database.
        node_uuid: The node.
        asker: The address of a machine with a MAC address of the node's ports. The first of a boot is kept: what this boot finds
            out is taken from there. ``None`` = whose machine it is must still come out.
    """
    with store.edit() as session:
        query = locking(select(Node).where(Node.uuid == node_uuid))
        node = session.scalars(query).one_or_none()
        if node is None or not boots_from_network(node):
            return node
        if node.boot_key is None:
            node.boot_key = secrets.token_urlsafe(_KEY_BYTES)
        if asker and not node.driver_internal_info.get(BOOT_ASKER):
            node.driver_internal_info = {**node.driver_internal_info, BOOT_ASKER: asker}
        return node


def find_booting(session: Session, boot_key: str) -> Node | None:
    """Return the node whose machine is given files under this name; ``None`` = there is none now."""
    node = session.scalars(select(Node).where(Node.boot_key == boot_key)).one_or_none()
    return node if node is not None and boots_from_network(node) else None


def _label(node: Node) -> str:
    return f"{node.name} ({node.uuid})" if node.name else node.uuid


def ramdisk_told(
    node: Node, settings: Settings, *, kernel_url: str = "", ramdisk_url: str = ""
) -> Ramdisk:
    """Return what a node's ramdisk is told, wherever it comes from."""
    own = own_params(node.instance_info, node.driver_info)
    params = expand_params(own, settings.kernel_append_params)
    if settings.allow_unverified_images:
        params += " ingot-allow-unverified-images=1"
    if settings.allow_md5_images:
        params += " ingot-allow-md5-images=1"
    return Ramdisk(
        kernel_url=kernel_url,
        ramdisk_url=ramdisk_url,
        append_params=params,
        request_id=f"req-{uuid.uuid4()}",
        is_inspection=node.provision_state in _INSPECTED,
        collectors=settings.inspection_collectors,
        stays=is_fast_track(node.driver_info, settings) and not node.retired,
        debug=settings.log_level == "DEBUG",
    )


def _ramdisk_of(node: Node, settings: Settings, base_url: str) -> Ramdisk:
    is_rescue = node.provision_state in RESCUED
    files = {
        kind: find_boot_file(kind, node.driver_info, settings, is_rescue=is_rescue)
        for kind in ("kernel", "ramdisk")
    }
    kernel, ramdisk = (_url_of(file, kind, node.boot_key, base_url) for kind, file in files.items())
    return ramdisk_told(node, settings, kernel_url=kernel, ramdisk_url=ramdisk)


def _instance_of(
    node: Node, settings: Settings, base_url: str, volumes: Volumes | None
) -> Instance:
    """Return what belongs to the node's instance.

    Raises:
        Invalid: ``instance_info`` lacks it by now.
    """
    if node.driver_internal_info.get(KEY) == BootTarget.VOLUME:
        if volumes is None:
            raise Invalid(
                "it boots a volume, whose login is given only to the address that DHCP gave to a port of the node"
            )
        return iscsi_volumes(volumes)
    info = node.instance_info

    def url(kind: str) -> str:
        return _url_of(find_instance_file(kind, info, settings), kind, node.boot_key, base_url)

    if node.driver_internal_info.get(KEY) == BootTarget.INSTANCE_ISO:
        return InstanceIso(url=url("boot_iso"))
    words = (
        expand_params(own_params(info, node.driver_info), settings.kernel_append_params),
        info.get("ramdisk_kernel_arguments"),
    )
    return InstanceRamdisk(
        kernel_url=url("kernel"),
        ramdisk_url=url("ramdisk"),
        arguments=" ".join(str(word) for word in words if word),
    )


def file_of(kind: str, node: Node, settings: Settings) -> BootFile:
    """Return the ``kernel``, ``ramdisk`` or ``boot_iso`` that the node's machine boots from the network now.

    Raises:
        Invalid: There is none.
    """
    if node.driver_internal_info.get(KEY) in OF_INSTANCE:
        return find_instance_file(kind, node.instance_info, settings)
    is_rescue = node.provision_state in RESCUED
    return find_boot_file(kind, dict(node.driver_info), settings, is_rescue=is_rescue)


def _url_of(file: BootFile, kind: str, boot_key: str | None, base_url: str) -> str:
    if file.url:
        return ipxe_url(file.url, f"deploy_{kind}")
    return f"{base_url}/boot/{kind}/{boot_key}"
