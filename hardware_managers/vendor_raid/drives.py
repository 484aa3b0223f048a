"""What a RAID controller has: drives, logical drives. Values only."""

from dataclasses import dataclass
from pathlib import Path

from agent.hardware.devices import BlockDevice
from agent.protocol.raid.levels import Level
from agent.protocol.raid.placing import PhysicalDrive


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalDrive:
    """A logical drive that stands; ``level`` is Ironic's name, or the program's where Ironic has none.

    ``wwn`` is in lower case with ``0x``; ``device`` is the block device as far as the program tells it; ``group`` the array of drives it is on.
    """

    ident: str
    level: str
    size_bytes: int
    drives: tuple[str, ...]
    state: str
    name: str | None = None
    wwn: str | None = None
    device: Path | None = None
    group: str | None = None

    def is_on(self, disk: BlockDevice) -> bool:
        """Tell whether the kernel shows this logical drive as ``disk``."""
        wwns = {_digits(one) for one in (disk.wwn, *disk.wwns, disk.wwn_with_extension) if one}
        if self.wwn and wwns:
            return _digits(self.wwn) in wwns
        return self.device is not None and self.device in disk.nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class RaidController:
    """A controller; ``name`` is what a logical disk gives as ``controller``, ``place`` what the program calls it (``/c0``, ``slot=2``)."""

    name: str
    place: str
    drives: tuple[PhysicalDrive, ...]
    logical_drives: tuple[LogicalDrive, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDrive:
    """A logical drive to be made; ``size_bytes`` ``None`` = all that is left, ``is_added`` = its drives are in an array already."""

    level: Level
    drives: tuple[str, ...]
    size_bytes: int | None
    name: str | None
    is_added: bool


def _digits(wwn: str) -> str:
    return wwn.lower().removeprefix("0x").removeprefix("naa.")
