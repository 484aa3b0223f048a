"""Client values into a node's row: names, interfaces, secrets that were masked, uniqueness."""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from agent.protocol.secret_names import MASK
from controller.api.nodes.driver_info import checked_driver_info
from controller.api.nodes.fields import NODES
from controller.api.resource.uniqueness import refuse_taken
from controller.errors import Invalid, NotFound
from controller.hardware.catalog import Catalog
from controller.store.chassis import get_chassis
from controller.store.identity import is_legal_name
from controller.store.nodes import get_node
from controller.store.parents import is_at_or_above
from controller.store.secrets import unmasked
from controller.store.tables import Node

_GROUP = re.compile(r"[a-z0-9._-]*")
_SUFFIX = "_interface"
_WORDS_OF_ROUTES = frozenset(
    {"detail", "maintenance", "management", "states", "validate", "vendor_passthru"}
)
"""What stands, or stood, in the place of a node's name in a path."""


def put_values(session: Session, node: Node, values: Mapping[str, Any], catalog: Catalog) -> None:
    """Write checked values by field name into the row; ``catalog`` is what is served.

    Raises:
        Invalid: An illegal name, an unknown driver, interface or parent, a mask without a secret.
        Conflict: The name, UUID or instance UUID belongs to another node.
    """
    interfaces = dict(node.interfaces or {})
    with session.no_autoflush:
        for name, value in values.items():
            if name.endswith(_SUFFIX):
                interfaces.pop(name.removesuffix(_SUFFIX), None)
                if value is not None:
                    interfaces[name.removesuffix(_SUFFIX)] = value
            else:
                _put_one(session, node, name, value)
    refuse_taken(session, NODES, node, values)
    catalog.names_of(node.driver, interfaces)
    if interfaces != node.interfaces:
        node.interfaces = interfaces


def current_instance_info(node: Node) -> dict[str, Any]:
    """Return the instance_info a patch starts from: a stored config drive is there as its mask."""
    shown = dict(node.instance_info or {})
    if node.has_config_drive:
        shown["configdrive"] = MASK
    return shown


def _put_one(session: Session, node: Node, name: str, value: Any) -> None:
    match name:
        case "name":
            _refuse_illegal_name(value)
            node.name = value
        case "driver_info":
            node.driver_info = checked_driver_info(unmasked(value, node.driver_info, "driver_info"))
        case "instance_info":
            _put_instance_info(node, value)
        case "conductor_group":
            node.conductor_group = _group(value)
        case "parent_node":
            node.parent_node = _parent(session, node, value)
        case "chassis_uuid":
            node.chassis_uuid = _chassis(session, value)
        case _:
            setattr(node, name, value)


def _put_instance_info(node: Node, value: dict[str, Any]) -> None:
    info = dict(value)
    drive = info.pop("configdrive", None)
    if drive is not None and not isinstance(drive, str):
        raise Invalid(
            "instance_info/configdrive must be a string (gzip and base64, or a URL); "
            "a config drive as an object goes into PUT states/provision"
        )
    if drive != MASK:
        node.config_drive = drive or None
    node.instance_info = unmasked(info, node.instance_info, "instance_info")


def _refuse_illegal_name(name: str | None) -> None:
    if name in _WORDS_OF_ROUTES:
        raise Invalid(
            f"The word {name!r} is reserved and cannot name a node; reserved are: {', '.join(sorted(_WORDS_OF_ROUTES))}"
        )
    if name is not None and not is_legal_name(name):
        raise Invalid(
            f"Invalid name {name!r}: use up to 255 letters, digits or - . _ ~, and no UUID"
        )


def _group(value: str | None) -> str:
    group = (value or "").lower()
    if not _GROUP.fullmatch(group):
        raise Invalid(f"conductor_group {value!r} may only have letters, digits, - . and _")
    return group


def _chassis(session: Session, uuid: str | None) -> str | None:
    if uuid is None:
        return None
    try:
        return get_chassis(session, uuid, lock=True).uuid
    except NotFound as error:
        raise Invalid(str(error)) from error


def _parent(session: Session, node: Node, ident: str | None) -> str | None:
    if ident is None:
        return None
    try:
        parent = get_node(session, ident)
    except NotFound as error:
        raise Invalid(f"parent_node: {error}") from error
    if parent.uuid == node.uuid:
        raise Invalid(f"parent_node: node {ident} cannot be its own parent")
    if is_at_or_above(session, node.uuid, parent.uuid):
        raise Invalid(
            f"parent_node: node {ident} is a child of node {node.uuid} itself, directly or through others; "
            "give that child another parent first"
        )
    return parent.uuid
