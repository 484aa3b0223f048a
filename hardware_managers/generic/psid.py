"""TCG Opal: what reverting a drive by the PSID on its label would be, and why this ramdisk cannot do it.

It is asked for by ``driver_info.agent_erase_psid``. The programs that do it (sedutil, sedcli) are not in Debian, so the plan always
has an obstacle: the operator who asked for it reads why, and the drive is erased by another method or not at all.
"""

from agent.errors import EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import EraseEvidence, EraseLevel, ErasePlan, EraseWish
from agent.hardware.tools import StepTools

_OBSTACLE = (
    "no program for it is in this ramdisk, as Debian has neither sedutil nor sedcli: revert the drive with sedutil-cli"
    " --PSIDrevert from other media, or add a hardware manager that does it"
)


class PsidReverter:
    """Implements :class:`agent.hardware.erasing.DiskEraser`; reports only."""

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        """See :class:`agent.hardware.erasing.DiskEraser`; a plan for a disk whose PSID was given."""
        if wish.psid.keys().isdisjoint(disk.serials or {disk.serial or ""}):
            return ()
        return (
            ErasePlan(
                disk=disk,
                method="TCG Opal revert by PSID",
                command="",
                levels=frozenset(EraseLevel),
                strength=70,
                obstacle=_OBSTACLE,
            ),
        )

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:  # noqa: ARG002  # nothing is done
        """Refuse."""
        raise EraseError(f"{plan.disk.path}: {plan.method}: {_OBSTACLE}")
