"""What ``target_raid_config`` asks of software RAID, as values. Pure; Ironic's schema is ``raid_config_schema.json``.

Whatever md cannot do is refused by name, before anything is written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import InvalidRequest
from agent.protocol.raid import logical_disks

CONTROLLER = "software"
RESERVED_NAME = "esp"
"""The array that holds the EFI system partitions of a deployed system."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,27}")
_MOST = 100
"""A GPT has room for 128 partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One RAID level: its name in Ironic, in ``mdadm --level`` and in ``/sys/block/*/md/level``, the fewest members.

    ``capacity`` returns how many bytes an array of so many members of so many bytes has; ``share`` is its inverse: how many bytes each
    of so many members must have for so many bytes.
    """

    name: str
    md_name: str
    fewest: int
    capacity: Callable[[int, int], int]
    share: Callable[[int, int], int]
    is_redundant: bool = True


def _parity_level(name: str, fewest: int, parities: int) -> Level:
    return Level(
        name=name,
        md_name=f"raid{name}",
        fewest=fewest,
        capacity=lambda members, size_bytes: (members - parities) * size_bytes,
        share=lambda members, total_bytes: -(-total_bytes // (members - parities)),
    )


LEVELS: Mapping[str, Level] = {
    level.name: level
    for level in (
        Level(
            name="0",
            md_name="raid0",
            fewest=2,
            capacity=lambda members, size_bytes: members * size_bytes,
            share=lambda members, total_bytes: -(-total_bytes // members),
            is_redundant=False,
        ),
        Level(
            name="1",
            md_name="raid1",
            fewest=2,
            capacity=lambda _members, size_bytes: size_bytes,
            share=lambda _members, total_bytes: total_bytes,
        ),
        Level(
            name="1+0",
            md_name="raid10",
            fewest=4,
            capacity=lambda members, size_bytes: members * size_bytes // 2,
            share=lambda members, total_bytes: -(-2 * total_bytes // members),
        ),
        _parity_level("5", 3, 1),
        _parity_level("6", 4, 2),
    )
}
"""The levels that md offers here, by Ironic's names."""


LogicalDisk = logical_disks.LogicalDisk[Level]
"""An array that is wanted; without ``count`` it gets every disk that fits."""


def parse_logical_disks(documents: Sequence[Mapping[str, Any]]) -> tuple[LogicalDisk, ...]:
    """Turn the logical disks of a request into values and check what can be checked without the machine.

    Raises:
        InvalidRequest: One wants what md cannot do, or contradicts another; the message names disk and field.
    """
    if len(documents) > _MOST:
        raise InvalidRequest(f"logical_disks: {len(documents)} are wanted; at most {_MOST} fit")
    wanted = logical_disks.read_logical_disks(
        documents, LEVELS, "software RAID", shares=True, error=InvalidRequest
    )
    for one in wanted:
        _check(one)
    return wanted


def _check(wanted: LogicalDisk) -> None:
    """Refuse what md cannot do."""
    level = wanted.level
    if wanted.controller != CONTROLLER:
        raise wanted.refusal(
            "controller", f"{wanted.controller!r:.100}; software RAID wants {CONTROLLER!r}"
        )
    if wanted.name is not None and not _NAME.fullmatch(wanted.name):
        raise wanted.refusal(
            "volume_name",
            f"{wanted.name!r:.100}; give at most 28 letters, digits, dots, dashes and underscores",
        )
    if wanted.name == RESERVED_NAME:
        raise wanted.refusal(
            "volume_name", f"{wanted.name!r}; is kept for EFI system partitions; take another"
        )
    if wanted.idents or not all(wanted.hints):
        raise wanted.refusal(
            "physical_disks", "software RAID wants a list of objects, the hints of each disk"
        )
    if wanted.is_root and level.name != "1":
        raise wanted.refusal(
            "is_root_volume",
            f"a machine does not boot from RAID {level.name} of md; give the root volume raid_level 1",
        )
    if wanted.members is not None and wanted.members < level.fewest:
        field = "physical_disks" if wanted.hints else "number_of_physical_disks"
        raise wanted.refusal(field, f"RAID {level.name} needs {level.fewest}, not {wanted.members}")
