"""Storage of a machine by its Redfish service (DMTF DSP2046: Storage, StorageController, Drive, Volume): controllers, drives, volumes.

Older services say ``VolumeType`` where newer ones have ``RAIDType``, and have their controllers inside the storage.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import hexdigits
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
_KINDS = {"HDD": True, "SMR": True, "SSD": False}
"""Drive, ``MediaType``: whether such a drive rotates."""
_RAW = "RawDevice"
_PREFIXES: Mapping[str, str] = MappingProxyType({"NAA": "0x", "NGUID": "eui.", "EUI": "eui."})
"""Kinds of world wide names, the best first, and how Linux begins them; of two names of NVMe it shows the NGUID."""
_PREFIX = re.compile(r"^(0x|naa\.|eui\.)+")
_SEPARATORS = str.maketrans("", "", ":- ")
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
    second_name: str = ""
    """Its ``Name`` where the BMC has a ``DisplayName`` beside it."""

    @property
    def ident(self) -> str:
        """The last part of its address."""
        return Document(path=self.path, body={}).name

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called."""
        return tuple(one for one in (self.name, self.second_name) if one)

    @property
    def is_raw(self) -> bool:
        """It is a drive as it is, shown as a volume."""
        return self.said == _RAW


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
    rotates: Mapping[str, bool] = field(default_factory=dict)
    """By address of the drives: whether they rotate, as far as the BMC tells."""

    def is_rotational(self, volume: Volume) -> bool | None:
        """Return what the drives of a volume are, all alike; ``None`` = they are not, or the BMC does not tell."""
        kinds = {self.rotates.get(path) for path in volume.drives}
        return kinds.pop() if len(kinds) == 1 else None

    def users(self, ident: str) -> tuple[Volume, ...]:
        """Return the volumes on a drive, but not the drive itself as a volume."""
        path = self.paths.get(ident)
        return tuple(one for one in self.volumes if path in one.drives and not one.is_raw)

    def shown_as(self, ident: str) -> tuple[Volume, ...]:
        """Return a drive itself as a volume."""
        path = self.paths.get(ident)
        return tuple(one for one in self.volumes if path in one.drives and one.is_raw)


def stores(system: System) -> tuple[Store, ...]:
    """Return every storage of the machine that has volumes or could have some; empty = none."""
    paths = _once(listed(system, link(system.json, "Storage")))
    read = (read_if_there(system, path) for path in paths[:_MOST_STORES])
    return tuple(_store(system, one) for one in read if one is not None)


def is_there(near: System, volume: str) -> bool:
    """Tell whether a volume answers at its own address."""
    return read_if_there(near, volume) is not None


def volumes(near: System, collection: str) -> tuple[Volume, ...] | None:
    """Return the volumes of one collection; ``None`` = it is not there now, as with some BMCs while the machine starts."""
    if read_if_there(near, collection) is None:
        return None
    return tuple(_volume(one) for one in members(near, collection))


def _store(system: System, found: Document) -> Store:
    collection = link(found.body, "Volumes")
    page = read_if_there(system, collection)
    listed_drives = _once(links(found.body, "Drives"))[:_MOST_DRIVES]
    read = [read_if_there(system, path) for path in listed_drives]
    there = [one for one in read if one and text(one.body, "Status", "State") != "Absent"]
    standing = members(system, collection) if page is not None else ()
    drives = tuple(_drive(one, ident) for one, ident in zip(there, _idents(there), strict=True))
    return Store(
        name=text(found.body, "Id") or found.name,
        path=found.path,
        drives=drives,
        paths={drive.ident: one.path for drive, one in zip(drives, there, strict=True)},
        levels=_levels(_controllers(system, found)),
        collection=collection if page is not None else None,
        volumes=tuple(_with_drives(_volume(one), there) for one in standing),
        apply_times=_apply_times(page),
        rotates={one.path: told for one in there if (told := _rotates(one.body)) is not None},
    )


def _once(paths: Sequence[str]) -> list[str]:
    return [*dict.fromkeys(paths)]


def _idents(drives: Sequence[Document]) -> list[str]:
    """Return what the drives of a storage are called, each otherwise: ``Id``; of several enclosures that count alike with the chassis, or the address."""
    said = [clean_line(text(one.body, "Id") or one.name, _MOST_LETTERS) for one in drives]
    chassis = [link(one.body, "Links", "Chassis") or "" for one in drives]
    homes = [Document(path=path, body={}).name for path in chassis]
    longer = [
        clean_line(f"{home}/{ident}", _MOST_LETTERS)
        for home, ident in zip(homes, said, strict=True)
    ]
    many, more = Counter(said), Counter(longer)
    return [
        said[n]
        if many[said[n]] == 1
        else longer[n]
        if homes[n] and more[longer[n]] == 1
        else one.path
        for n, one in enumerate(drives)
    ]


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


def _drive(found: Document, ident: str) -> PhysicalDrive:
    body = found.body
    protocol = (text(body, "Protocol") or "").lower()
    return PhysicalDrive(
        ident=ident,
        size_bytes=_size(body),
        is_rotational=_rotates(body) is True,
        interface="nvme" if protocol in ("nvme", "pcie") else protocol or "unknown",
        model=text(body, "Model"),
        serial=text(body, "SerialNumber"),
        wwn=_wwn(body),
        obstacle=_fault(body),
    )


def _rotates(drive: Mapping[str, Any]) -> bool | None:
    """Return whether a drive rotates; ``None`` = the BMC does not tell."""
    kind, rate = text(drive, "MediaType"), dig(drive, "RotationSpeedRPM")
    if kind in _KINDS:
        return _KINDS[kind]
    if isinstance(rate, int | float) and not isinstance(rate, bool) and rate >= 0:
        return rate > 0
    return False if text(drive, "Protocol") == "NVMe" else None


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
    called = (text(body, "DisplayName"), text(body, "Name"))
    names = [clean_line(one, _MOST_LETTERS) for one in called if one]
    return Volume(
        path=found.path,
        name=names[0] if names else "",
        second_name=names[1] if names[1:] and names[1] != names[0] else "",
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
    """Return the world wide name as Linux has it, in lower case: NAA with ``0x``, NGUID and EUI-64 of NVMe with ``eui.``."""
    told = dig(body, "Identifiers")
    names = dict(_wwns(told if isinstance(told, list) else []))
    return next((names[kind] for kind in _PREFIXES if kind in names), None)


def _wwns(told: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield kind and name, the last of a kind first."""
    for one in reversed(told):
        kind = text(one, "DurableNameFormat") or ""
        name = (text(one, "DurableName") or "").lower()
        digits = _PREFIX.sub("", name).translate(_SEPARATORS)
        if kind in _PREFIXES and digits and all(letter in hexdigits for letter in digits):
            yield kind, f"{_PREFIXES[kind]}{digits}"
