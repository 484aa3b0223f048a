"""Storage of a machine by its Redfish service (DMTF DSP2046: Storage, StorageController, Drive, Volume): controllers, drives, volumes.

Older services say ``VolumeType`` where newer ones have ``RAIDType``, and have their controllers inside the storage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sushy.resources.system.system import System

from agent.protocol.foreign_text import clean_line
from agent.protocol.raid.placing import PhysicalDrive
from controller.bmc.redfish_document import (
    Document,
    dig,
    link,
    links,
    listed,
    members,
    read_if_there,
    text,
)

RAID_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "0": "RAID0",
        "1": "RAID1",
        "5": "RAID5",
        "6": "RAID6",
        "1+0": "RAID10",
        "5+0": "RAID50",
        "6+0": "RAID60",
    }
)
"""Ironic's names of the levels, and Redfish's (Volume, ``RAIDType``)."""
VOLUME_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "0": "NonRedundant",
        "1": "Mirrored",
        "5": "StripedWithParity",
        "1+0": "SpannedMirrors",
        "5+0": "SpannedStripesWithParity",
    }
)
"""The same in ``VolumeType``, which Redfish has given up; it has no word for the others."""
_LEVELS = {word: level for level, word in RAID_TYPES.items()}
_OLD_LEVELS = {word: level for level, word in VOLUME_TYPES.items()}
_RAW = "RawDevice"
_MOST_LETTERS = 100
_MOST_STORES, _MOST_DRIVES = 32, 256
"""Of one machine, and of one of its storages; all are read one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume that stands."""

    path: str
    name: str
    said: str
    """Its kind in the BMC's words (``RAID1``); empty = the BMC says none."""
    level: str | None
    """By Ironic's name; ``None`` = Ironic has none for it."""
    is_raid: bool
    """Somebody made it of drives; else it is a drive as it is, or of a kind that the BMC does not tell."""
    size_bytes: int
    drives: tuple[str, ...]
    """Addresses; empty = the BMC does not tell."""
    wwn: str | None = None

    @property
    def ident(self) -> str:
        """The last part of its address."""
        return Document(path=self.path, body={}).name


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A storage with its controllers; ``drives`` as the BMC tells them, free or not."""

    name: str
    """Its identifier: what a logical disk gives as ``controller``."""
    path: str
    drives: tuple[PhysicalDrive, ...]
    paths: Mapping[str, str]
    """Addresses of the drives, by their names."""
    levels: tuple[str, ...] | None
    """Those that it makes, by Ironic's names; ``None`` = the BMC does not tell."""
    collection: str | None
    """Address of its volumes; ``None`` = it has none."""
    volumes: tuple[Volume, ...]
    apply_times: tuple[str, ...] = ()
    """When an order for a volume may be carried out (``Immediate``, ``OnReset``); empty = the BMC does not tell."""

    def users(self, ident: str) -> tuple[Volume, ...]:
        """Return the volumes on a drive, but not the drive itself as a volume."""
        path = self.paths.get(ident)
        return tuple(one for one in self.volumes if path in one.drives and one.said != _RAW)


def stores(system: System) -> tuple[Store, ...]:
    """Return every storage of the machine that has volumes or could have some; empty = none."""
    paths = listed(system, link(system.json, "Storage"))
    read = (read_if_there(system, path) for path in paths[:_MOST_STORES])
    return tuple(_store(system, one) for one in read if one is not None)


def volumes(near: System, collection: str) -> tuple[Volume, ...] | None:
    """Return the volumes of one collection; ``None`` = it is not there now, as with some BMCs while the machine starts."""
    if read_if_there(near, collection) is None:
        return None
    return tuple(_volume(one) for one in members(near, collection))


def _store(system: System, found: Document) -> Store:
    collection = link(found.body, "Volumes")
    page = read_if_there(system, collection)
    read = [read_if_there(system, path) for path in links(found.body, "Drives")[:_MOST_DRIVES]]
    there = [one for one in read if one and text(one.body, "Status", "State") != "Absent"]
    standing = members(system, collection) if page is not None else ()
    drives = tuple(_drive(one) for one in there)
    return Store(
        name=text(found.body, "Id") or found.name,
        path=found.path,
        drives=drives,
        paths={drive.ident: one.path for drive, one in zip(drives, there, strict=True)},
        levels=_levels(_controllers(system, found)),
        collection=collection if page is not None else None,
        volumes=tuple(_with_drives(_volume(one), there) for one in standing),
        apply_times=_apply_times(page),
    )


def _with_drives(volume: Volume, drives: Sequence[Document]) -> Volume:
    """Return a volume with its drives, which some BMCs say of the drives alone."""
    if volume.drives:
        return volume
    on = (one.path for one in drives if volume.path in links(one.body, "Links", "Volumes"))
    return replace(volume, drives=tuple(on))


def _controllers(system: System, storage: Document) -> Sequence[Mapping[str, Any]]:
    """Return the controllers of a storage, inside of it or beside it."""
    inside = dig(storage.body, "StorageControllers")
    told = [one for one in inside if isinstance(one, Mapping)] if isinstance(inside, list) else []
    whole = [one for one in told if "SupportedRAIDTypes" in one]
    if whole:
        return whole
    beside = [one.body for one in members(system, link(storage.body, "Controllers"))]
    return beside or told


def _levels(controllers: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """Return what the controllers make; a storage without any makes nothing."""
    if not controllers:
        return ()
    told = [dig(one, "SupportedRAIDTypes") for one in controllers]
    known = [one for one in told if isinstance(one, list)]
    if not known:
        return None
    words = {word for one in known for word in one if isinstance(word, str)}
    return tuple(level for level, word in RAID_TYPES.items() if word in words)


def _apply_times(page: Document | None) -> tuple[str, ...]:
    told = dig(page.body, "@Redfish.OperationApplyTimeSupport", "SupportedValues") if page else None
    return tuple(one for one in told if isinstance(one, str)) if isinstance(told, list) else ()


def _drive(found: Document) -> PhysicalDrive:
    body = found.body
    protocol = (text(body, "Protocol") or "").lower()
    rate = dig(body, "RotationSpeedRPM")
    spins = isinstance(rate, int | float) and rate > 0
    return PhysicalDrive(
        ident=clean_line(text(body, "Id") or found.name, _MOST_LETTERS),
        size_bytes=_size(body),
        is_rotational=text(body, "MediaType") == "HDD" or (spins and "MediaType" not in body),
        interface="nvme" if protocol in ("nvme", "pcie") else protocol or "unknown",
        model=text(body, "Model"),
        serial=text(body, "SerialNumber"),
        wwn=_wwn(body),
        obstacle=_fault(body),
    )


def _fault(drive: Mapping[str, Any]) -> str | None:
    """Return why nothing should be put on a drive; ``None`` = it is fine."""
    health, state = text(drive, "Status", "Health"), text(drive, "Status", "State")
    if health == "Critical":
        return "is not well: its BMC says Critical"
    if state not in (None, "Enabled", "Disabled", "StandbyOffline", "Quiesced"):
        return f"is not ready: its BMC says {clean_line(state, _MOST_LETTERS)}"
    if dig(drive, "FailurePredicted") is True:
        return "will fail soon, as its BMC says"
    spare = text(drive, "HotspareType")
    return "is a hot spare" if spare not in (None, "None") else None


def _volume(found: Document) -> Volume:
    body = found.body
    new, old = text(body, "RAIDType"), text(body, "VolumeType")
    is_raid = new not in (None, "None") or (new is None and old not in (None, _RAW))
    said = new if new not in (None, "None") else old
    return Volume(
        path=found.path,
        name=clean_line(text(body, "DisplayName") or text(body, "Name") or "", _MOST_LETTERS),
        said=clean_line(said or "", _MOST_LETTERS),
        level=_LEVELS.get(said or "") or _OLD_LEVELS.get(said or ""),
        is_raid=is_raid,
        size_bytes=_size(body),
        drives=tuple(links(body, "Links", "Drives")),
        wwn=_wwn(body),
    )


def _size(body: Mapping[str, Any]) -> int:
    told = dig(body, "CapacityBytes")
    is_one = isinstance(told, int) and not isinstance(told, bool) and 0 < told < 1 << 60
    return told if is_one else 0


def _wwn(body: Mapping[str, Any]) -> str | None:
    """Return the world wide name as Linux has it: NAA, in lower case, with ``0x``."""
    told = dig(body, "Identifiers")
    return next(_wwns(told if isinstance(told, list) else []), None)


def _wwns(told: Sequence[Any]) -> Iterator[str]:
    for one in told:
        name = (text(one, "DurableName") or "").lower().removeprefix("0x").removeprefix("naa.")
        digits = name.replace(":", "")
        is_hex = bool(digits) and all(letter in "0123456789abcdef" for letter in digits)
        if text(one, "DurableNameFormat") == "NAA" and is_hex:
            yield f"0x{digits}"
