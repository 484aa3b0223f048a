"""Controllers and drives for the tests of vendor RAID."""

import re
from collections.abc import Mapping
from typing import Any

from agent.protocol.raid.levels import LEVELS
from agent.protocol.raid.placing import PhysicalDrive
from hardware_managers.vendor_raid.drives import LogicalDrive, NewDrive, RaidController

NAME = "lab/c0"


def drive(number: int, size_gb: int = 900, **facts: Any) -> PhysicalDrive:
    return PhysicalDrive(
        **{
            "ident": f"252:{number}",
            "size_bytes": size_gb << 30,
            "is_rotational": True,
            "interface": "sas",
            "serial": f"S{number}",
            **facts,
        }
    )


def controller(*drives: PhysicalDrive, logical: tuple[LogicalDrive, ...] = ()) -> RaidController:
    return RaidController(name=NAME, place="/c0", drives=drives, logical_drives=logical)


def logical_disk(level: str, size: int | str = "MAX", **fields: Any) -> Mapping[str, Any]:
    return {"raid_level": level, "size_gb": size, "controller": NAME, **fields}


class LabTool:
    """A program that makes nothing: for what is decided before it is asked."""

    name = "lab"
    levels = LEVELS
    volume_name = re.compile("[a-z]{1,8}")

    def __init__(self, *controllers: RaidController) -> None:
        self._controllers = controllers

    def read(self) -> tuple[RaidController, ...]:
        return self._controllers

    def create(self, controller: RaidController, new: NewDrive) -> None:
        raise NotImplementedError

    def delete(self, controller: RaidController, drive: LogicalDrive) -> None:
        raise NotImplementedError

    def foreign_advice(self, controller: RaidController) -> str:
        return f"ask a person about {controller.name}"
