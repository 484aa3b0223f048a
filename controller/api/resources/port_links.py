"""What a port may say about its place on a switch (``local_link_connection``); the forms are Ironic's, without OVN's, which Ironic dropped in 1.105."""

import re
from collections.abc import Mapping
from typing import Any

from agent.protocol.hardware_address import normal_mac
from controller.api.call import Call
from controller.api.documents import values
from controller.errors import Invalid
from controller.workflow.vifs import SMART_LINK

_KEYS = ("switch_id", "port_id", "switch_info", "network_type", "hostname")
_COMPLETE = (frozenset({"port_id", "switch_id"}), SMART_LINK)
_UNMANAGED = "unmanaged"
_NETWORK_TYPES = ("managed", _UNMANAGED)
_NETWORK_TYPE_SINCE = 64
_DATAPATH_ID = re.compile(r"[0-9a-f]{16}")
"""How OpenFlow names a switch."""


def link(value: Any, name: str) -> dict[str, Any]:
    """Take a link: empty, of a port on a switch, of a smart NIC, or of an unmanaged network; a switch's MAC address in lower case.

    Raises:
        Invalid: It is none of these, or says something that is no text.
    """
    found = values.object_(value, name)
    if unknown := sorted(found.keys() - set(_KEYS)):
        raise Invalid(f"{name} has unknown keys: {', '.join(unknown)}; valid: {', '.join(_KEYS)}")
    for key, said in found.items():
        if not isinstance(said, str):
            raise Invalid(f"{name}/{key} must be a string")
    kind = found.get("network_type")
    if kind not in (None, *_NETWORK_TYPES):
        raise Invalid(f"{name}/network_type must be one of {', '.join(_NETWORK_TYPES)}")
    is_complete = any(found.keys() >= keys for keys in _COMPLETE) or kind == _UNMANAGED
    if found and not is_complete:
        raise Invalid(
            f"{name} needs port_id and switch_id (or hostname, of a smart NIC), or network_type {_UNMANAGED}"
        )
    return (
        found | {"switch_id": _switch(found["switch_id"], name)} if "switch_id" in found else found
    )


def require_version(call: Call, said: Mapping[str, Any]) -> None:
    """Refuse (406) a link that the request's microversion does not have."""
    if "network_type" in said:
        call.require(_NETWORK_TYPE_SINCE, "local_link_connection/network_type")


def _switch(text: str, name: str) -> str:
    lower = text.lower()
    found = lower if _DATAPATH_ID.fullmatch(lower) else normal_mac(text)
    if found is None:
        raise Invalid(
            f"{name}/switch_id must be a MAC address or 16 hexadecimal digits (a datapath ID of OpenFlow), not {text!r}"
        )
    return found
