"""iSCSI volumes as iPXE names them, made of volume targets as Ironic and Cinder write them. Pure.

Source: Ironic's ``get_volume_pxe_options`` (``common/pxe_utils.py``); the address is that of RFC 4173.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.errors import Invalid
from controller.store.volumes import Volume, Volumes

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PORTAL = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>\d{1,5}))?")
_NAME = re.compile(r"(?:iqn|eui|naa)\.[A-Za-z0-9.:_-]{1,220}")
_WORD = re.compile(r"[!-~]{1,255}")
_MOST_LUN = 16383
_MOST_PORTALS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class IscsiVolume:
    """A volume that iPXE can attach."""

    urls: tuple[str, ...]
    """Each leads to it."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceVolumes:
    """What a machine boots from volumes."""

    volumes: tuple[IscsiVolume, ...]
    """The first is the one to boot from."""
    initiator: str | None


def iscsi_volumes(volumes: Volumes) -> InstanceVolumes:
    """Return the volumes of a node, checked.

    Raises:
        Invalid: There is none to boot from, or one is not iSCSI, lacks something, or has what cannot stand in a boot script; no
            message shows a password.
    """
    if volumes.boot is None:
        raise Invalid("no volume target has boot_index 0, so there is no volume to boot from")
    if volumes.initiator and not _NAME.fullmatch(volumes.initiator):
        raise Invalid(
            f"the volume connector of type iqn is {volumes.initiator[:100]!r}; write a name like iqn.2026-01.org.example:node1"
        )
    others = (one for one in volumes.others if _is_iscsi(one))
    return InstanceVolumes(
        volumes=tuple(map(_volume, (volumes.boot, *others))), initiator=volumes.initiator or None
    )


def _is_iscsi(volume: Volume) -> bool:
    return volume.volume_type.lower() == "iscsi"


def _volume(volume: Volume) -> IscsiVolume:
    if not _is_iscsi(volume):
        raise Invalid(
            f"the volume to boot from is of type {volume.volume_type[:40]!r}; only iscsi can be booted"
        )
    known = volume.properties
    name, lun = _first(known, "target_iqn"), _lun(_first(known, "target_lun"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Invalid(
            f"target_iqn of the volume target is {name!r:.100}; write a name like iqn.2026-01.org.example:disk1"
        )
    portals = known.get("target_portals") or [known.get("target_portal")]
    if not isinstance(portals, list) or len(portals) > _MOST_PORTALS:
        raise Invalid(
            f"target_portals of the volume target must be a list of up to {_MOST_PORTALS}"
        )
    return IscsiVolume(
        urls=tuple(f"iscsi:{_place(portal)}:{lun:x}:{name}" for portal in portals),
        username=_word(known, "auth_username"),
        password=_word(known, "auth_password"),
    )


def _first(properties: Mapping[str, Any], key: str) -> Any:
    """Return a property that may be a list, of which the first counts, under its name or that with an s."""
    for name in (key, f"{key}s"):
        value = properties.get(name)
        found = value[0] if isinstance(value, list) and value else value
        if found not in (None, "", []):
            return found
    return None


def _lun(value: Any) -> int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > _MOST_LUN:  # noqa: PLR2004  # digits of the limit
        raise Invalid(
            f"target_lun of the volume target is {value!r:.100}; give a number from 0 to {_MOST_LUN}"
        )
    return int(text)


def _place(portal: Any) -> str:
    """Return ``<host>::<port>`` of ``host:port``."""
    found = _PORTAL.fullmatch(portal) if isinstance(portal, str) else None
    if found is None or not _HOST.fullmatch(found["host"]):
        raise Invalid(
            f"target_portal of the volume target is {portal!r:.100}; write address:port, for example 192.0.2.7:3260"
        )
    return f"{found['host']}::{found['port'] or ''}"


def _word(properties: Mapping[str, Any], key: str) -> str | None:
    """Return a part of a login, as one word of a script."""
    value = properties.get(key)
    if value in (None, ""):
        return None
    is_fine = isinstance(value, str) and _WORD.fullmatch(value) and "${" not in value
    if not is_fine or value.startswith("#") or value in ("||", "&&", ";"):
        raise Invalid(
            f"{key} of the volume target cannot stand in a boot script: it must be ASCII without blanks and ${{, and not"
            " begin with #"
        )
    return str(value)
