"""What ``properties.skip_block_devices`` protects of the drives and volumes of a Redfish storage. Pure.

A BMC does not tell everything that the hints of a node may ask for: where that leaves open whether a volume is meant, nothing is deleted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.protocol.device_hints import Hint, skip_hints, skipped_volumes
from agent.protocol.hint_values import holds
from agent.protocol.raid.logical_disks import GIB
from agent.protocol.raid.placing import PhysicalDrive
from agent.protocol.refusal import Refusal
from controller.bmc.redfish_storage import Volume

_VOLUME: Mapping[str, Callable[[Volume], str | None]] = {
    "wwn": lambda volume: volume.wwn,
    "size": lambda volume: repr(volume.size_bytes / GIB) if volume.size_bytes else None,
}
_DRIVE: Mapping[str, Callable[[PhysicalDrive], str | None]] = {
    "model": lambda drive: drive.model,
    "serial": lambda drive: drive.serial,
    "wwn": lambda drive: drive.wwn,
    "tran": lambda drive: drive.interface,
    "size": lambda drive: repr(drive.size_bytes / GIB) if drive.size_bytes else None,
    "rotational": lambda drive: str(drive.is_rotational).lower(),
}
PROTECTED = "is protected by properties.skip_block_devices"


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

    def protects_drive(self, drive: PhysicalDrive) -> bool:
        """Tell whether a drive is left alone; what it does not tell cannot protect it: its volume is what a system sees."""
        told = {name: read(drive) for name, read in _DRIVE.items()}
        return any(_verdict(entry, told) is True for entry in self._entries)

    def protects_volume(self, volume: Volume) -> bool:
        """Tell whether a volume is left alone.

        Raises:
            Refusal: That cannot be known.
        """
        if volume.name in self._names:
            return True
        told = {name: read(volume) for name, read in _VOLUME.items()}
        for entry in self._entries:
            verdict = _verdict(entry, told)
            if verdict is None:
                words = ", ".join(map(str, entry))
                raise Refusal(
                    f"properties.skip_block_devices names a disk by {words}, and the BMC does not tell whether the volume"
                    f" {volume.ident} is that; name the volume there by wwn or volume_name"
                )
            if verdict:
                return True
        return False


def _verdict(entry: Sequence[Hint], told: Mapping[str, str | None]) -> bool | None:
    """Return whether all hints hold; ``None`` = some cannot be judged, and no other fails."""
    verdicts = [_judged(hint, told.get(hint.name)) for hint in entry]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _judged(hint: Hint, value: str | None) -> bool | None:
    return None if value is None else holds(hint, value.strip().lower())
