"""Erases SCSI drives with sg3_utils. Operations run in the drive; its sense data say how far they are and how they ended."""

import shlex

from agent.errors import AgentError, CommandFailed, EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.drive_watch import watch_drive
from agent.hardware.erasing import Content, EraseEvidence, ErasePlan, EraseWish, unanswered
from agent.hardware.tools import StepTools
from agent.system.runner import Runner
from hardware_managers.scsi.drive import Sense, is_announced, parse_sense
from hardware_managers.scsi.plan import OPERATION_CODES, OVERWRITE, plan_erasure

_ASK_S = 30.0
_ORDER_S = 300.0
_NO_SUCH_COMMAND = 9
"""Exit status of sg3_utils: illegal request, invalid operation code; sg3_utils(8)."""
_UNASKED = frozenset({"ATA", ""})
"""``ATA``: the SCSI side is a translation, and the ATA side knows more. Nothing: no SCSI device."""


class ScsiEraser:
    """Implements :class:`agent.hardware.erasing.DiskEraser` for SCSI drives that are not behind USB bridges."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:  # noqa: ARG002  # no wish concerns SCSI alone
        """See :class:`agent.hardware.erasing.DiskEraser`."""
        is_other = disk.hctl is None and not disk.is_mapped
        if is_other or (disk.vendor or "").strip() in _UNASKED or disk.transport == "usb":
            return ()
        try:
            announced = [word for word, op in OPERATION_CODES.items() if self._announces(disk, op)]
        except AgentError as error:
            return (unanswered(disk, "SCSI", error),)
        return plan_erasure(disk, announced)

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """See :class:`agent.hardware.erasing.DiskEraser`; the drive itself cannot be stopped once it has begun."""
        tools.stop.check()
        before = self._sense(plan.disk)
        try:
            self._runner.run(*shlex.split(plan.command), timeout_s=_ORDER_S)
        except CommandFailed as error:
            raise EraseError(
                f"{plan.disk.path}: {plan.method}: the drive refused: {error}"
            ) from error
        after = self._wait(plan, tools)
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            command=plan.command,
            detail="the drive is ready again and reports no failed operation",
            log_before=str(before),
            log_after=str(after),
            content=Content.ZEROS if plan.action == OVERWRITE else Content.CHANGED,
        )

    def _wait(self, plan: ErasePlan, tools: StepTools) -> Sense:
        message = f"{plan.disk.path}: {plan.method}"
        now = watch_drive(
            plan, tools, lambda: self._sense(plan.disk), advice="sg_requests --progress"
        )
        if now.has_failed:
            raise EraseError(
                f"{message}: the drive says that the operation failed ({now}); try again or replace it"
            )
        try:
            self._runner.run("sg_turs", str(plan.disk.path), timeout_s=_ASK_S)
        except CommandFailed as error:
            raise EraseError(f"{message}: the drive is not ready afterwards: {error}") from error
        return now

    def _announces(self, disk: BlockDevice, code: str) -> bool:
        out = self._runner.run(
            "sg_opcodes",
            f"--opcode={code}",
            str(disk.path),
            timeout_s=_ASK_S,
            ok=(0, _NO_SUCH_COMMAND),
        )
        return is_announced(out.stdout)

    def _sense(self, disk: BlockDevice) -> Sense:
        out = self._runner.run("sg_requests", "--hex", str(disk.path), timeout_s=_ASK_S)
        try:
            return parse_sense(out.stdout)
        except AgentError as error:
            raise EraseError(f"{disk.path}: {error}") from error
