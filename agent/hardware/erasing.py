"""Erasing disks: what is wanted, what an eraser offers for one disk, what it can prove afterwards.

Every eraser of every manager is asked for every disk; the strongest plan that reaches the wanted level is taken. Levels are those of
NIST SP 800-88 Rev. 2 and IEEE 2883-2022.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from agent.hardware.devices import BlockDevice
from agent.hardware.tools import ProgressSink, StepTools


class EraseLevel(StrEnum):
    """How thoroughly; a level is never taken for another one that the operator did not ask for."""

    CLEAR = "clear"
    """Not readable through the drive's ordinary commands."""
    PURGE = "purge"
    """Not recoverable with laboratory means."""
    DESTROY_KEYS = "destroy-keys"
    """The key that the drive encrypts everything with is destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseWish:
    """What the operator wants and allows.

    ``allow_overwrite``: overwriting is allowed as a fallback, ``overwrite_passes`` times with random data, with zeros at the end if
    ``zeroize``. ``psid`` has the PSID that is printed on a TCG Opal drive, by serial number.
    """

    level: EraseLevel
    allow_overwrite: bool
    overwrite_passes: int = 1
    zeroize: bool = True
    psid: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePlan:
    """One way to erase one disk.

    ``method`` is for people and the certificate, ``command`` the command line without secrets. Of the plans that reach the level the
    one of the greatest ``strength`` (0 to 100) is taken. ``obstacle`` says why it cannot run now and what to do; such a plan is only
    chosen to be reported. ``expected_s`` is the drive's own estimate.
    """

    disk: BlockDevice
    method: str
    command: str
    levels: frozenset[EraseLevel]
    strength: int
    obstacle: str | None = None
    stoppable: bool = False
    expected_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseEvidence:
    """What was done to a disk, in words an auditor can read; times in seconds since the epoch.

    ``log_before`` and ``log_after`` are what the drive itself says of sanitizing; ``samples`` what was read back.
    """

    disk: BlockDevice
    method: str
    command: str
    levels: frozenset[EraseLevel]
    detail: str
    started: float
    ended: float
    log_before: Mapping[str, Any] = field(default_factory=dict)
    log_after: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, Any] = field(default_factory=dict)


class DiskEraser(Protocol):
    """Erases whole disks of a kind."""

    def plans(self, disk: BlockDevice, wish: EraseWish) -> Sequence[ErasePlan]:
        """Return every way to erase ``disk``; empty = not a disk of this kind. Changes nothing."""

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """Carry ``plan`` out and look whether it did what it says.

        Raises:
            EraseError: The disk is not erased as planned.
            Stopped: It was asked to stop, and did where it may.
        """


class EraseOffer(NamedTuple):
    """A plan, who offers it and who carries it out."""

    manager: str
    eraser: DiskEraser
    plan: ErasePlan


def reaches(plan: ErasePlan, wish: EraseWish) -> bool:
    """Say whether ``plan`` achieves the level that is wanted."""
    return wish.level in plan.levels


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataEvidence:
    """What was removed from a disk, in words."""

    disk: BlockDevice
    method: str
    detail: str


class MetadataEraser(Protocol):
    """Removes partition tables, RAID and filesystem signatures."""

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        """Leave nothing on ``disk`` that a kernel, a firmware or a RAID tool would recognise, or raise.

        Args:
            disk: The disk.
            progress: Told what is done.
            wipe_shared: Erase filesystems too that other machines may be using.
        """
