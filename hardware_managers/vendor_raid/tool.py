"""What a vendor's program must be able to, and how it is found."""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from agent.protocol.raid.levels import Level
from hardware_managers.vendor_raid.drives import LogicalDrive, NewDrive, RaidController

TIMEOUT_S = 120.0
"""A controller with a busy drive answers late; none of the commands waits for an initialisation."""
EXIT_CODES = tuple(range(256))
"""The programs end with many codes, and with 0 when nothing was done: what they say and what stands afterwards is judged."""


class RaidTool(Protocol):
    """One vendor's program. It does what it is told; whether it was done the configurator reads back."""

    @property
    def name(self) -> str:
        """What people call it: ``storcli``."""

    @property
    def levels(self) -> Mapping[str, Level]:
        """The levels that it makes, by Ironic's names."""

    @property
    def volume_name(self) -> re.Pattern[str] | None:
        """Names that a logical drive can be given; ``None`` = none."""

    def read(self) -> tuple[RaidController, ...]:
        """Return the controllers that it knows, as they stand; empty = none.

        Raises:
            RaidError: It does not answer, or what it says is not understood.
        """

    def create(self, controller: RaidController, new: NewDrive) -> None:
        """Order a logical drive of a controller, as that stands now.

        Raises:
            RaidError: It refuses.
        """

    def delete(self, controller: RaidController, drive: LogicalDrive) -> None:
        """Order a logical drive to be removed.

        Raises:
            RaidError: It refuses.
        """

    def foreign_advice(self, controller: RaidController) -> str:
        """Return the command lines with which a person decides about another controller's configuration."""


Find = Callable[[str], str | None]
"""Finds a program by its name; ``None`` = it is not there."""


def find_program(name: str) -> str | None:
    """Return where a program is: on the path, or where the vendors' packages put it."""
    folders = (os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin")
    family = name.removesuffix("64")
    vendors = (f"/opt/MegaRAID/{family}", f"/opt/smartstorageadmin/{family}/bin")
    return shutil.which(name, path=":".join((*folders, *vendors)))


def first_of(names: Sequence[str], find: Find) -> tuple[str, str] | None:
    """Return name and path of the first program that is there."""
    found = ((name, path) for name in names if (path := find(name)) is not None)
    return next(found, None)
