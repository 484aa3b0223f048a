"""TCG Opal: reverting a drive by the PSID that is printed on its label, on request only (``driver_info.agent_erase_psid``).

It is the way out for a drive that is locked with keys nobody has. The kernel speaks with the drive; no program is needed. What it
is worth: the drive makes its media keys anew, which destroys the old ones (TCG Storage Opal SSC 2.01, 5.1.2.2.2: of a Locking SP
that is active; one that never was is left as it is, so the drive's status is looked at first).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.disks.namespaces import other_namespaces
from agent.errors import AgentError, EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import (
    CLEARS,
    DESTROYS_KEYS,
    EraseEvidence,
    ErasePlan,
    EraseWish,
    unanswered,
)
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress
from agent.system.opal import OpalStatus, opal_status, revert_by_psid
from agent.system.sysfs import SysRoot

_METHOD = "TCG Opal revert by PSID"
_NO_OPAL = (
    "the drive is no self-encrypting one of the TCG Opal family, or the kernel cannot speak to it through its controller; erase it by"
    " another method, or take its PSID out of driver_info.agent_erase_psid"
)
_NOT_ENABLED = "nobody has enabled the drive's locking, so a revert would leave its keys as they are; erase it by another method"


@dataclass(frozen=True, slots=True)
class PsidReverter:
    """Implements :class:`agent.hardware.erasing.DiskEraser`."""

    sys_root: SysRoot
    status: Callable[[Path], OpalStatus | None] = opal_status
    revert: Callable[[Path, str], None] = revert_by_psid

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        """See :class:`agent.hardware.erasing.DiskEraser`; a plan for a disk whose PSID was given."""
        psid = psid_of(disk, wish)
        if psid is None:
            return ()
        try:
            status = self.status(disk.path)
        except AgentError as error:
            return (unanswered(disk, "TCG Opal", error),)
        siblings = tuple(other_namespaces(self.sys_root, disk.path))
        return (plan_revert(disk, status, psid, siblings),)

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """See :class:`agent.hardware.erasing.DiskEraser`; the drive cannot be stopped once it has begun."""
        path = plan.disk.path
        before = self.status(path)
        what = f"{path}: {plan.method}"
        tools.progress(Progress(phase="erase", message=what))
        with tools.stop.refusing(f"{what} cannot be stopped until the drive is done", what):
            self.revert(path, plan.action)
        after = self.status(path)
        if after is None or after.is_locking_enabled:
            said = "nothing any more" if after is None else after.summary()
            raise EraseError(
                f"{what}: the drive took the order, but its locking is not off afterwards (it says: {said}); cut the machine's power"
                " and look again"
            )
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            command=plan.command,
            detail="the drive's locking is off, as it was when the drive was delivered",
            log_before=before.summary() if before else "",
            log_after=after.summary(),
        )


def psid_of(disk: BlockDevice, wish: EraseWish) -> str | None:
    """Return the PSID that was given for the disk, by any of its serial numbers; without what surrounds it."""
    serials = disk.serials or {disk.serial or ""}
    found = (psid.strip() for serial, psid in wish.psid.items() if serial in serials)
    return next((psid for psid in found if psid), None)


def plan_revert(
    disk: BlockDevice, status: OpalStatus | None, psid: str, siblings: Sequence[Path] = ()
) -> ErasePlan:
    """Return the plan for a disk; its ``action`` is the PSID. Pure.

    Args:
        disk: The disk.
        status: What its drive says; ``None`` = it is not of the family.
        psid: What stands on its label.
        siblings: The other namespaces of the same drive.
    """
    obstacle = _NO_OPAL if status is None else None
    if status is not None and not status.is_locking_enabled:
        obstacle = _NOT_ENABLED
    return ErasePlan(
        disk=disk,
        method=_METHOD,
        command=f"ioctl {disk.path} IOC_OPAL_PSID_REVERT_TPR",
        levels=CLEARS | DESTROYS_KEYS,
        strength=70,
        action=psid,
        obstacle=obstacle,
        also=tuple(siblings),
        is_quick=True,
    )
