"""What a RAID controller has: drives, logical drives, and the levels that it can make. Values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.hardware.devices import BlockDevice

JBOD = "JBOD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One RAID level by Ironic's name; ``most`` ``None`` = no limit of ours, ``step`` = the count of drives is a multiple of it.

    ``capacity`` returns how many bytes so many drives of so many bytes have together.
    """

    name: str
    fewest: int
    most: int | None
    step: int
    capacity: Callable[[int, int], int]

    def fits(self, count: int) -> bool:
        """Tell whether a logical drive of this level can have ``count`` drives."""
        is_inside = self.fewest <= count and (self.most is None or count <= self.most)
        return is_inside and count % self.step == 0

    def rule(self) -> str:
        """Return which numbers of drives it takes, in words."""
        if self.fewest == self.most:
            return f"exactly {self.fewest}"
        even = ", an even number" if self.step > 1 else ""
        return f"{self.fewest} or more{even}"


def _level(
    name: str, fewest: int, data: Callable[[int], int], *, most: int | None = None, step: int = 1
) -> Level:
    return Level(
        name=name,
        fewest=fewest,
        most=most,
        step=step,
        capacity=lambda count, size_bytes: data(count) * size_bytes,
    )


LEVELS: Mapping[str, Level] = {
    level.name: level
    for level in (
        _level("0", 1, lambda count: count),
        _level("1", 2, lambda _count: 1, most=2, step=2),
        _level("5", 3, lambda count: count - 1),
        _level("6", 4, lambda count: count - 2),
        _level("1+0", 4, lambda count: count // 2, step=2),
        _level("5+0", 6, lambda count: count - 2, step=2),
        _level("6+0", 8, lambda count: count - 4, step=2),
        _level(JBOD, 1, lambda _count: 1, most=1),
    )
}
"""``5+0`` and ``6+0`` are two spans of level 5 and 6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalDrive:
    """A drive behind a controller; ``ident`` is what the program calls it (``252:0``, ``5I:1:1``).

    ``interface`` is ``sata``, ``sas``, ``scsi`` or ``nvme``. ``obstacle`` says why it cannot become part of a logical drive now, ``None`` = it can.
    ``is_member`` = it is free as soon as its logical drives are deleted, ``is_foreign`` = it carries the configuration of another controller, ``is_plain`` = the operating system sees it as it is.
    """

    ident: str
    size_bytes: int
    is_rotational: bool
    interface: str
    model: str | None = None
    serial: str | None = None
    wwn: str | None = None
    obstacle: str | None = None
    is_member: bool = False
    is_foreign: bool = False
    is_plain: bool = False

    def as_disk(self) -> BlockDevice:
        """Return the drive as hints see disks; its path is its name behind the controller."""
        return BlockDevice(
            path=Path(self.ident),
            size_bytes=self.size_bytes,
            logical_sector_bytes=512,
            physical_sector_bytes=512,
            is_rotational=self.is_rotational,
            model=self.model,
            serial=self.serial,
            wwn=self.wwn,
            transport=self.interface,
        )


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
