"""Erases ATA drives with hdparm. Its exit status says nothing (it is 0 when a drive refuses), so the drive is asked after every order."""

import logging
import shlex

from agent.errors import AgentError, CommandFailed, EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.drive_watch import watch_drive
from agent.hardware.erasing import Content, EraseEvidence, ErasePlan, EraseWish, unanswered
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress
from agent.system.runner import Runner
from hardware_managers.ata.drive import (
    AtaDrive,
    SanitizeState,
    parse_identify,
    parse_sanitize_status,
)
from hardware_managers.ata.plan import (
    BLOCK,
    OVERWRITE,
    PASSWORD,
    SCRAMBLE,
    plan_erasure,
)

log = logging.getLogger(__name__)
_ASK_S = 30.0
_ORDER_S = 120.0
_LEAST_ERASE_S = 24 * 3600.0
_UNLOCK_WORDS = (PASSWORD, "")
"""What earlier erasures that were cut off may have left as the password; Ironic's agent tries the same two."""
_VENDOR = "ATA"
"""SCSI/ATA Translation puts it into the INQUIRY data of every ATA drive, also behind a SAS controller; SAT-3, 8.1.2."""


class AtaEraser:
    """Implements :class:`agent.hardware.erasing.DiskEraser` for ATA drives."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        """See :class:`agent.hardware.erasing.DiskEraser`; drives behind USB bridges are left to others, as many bridges break."""
        if (disk.vendor or "").strip() != _VENDOR or disk.transport == "usb":
            return ()
        try:
            drive = self._identify(disk)
            sanitize = self._sanitize_state(disk) if drive.can_sanitize else None
        except AgentError as error:
            return (unanswered(disk, "ATA", error),)
        return plan_erasure(disk, drive, wish, sanitize)

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """See :class:`agent.hardware.erasing.DiskEraser`; the drive itself cannot be stopped once it has begun."""
        tools.stop.check()
        if plan.action in {BLOCK, SCRAMBLE, OVERWRITE}:
            return self._sanitize(plan, tools)
        return self._secure_erase(plan, tools)

    def _sanitize(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        before = self._sanitize_state(plan.disk).text
        self._run(plan, plan.command, _ORDER_S)
        done = watch_drive(
            plan,
            tools,
            lambda: self._sanitize_state(plan.disk),
            advice="hdparm --sanitize-status",
        )
        if done.has_failed or not done.is_done:
            raise EraseError(
                f"{plan.disk.path}: {plan.method}: the drive does not say that it succeeded: {' '.join(done.text.split())}"
            )
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            command=plan.command,
            detail="the drive's sanitize status says that the operation completed without error",
            log_before=before,
            log_after=done.text,
            content=Content.ZEROS if plan.action == OVERWRITE else Content.CHANGED,
        )

    def _secure_erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        before = self._unlocked(plan.disk)
        what = f"{plan.disk.path}: {plan.method}"
        with tools.stop.refusing(f"{what} cannot be stopped until the drive is done", what):
            self._set_password(plan)
            tools.progress(Progress(phase="erase", message=what))
            try:
                self._run(plan, plan.command, max(_LEAST_ERASE_S, 2 * (plan.expected_s or 0)))
            finally:
                after = self._without_password(plan.disk)
        if after.is_enabled or after.is_locked:
            raise EraseError(
                f"{plan.disk.path}: {plan.method}: the password that the erasure should have removed is still set, so it was not"
                f" carried out ({after.summary()}); cut the drive's power and try again"
            )
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            command=plan.command,
            detail="the drive removed the password that was set for the erasure, which it does at its end",
            log_before=before.summary(),
            log_after=after.summary(),
            content=Content.CHANGED,
        )

    def _unlocked(self, disk: BlockDevice) -> AtaDrive:
        """Return what the drive says after the known passwords were tried on a locked one.

        Raises:
            EraseError: It stays locked.
        """
        drive = self._identify(disk)
        for word in _UNLOCK_WORDS:
            if not drive.is_locked:
                break
            self._try("--user-master", "u", "--security-unlock", word, str(disk.path))
            drive = self._identify(disk)
        if drive.is_locked:
            raise EraseError(
                f"{disk.path}: locked with a password that is not known ({drive.summary()}); unlock it with hdparm"
                " --security-unlock, or revert it with the PSID on its label, or replace it"
            )
        return drive

    def _set_password(self, plan: ErasePlan) -> None:
        path = str(plan.disk.path)
        self._try("--user-master", "u", "--security-set-pass", PASSWORD, path)
        drive = self._identify(plan.disk)
        if not drive.is_enabled:
            raise EraseError(
                f"{path}: {plan.method}: the drive did not take the password that begins the erasure, though hdparm reported no"
                f" error ({drive.summary()}); erase it by another method or replace it"
            )

    def _without_password(self, disk: BlockDevice) -> AtaDrive:
        """Return what the drive says; if the password is still there, it is taken away for whoever tries next."""
        drive = self._identify(disk)
        if drive.is_enabled:
            self._try("--user-master", "u", "--security-unlock", PASSWORD, str(disk.path))
            self._try("--user-master", "u", "--security-disable", PASSWORD, str(disk.path))
        return drive

    def _identify(self, disk: BlockDevice) -> AtaDrive:
        text = self._runner.run("hdparm", "--Istdout", str(disk.path), timeout_s=_ASK_S).stdout
        return parse_identify(text)

    def _sanitize_state(self, disk: BlockDevice) -> SanitizeState:
        out = self._runner.run("hdparm", "--sanitize-status", str(disk.path), timeout_s=_ASK_S)
        return parse_sanitize_status(out.stdout)

    def _run(self, plan: ErasePlan, command: str, timeout_s: float) -> None:
        try:
            self._runner.run(*shlex.split(command), timeout_s=timeout_s)
        except CommandFailed as error:
            raise EraseError(f"{plan.disk.path}: {plan.method}: {error}") from error

    def _try(self, *words: str) -> None:
        """Give an order whose effect is looked at afterwards."""
        try:
            self._runner.run("hdparm", *words, timeout_s=_ORDER_S)
        except AgentError as error:
            log.warning("the drive refused", extra={"order": words[2], "why": str(error)})
