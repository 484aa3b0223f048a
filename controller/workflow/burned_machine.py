"""Which machine a burn-in was on: its disks, and what SMBIOS calls the system; and in which part two such machines differ. Pure.

What firmware leaves empty or fills with a placeholder is not known, and nothing is said of it; so is what older agents do not tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.boot.recognition import real_serial, real_system_uuid, same_system_uuid

_MOST_DISKS = 256
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnedMachine:
    """A machine by what of it has a number; ``None`` = not known."""

    disks: tuple[str, ...] | None
    system_uuid: str | None = None
    serial: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether it can be told from another one; a machine without disks by its firmware alone."""
        return self.disks is not None and bool(self.disks or self.system_uuid or self.serial)

    def document(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {
            "disks": None if self.disks is None else list(self.disks),
            "system": {"uuid": self.system_uuid, "serial": self.serial},
        }


def told_machine(told: Any) -> BurnedMachine:
    """Read what an agent says with the result of a burn-in, or what is kept of it."""
    told = told if isinstance(told, Mapping) else {}
    disks, system = told.get("disks"), told.get("system")
    is_list = isinstance(disks, list) and len(disks) <= _MOST_DISKS
    system = system if isinstance(system, Mapping) else {}
    return BurnedMachine(
        disks=tuple(sorted({str(one) for one in disks or ()})) if is_list else None,
        system_uuid=real_system_uuid(_text(system.get("uuid"))),
        serial=real_serial(_text(system.get("serial"))),
    )


def inspected_machine(inventory: Any, *, knows_disks: bool = True) -> BurnedMachine:
    """Read the inventory of an inspection; its disks are named as burn-ins name them.

    ``knows_disks`` false = it has others than a system sees, as what a BMC tells.
    """
    found = inventory if isinstance(inventory, Mapping) else {}
    disks, vendor = found.get("disks"), found.get("system_vendor")
    vendor = vendor if isinstance(vendor, Mapping) else {}
    names = None
    if knows_disks and isinstance(disks, list):
        told = (
            disk.get("serial") or disk.get("wwn") for disk in disks if isinstance(disk, Mapping)
        )
        names = [str(name) for name in told if name]
    system = {"uuid": vendor.get("system_uuid"), "serial": vendor.get("serial_number")}
    return told_machine({"disks": names, "system": system})


def differences(one: BurnedMachine, other: BurnedMachine) -> tuple[str, ...]:
    """Return in what ``one`` is another machine than ``other``, a phrase for each part."""
    found = []
    if one.disks is not None and other.disks is not None and one.disks != other.disks:
        found.append(f"other disks ({_shown(one.disks, other.disks)})")
    if (
        one.system_uuid
        and other.system_uuid
        and not same_system_uuid(one.system_uuid, other.system_uuid)
    ):
        found.append(f"another system UUID ({one.system_uuid} instead of {other.system_uuid})")
    if one.serial and other.serial and one.serial != other.serial:
        found.append(f"another system serial number ({one.serial} instead of {other.serial})")
    return tuple(found)


def _shown(some: Sequence[str], others: Sequence[str]) -> str:
    more, less = sorted(set(some) - set(others)), sorted(set(others) - set(some))
    parts = (
        f"with {', '.join(more)}" if more else "",
        f"without {', '.join(less)}" if less else "",
    )
    return " and ".join(part for part in parts if part)[:_LONGEST]


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) else None
