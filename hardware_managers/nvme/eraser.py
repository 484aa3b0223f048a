"""Erases NVMe namespaces with nvme-cli. The drive's log, not the tool's exit status, says whether it was done."""

import shlex

from agent.disks.namespaces import is_namespace, other_namespaces
from agent.errors import AgentError, CommandFailed, EraseError
from agent.hardware.devices import BlockDevice
from agent.hardware.drive_watch import watch_drive
from agent.hardware.erasing import Content, EraseEvidence, ErasePlan, EraseWish, unanswered
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress
from agent.system.runner import Runner
from agent.system.sysfs import SysRoot
from hardware_managers.nvme.drive import (
    NvmeController,
    SanitizeLog,
    namespace_summary,
    parse_id_ctrl,
    parse_sanitize_log,
)
from hardware_managers.nvme.plan import BLOCK, CRYPTO, OVERWRITE, plan_erasure

_ASK_S = 30.0
_START_S = 120.0
_FORMAT_S = 6 * 3600.0
"""Formats of large flash drives take minutes; one that erases by writing may take hours."""


class NvmeEraser:
    """Implements :class:`agent.hardware.erasing.DiskEraser` for NVMe namespaces."""

    def __init__(self, runner: Runner, sys_root: SysRoot) -> None:
        self._runner = runner
        self._sys = sys_root

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        """See :class:`agent.hardware.erasing.DiskEraser`."""
        if not is_namespace(disk.path):
            return ()
        try:
            controller = self._controller(disk)
            log_text = self._sanitize_text(disk) if controller.sanicap else ""
        except AgentError as error:
            return (unanswered(disk, "NVMe", error),)
        return plan_erasure(
            disk,
            controller,
            wish,
            siblings=tuple(other_namespaces(self._sys, disk.path)),
            remote=self._remote(controller),
            log=log_text,
        )

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """See :class:`agent.hardware.erasing.DiskEraser`; the drive itself cannot be stopped once it has begun."""
        tools.stop.check()
        if plan.action in {BLOCK, CRYPTO, OVERWRITE}:
            return self._sanitize(plan, tools)
        return self._format(plan, tools)

    def _format(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        before = self._facts(plan.disk)
        what = f"{plan.disk.path}: {plan.method}"
        tools.progress(Progress(phase="erase", message=what))
        with tools.stop.refusing(f"{what} cannot be stopped until the drive is done", what):
            self._order(plan, _FORMAT_S)
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            command=plan.command,
            detail="the drive says that the format succeeded",
            log_before=before,
            log_after=self._facts(plan.disk),
            content=Content.CHANGED,
        )

    def _sanitize(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        before = self._sanitize_text(plan.disk)
        self._order(plan, _START_S)
        done = watch_drive(
            plan, tools, lambda: self._sanitize_log(plan.disk), advice="nvme sanitize-log"
        )
        if not done.has_done(int(plan.action)):
            raise EraseError(
                f"{plan.disk.path}: {plan.method}: the drive's sanitize log does not say that it succeeded (status"
                f" {done.status:#x}, command {done.command:#x}); sanitize it again or replace it"
            )
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            command=plan.command,
            detail=f"the drive's sanitize log says that it succeeded (status {done.status:#x})",
            log_before=before,
            log_after=done.text,
            content=Content.ZEROS if plan.action == OVERWRITE else Content.CHANGED,
        )

    def _order(self, plan: ErasePlan, timeout_s: float) -> None:
        try:
            self._runner.run(*shlex.split(plan.command), timeout_s=timeout_s)
        except CommandFailed as error:
            raise EraseError(
                f"{plan.disk.path}: {plan.method}: the drive refused: {error}"
            ) from error

    def _controller(self, disk: BlockDevice) -> NvmeController:
        text = self._runner.run("nvme", "id-ctrl", str(disk.path), "-o", "json", timeout_s=_ASK_S)
        return parse_id_ctrl(text.stdout)

    def _facts(self, disk: BlockDevice) -> str:
        text = self._runner.run("nvme", "id-ns", str(disk.path), "-o", "json", timeout_s=_ASK_S)
        return f"{self._controller(disk).summary()}\n{namespace_summary(text.stdout)}"

    def _sanitize_log(self, disk: BlockDevice) -> SanitizeLog:
        return parse_sanitize_log(self._sanitize_text(disk))

    def _sanitize_text(self, disk: BlockDevice) -> str:
        return self._runner.run("nvme", "sanitize-log", str(disk.path), timeout_s=_ASK_S).stdout

    def _remote(self, controller: NvmeController) -> str | None:
        """Return the transport of a drive that is not in this machine; ``None`` = it is."""
        for folder in sorted(self._sys.at("sys/class/nvme").glob("nvme*")):
            place = f"sys/class/nvme/{folder.name}"
            if self._sys.text(place, "subsysnqn") == controller.subsystem:
                transport = self._sys.text(place, "transport")
                if transport not in {None, "pcie"}:
                    return transport
        return None
