"""RAID: what a configurator does with the logical disks that it is given (Ironic's ``target_raid_config``)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import MetadataEraser
from agent.hardware.tools import StepTools

SOFTWARE = "software"
"""Ironic's name of the controller that every machine has: the kernel's md."""
RaidConfig = Mapping[str, Any]
"""``{"logical_disks": [...], "last_updated": ...}``, as Ironic keeps it in ``raid_config``; of a step also ``unanswered``: who could not be asked, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaidRequest:
    """The logical disks that one configurator shall make, as they were sent, and what it must not touch.

    ``disks`` are the disks of the machine, ``kept`` those of them that ``properties.skip_block_devices`` protects. ``boot_mode`` is
    ``bios`` or ``uefi``. ``after_delete`` = what exists now will have been deleted, so it is not in the way. ``eraser`` removes what a disk is recognised by.
    """

    node: Mapping[str, Any]
    logical_disks: tuple[Mapping[str, Any], ...]
    disks: tuple[BlockDevice, ...]
    eraser: MetadataEraser
    kept: tuple[BlockDevice, ...] = ()
    boot_mode: str = "bios"
    after_delete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RaidPlan:
    """What will be done, in words, one line an action; a configurator extends it by what it needs."""

    lines: tuple[str, ...]


class RaidConfigurator(Protocol):
    """Makes and removes logical disks of one kind."""

    @property
    def name(self) -> str:
        """What people call it: ``software``, ``storcli``."""

    def controllers(self) -> Sequence[str]:
        """Return the names that a logical disk may give as ``controller``; empty = none on this machine."""

    def plan(self, request: RaidRequest) -> RaidPlan:
        """Decide how; changes nothing.

        Raises:
            InvalidRequest: It cannot be done; the message names the logical disk and the field.
        """

    def create(self, plan: RaidPlan, tools: StepTools) -> RaidConfig:
        """Carry ``plan`` out; return what stands now, read back."""

    def delete(self, request: RaidRequest, tools: StepTools) -> RaidConfig:
        """Remove every logical disk of this kind that stands on no kept disk; return what stands now, read back."""

    def read(self) -> RaidConfig:
        """Return what stands now."""

    def attach(self, node: Mapping[str, Any]) -> tuple[BlockDevice, ...]:
        """Start the logical disks that ``node.raid_config`` tells of and that have to be started; return them, ``below`` filled in.

        Empty = ``raid_config`` has none of this kind, or they need no starting.

        Raises:
            RaidError: One is not there, or does not start.
        """
