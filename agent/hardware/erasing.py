"""How disks are erased: what the operator wants, what a plug-in offers for a disk, and which offer is taken. Pure.

An eraser looks at a disk and returns plans: each says what it does, which levels it reaches and what stands against it now.
The chain gathers the plans of all plug-ins and takes the best that reaches the level that was asked for. A weaker one is never
taken: then the disk is not erased, and every plan is named with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from agent.errors import AgentError, EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.tools import ProgressSink, StepTools
from agent.protocol.erasure import EraseLevel as EraseLevel  # noqa: PLC0414  # told to mypy: plug-ins take it from here


class Content(StrEnum):
    """What a disk holds after an erasure, as its method promises."""

    ZEROS = "zeros"
    CHANGED = "changed"
    """Anything but what had been there: after keys were destroyed, or where the standard leaves it open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseWish:
    """What the operator wants and allows.

    ``overwrite_passes`` passes of random bytes are followed by one of zeros if ``zeroize``. ``psid`` holds the TCG PSID by serial
    number. ``after_failure`` = when a method fails, the next best that reaches the level is tried.
    """

    level: EraseLevel = EraseLevel.CLEAR
    allow_overwrite: bool = False
    overwrite_passes: int = 1
    zeroize: bool = True
    use_nvme: bool = True
    use_ata: bool = True
    after_failure: bool = False
    skip_read_only: bool = False
    wipe_shared: bool = False
    at_once: int = 1
    psid: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePlan:
    """One way to erase a disk.

    ``strength`` (0..100) orders plans that reach the same level; ``obstacle`` = why it cannot run now and what to do, such a plan is
    only reported; ``also`` = other disks that the same command erases (namespaces of one drive); ``expected_s`` = the drive's own
    estimate; ``is_quick`` = it takes seconds whatever the size.
    """

    disk: BlockDevice
    method: str
    """For people and certificates: ``NVMe sanitize, block erase``."""
    command: str
    """The command line, without secrets."""
    levels: frozenset[EraseLevel]
    strength: int
    action: str = ""
    """The eraser's own word for it."""
    obstacle: str | None = None
    also: tuple[Path, ...] = ()
    stoppable: bool = False
    is_quick: bool = False
    expected_s: float | None = None


CLEARS = frozenset({EraseLevel.CLEAR})
PURGES = CLEARS | {EraseLevel.PURGE}
DESTROYS_KEYS = frozenset({EraseLevel.DESTROY_KEYS})
"""What methods reach, for their tables; a stronger level includes ``clear``."""


class EraseMethod(NamedTuple):
    """A row of a plug-in's table of methods: whether the drive announces it, and what of its plan is its own; see :class:`ErasePlan`."""

    is_announced: bool
    action: str
    method: str
    command: str
    levels: frozenset[EraseLevel]
    strength: int
    is_quick: bool = False
    expected_s: float | None = None


def plans_of(
    disk: BlockDevice,
    methods: Iterable[EraseMethod],
    *,
    obstacle: str | None = None,
    also: Sequence[Path] = (),
) -> tuple[ErasePlan, ...]:
    """Return a plan for each method that is announced, in their order; ``obstacle`` and ``also`` are common to all."""
    return tuple(
        ErasePlan(
            disk=disk,
            method=one.method,
            command=one.command,
            levels=one.levels,
            strength=one.strength,
            action=one.action,
            obstacle=obstacle,
            also=tuple(also),
            is_quick=one.is_quick,
            expected_s=one.expected_s,
        )
        for one in methods
        if one.is_announced
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseEvidence:
    """What was done to a disk, in words an auditor can read; the read-back is made and added by the step."""

    disk: BlockDevice
    method: str
    detail: str
    command: str = ""
    log_before: str = ""
    log_after: str = ""
    content: Content = Content.CHANGED


class DiskEraser(Protocol):
    """Erases whole disks of the kind that it knows."""

    def plans(self, disk: BlockDevice, wish: EraseWish) -> Sequence[ErasePlan]:
        """Return every way to erase ``disk``, also those that something stands against; empty = not my kind of disk.

        Looks, and changes nothing.

        Raises:
            AgentError: The disk should be of this kind but does not answer.
        """

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """Carry out a plan of :meth:`plans` and return when the drive says that it is done.

        Raises:
            EraseError: The drive refused, failed, or does not show that it was done.
            Declined: Not a disk for this eraser after all; nothing was done, the next is tried.
            Stopped: It was asked to stop and could.
        """


class EraseOffer(NamedTuple):
    """A plan, who offers it and who carries it out."""

    manager: str
    eraser: DiskEraser
    plan: ErasePlan


def reaches(plan: ErasePlan, wish: EraseWish) -> bool:
    """Say whether ``plan`` achieves the level that is wanted."""
    return wish.level in plan.levels


def best_first(offers: Iterable[EraseOffer], wish: EraseWish) -> tuple[EraseOffer, ...]:
    """Return all offers in the order in which they would be taken.

    Those that reach the level come first, of these those without an obstacle, then the stronger; the rest is as given.
    """

    def order(offer: EraseOffer) -> tuple[bool, bool, int]:
        plan = offer.plan
        return (not reaches(plan, wish), plan.obstacle is not None, -plan.strength)

    return tuple(sorted(offers, key=order))


def unanswered(disk: BlockDevice, kind: str, error: AgentError) -> ErasePlan:
    """Return a plan that only reports that a drive did not say what it can do; it reaches nothing."""
    return ErasePlan(
        disk=disk,
        method=f"{kind} erasure",
        command="",
        levels=frozenset(),
        strength=0,
        obstacle=f"the drive does not say what it can do: {error}",
    )


def usable(offers: Sequence[EraseOffer], wish: EraseWish) -> tuple[EraseOffer, ...]:
    """Return the offers that may be carried out, in the order given.

    Those after the first are for when the one before declines, and if ``after_failure`` allows it, for when it fails.

    Raises:
        EraseError: There is none; the message names every plan and what stands against it.
    """
    good = tuple(o for o in offers if reaches(o.plan, wish) and o.plan.obstacle is None)
    if good:
        return good
    reasons = [_against(offer.plan, wish) for offer in offers]
    known = "; ".join(reasons) or "no hardware manager knows a way to erase it"
    raise EraseError(f"cannot be erased at level {wish.level}: {known}")


def _against(plan: ErasePlan, wish: EraseWish) -> str:
    reasons = [] if plan.obstacle is None else [plan.obstacle]
    if not reaches(plan, wish):
        most = ", ".join(sorted(plan.levels)) or "no level"
        reasons.insert(0, f"reaches {most}")
    return f"{plan.method}: {' and '.join(reasons)}"


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
