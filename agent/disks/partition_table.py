"""The partition table of a disk or an image, GPT or MBR, behind one face. Pure.

The first MiB of an image stays in memory until everything else is written, so the table is changed there: moved to the
disk's size, given a config drive partition. One write then makes all of it true at once.
"""

import uuid
from dataclasses import dataclass

from agent.disks import gpt, mbr
from agent.errors import ConfigDriveError, ImageError

_FAT_LBA = 0x0C
_MAX_PRIMARIES = 3
_OTHER_SECTORS = (512, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A partition in bytes of the whole disk; ``name`` is the GPT name, ``id_text`` its GUID (empty for MBR)."""

    number: int
    start_byte: int
    size_bytes: int
    is_esp: bool = False
    name: str = ""
    id_text: str = ""


class PartitionTable:
    """The table in ``head``, the first MiB of a disk, which this object changes in place."""

    def __init__(self, head: bytearray, sector_bytes: int) -> None:
        """Parse.

        Raises:
            ImageError: There is no table, a damaged one, or one for another sector size; the message says which.
        """
        self.head = head
        self.sector_bytes = sector_bytes
        self.gpt = gpt.parse(head, sector_bytes) if gpt.has_signature(head, sector_bytes) else None
        if self.gpt is not None:
            return
        if not mbr.is_valid(head):
            raise ImageError(
                "the image has no partition table; a whole-disk image is wanted, not a single filesystem"
            )
        if any(part.type_id == mbr.PROTECTIVE_TYPE for part in mbr.partitions(head)):
            other = next((s for s in _OTHER_SECTORS if gpt.has_signature(head, s)), None)
            reason = (
                f"was made for sectors of {other} bytes, but the disk has {sector_bytes}"
                if other
                else "is announced but missing"
            )
            raise ImageError(f"the image's GPT {reason}; use an image made for this kind of disk")

    def partitions(self) -> tuple[Partition, ...]:
        """Return the partitions (MBR: primary and extended ones) in the order of their numbers."""
        size = self.sector_bytes
        if self.gpt is None:
            return tuple(
                Partition(
                    number=part.number,
                    start_byte=part.first_lba * size,
                    size_bytes=part.sectors * size,
                    is_esp=part.type_id == 0xEF,  # noqa: PLR2004  # UEFI specification 5.2.2
                )
                for part in mbr.partitions(self.head)
            )
        return tuple(
            Partition(
                number=part.number,
                start_byte=part.first_lba * size,
                size_bytes=(part.last_lba + 1 - part.first_lba) * size,
                is_esp=part.type_id == gpt.ESP_TYPE,
                name=part.name,
                id_text=str(part.unique_id),
            )
            for part in self.gpt.partitions()
        )

    def fit(self, disk_bytes: int) -> None:
        """Fit the table to the disk: the backup of a GPT moves to the disk's end.

        Raises:
            ImageError: A partition does not fit on the disk.
        """
        if self.gpt is not None:
            sectors = disk_bytes // self.sector_bytes
            self.gpt = gpt.move_backup(self.gpt, sectors)
            mbr.resize_protective(self.head, sectors)
            gpt.write_primary(self.gpt, self.head)
        for part in self.partitions():
            if part.start_byte + part.size_bytes > disk_bytes:
                raise ImageError(
                    f"partition {part.number} of the image ends at byte"
                    f" {part.start_byte + part.size_bytes}, beyond the disk's {disk_bytes}"
                )

    def add_at_end(self, name: str, size_bytes: int, disk_bytes: int) -> Partition:
        """Add a partition at the end of the disk; call :meth:`fit` before.

        Raises:
            ConfigDriveError: There is no free number or no room.
        """
        if self.gpt is None:
            return self._add_mbr(size_bytes, disk_bytes)
        number = gpt.free_number(self.gpt)
        place = gpt.place_at_end(self.gpt, size_bytes)
        if number is None or place is None:
            raise ConfigDriveError(_no_room(name, size_bytes, number))
        part = gpt.GptPartition(
            number=number,
            type_id=gpt.LINUX_TYPE,
            unique_id=uuid.uuid4(),
            first_lba=place[0],
            last_lba=place[1],
            name=name,
        )
        self.gpt = gpt.add_partition(self.gpt, part)
        gpt.write_primary(self.gpt, self.head)
        return next(p for p in self.partitions() if p.number == number)

    def _add_mbr(self, size_bytes: int, disk_bytes: int) -> Partition:
        number = mbr.free_number(self.head)
        if number is None or len(mbr.partitions(self.head)) > _MAX_PRIMARIES:
            raise ConfigDriveError(
                "the image's MBR has four primary partitions and no place for a config drive;"
                " use a GPT image, or one with a partition labelled config-2"
            )
        sectors = disk_bytes // self.sector_bytes
        place = mbr.place_at_end(self.head, sectors, self.sector_bytes, size_bytes)
        if place is None:
            raise ConfigDriveError(_no_room("config drive", size_bytes, number))
        part = mbr.MbrPartition(
            number=number, type_id=_FAT_LBA, first_lba=place[0], sectors=place[1]
        )
        mbr.add_partition(self.head, part)
        return next(p for p in self.partitions() if p.number == number)

    def backup(self) -> tuple[int, bytes] | None:
        """Return (start byte, content) of the GPT's backup; ``None`` for MBR."""
        return None if self.gpt is None else gpt.backup(self.gpt)


def _no_room(name: str, size_bytes: int, number: int | None) -> str:
    if number is None:
        return f"the image's GPT is full; no partition number is left for {name}"
    return (
        f"no {size_bytes} bytes are free behind the image's last partition for {name};"
        " use a larger disk, a smaller image, or an image with a partition labelled config-2"
    )
