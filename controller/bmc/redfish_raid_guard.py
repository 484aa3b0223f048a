"""What ``properties.skip_block_devices`` protects of the drives and volumes of a Redfish storage. Pure.

A BMC does not tell everything that the hints of a node may ask for: where that leaves open whether a volume is meant, nothing is deleted; where it
leaves that open of a drive that a system may see as it is, that is not used.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from agent.protocol.device_hints import Hint, skip_hints, skipped_volumes
from agent.protocol.hint_values import holds
from agent.protocol.raid.logical_disks import GIB
from agent.protocol.raid.placing import PhysicalDrive
from agent.protocol.refusal import Refusal
from controller.bmc.redfish_storage import Store, Volume

_VOLUME: Mapping[str, Callable[[Volume], str | None]] = {
    "wwn": lambda volume: volume.wwn,
    "size": lambda volume: repr(volume.size_bytes / GIB) if volume.size_bytes else None,
}
_DRIVE: Mapping[str, Callable[[PhysicalDrive], str | None]] = {
    "model": lambda drive: drive.model,
    "serial": lambda drive: drive.serial,
    "wwn": lambda drive: drive.wwn,
    "tran": lambda drive: None if drive.interface == "unknown" else drive.interface,
    "size": lambda drive: repr(drive.size_bytes / GIB) if drive.size_bytes else None,
}
_SKIPPED = "properties.skip_block_devices"
PROTECTED = f"is protected by {_SKIPPED}"
_OF_ONE_DISK = ("serial", "wwn")

_Entry = tuple[Hint, ...]
_Told = Mapping[str, Sequence[str]]
"""What is told of a disk, by the names of hints; several where drive and volume each say something."""


class Guard:
    """What a node has that is to be left alone."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        """Read ``properties``.

        Raises:
            Refusal: ``skip_block_devices`` is malformed.
        """
        node = {"properties": properties}
        self._names = skipped_volumes(node)
        self._entries = skip_hints(node)

    def settled(self, found: Iterable[Store]) -> frozenset[_Entry]:
        """Return the entries that name one disk by serial number or WWN, and a system sees it: they mean no other, whatever that does not tell."""
        told: list[_Told] = []
        for store in found:
            told += [_told_of_volume(one) for one in store.volumes]
            told += [
                _told_of_drive(one, store) for one in store.drives if not _is_inside(one, store)
            ]
        named = [one for one in self._entries if any(map(_names_one_disk, one))]
        return frozenset(one for one in named if any(_verdict(one, disk) for disk in told))

    def obstacle(
        self, drive: PhysicalDrive, store: Store, settled: Collection[_Entry]
    ) -> str | None:
        """Return why a drive is left alone; ``None`` = it may be used.

        A system sees a drive that is in no RAID volume: what the BMC does not tell of it protects it. Of the others it sees the volume.
        """
        raw = store.shown_as(drive.ident)
        placeless = [one for one in store.volumes if one.is_raw and not one.drives]
        told = _told_of_drive(drive, store)
        if any(_verdict(entry, told) for entry in self._entries):
            return PROTECTED
        if any(self._is_named(one) for one in raw):
            return PROTECTED
        if _is_inside(drive, store):
            return None
        for entry in self._entries:
            if entry not in settled and _verdict(entry, told) is None:
                return f"may be what {_SKIPPED} names by {_words(entry)}: the BMC does not tell; name the disk there by serial or wwn"
        if any(self._is_named(one) or self._has(_told_of_volume(one)) for one in placeless):
            return f"may be a volume that {PROTECTED}: the BMC does not tell on which drive that is"
        return None

    def protects_volume(self, volume: Volume, settled: Collection[_Entry] = ()) -> bool:
        """Tell whether a volume is left alone.

        Raises:
            Refusal: That cannot be known.
        """
        if self._is_named(volume):
            return True
        told = _told_of_volume(volume)
        if self._has(told):
            return True
        for entry in self._entries:
            if entry not in settled and _verdict(entry, told) is None:
                raise Refusal(
                    f"{_SKIPPED} names a disk by {_words(entry)}, and the BMC does not tell whether the volume"
                    f" {volume.ident} is that; name the volume there by wwn or volume_name"
                )
        return False

    def _is_named(self, volume: Volume) -> bool:
        return not self._names.isdisjoint(volume.names)

    def _has(self, told: _Told) -> bool:
        return any(_verdict(entry, told) for entry in self._entries)


def _is_inside(drive: PhysicalDrive, store: Store) -> bool:
    """Tell whether a drive is in a RAID volume."""
    return any(one.is_raid for one in store.users(drive.ident))


def _told_of_volume(volume: Volume) -> _Told:
    return {name: _texts([read(volume)]) for name, read in _VOLUME.items()}


def _told_of_drive(drive: PhysicalDrive, store: Store) -> _Told:
    """Return what is told of a drive, also where it is shown as a volume: both are the disk that a system sees."""
    told = {name: _texts([read(drive)]) for name, read in _DRIVE.items()}
    rotates = store.rotates.get(store.paths.get(drive.ident, ""))
    told["rotational"] = [] if rotates is None else [str(rotates).lower()]
    for volume in store.shown_as(drive.ident):
        for name, values in _told_of_volume(volume).items():
            told[name] = [*told[name], *values]
    return told


def _texts(values: Iterable[str | None]) -> list[str]:
    return [one.strip().lower() for one in values if one is not None]


def _words(entry: _Entry) -> str:
    return ", ".join(map(str, entry))


def _names_one_disk(hint: Hint) -> bool:
    return hint.name in _OF_ONE_DISK and hint.op == "s=="


def _verdict(entry: _Entry, told: _Told) -> bool | None:
    """Return whether all hints hold; ``None`` = some cannot be judged, and no other fails."""
    verdicts = [_judged(hint, told.get(hint.name, ())) for hint in entry]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _judged(hint: Hint, values: Sequence[str]) -> bool | None:
    verdicts = [holds(hint, one) for one in values]
    if True in verdicts:
        return True
    if hint.name == "wwn" and _may_have_another_name(hint, values):
        return None
    return False if False in verdicts else None


def _may_have_another_name(hint: Hint, wwns: Sequence[str]) -> bool:
    """Tell whether a disk may be called as a hint says although its BMC says another name.

    Linux shows one of the names that an NVMe namespace has (UUID, NGUID, EUI-64: ``wwid`` of the driver), a BMC maybe another.
    """
    is_nvme = any(one.startswith("eui.") for one in wwns)
    return is_nvme and not all(one.startswith("0x") for one in hint.values)
