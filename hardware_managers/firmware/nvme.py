"""Firmware of NVMe drives by nvme-cli: download to the controller, commit to a slot, look what runs afterwards.

Source: NVM Express Base Specification 2.0, sections 5.11 (Firmware Commit), 5.12 (Firmware Image Download), 5.16.1.4 (Firmware
Slot Information log), figure 275 (``FRMW``: bit 0 slot 1 is read-only, bits 3:1 number of slots, bit 4 activation without reset).
"""

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import CommandFailed, FirmwareError
from agent.hardware.tools import StepTools
from agent.hardware.updating import FirmwareComponent, FirmwareEvidence
from agent.protocol.commands import Progress
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_TOOL_S = 60.0
_DOWNLOAD_S = 900.0
_COMMIT_S = 300.0
_REPLACE, _REPLACE_AND_ACTIVATE_NOW = 1, 3
"""Commit actions: use it after the next reset; use it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """What Identify Controller tells of the firmware."""

    version: str
    model: str
    serial: str
    slots: int
    is_slot_1_read_only: bool
    activates_at_once: bool
    can_update: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """Which slot the image goes to and when it runs."""

    slot: int
    action: int

    @property
    def reboot_needed(self) -> bool:
        """Whether the new firmware runs only after a reset."""
        return self.action != _REPLACE_AND_ACTIVATE_NOW


def read_controller(identify: str) -> Controller:
    """Parse ``nvme id-ctrl -o json``.

    Raises:
        FirmwareError: The answer cannot be read.
    """
    try:
        told = json.loads(identify)
        frmw = int(told["frmw"])
        return Controller(
            version=str(told["fr"]).strip(),
            model=str(told["mn"]).strip(),
            serial=str(told["sn"]).strip(),
            slots=(frmw >> 1) & 7,
            is_slot_1_read_only=bool(frmw & 1),
            activates_at_once=bool(frmw & 0x10),
            can_update=bool(int(told["oacs"]) & 4),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FirmwareError(
            f"nvme id-ctrl: the answer cannot be read ({type(error).__name__}: {error})"
        ) from error


def active_slot(slot_log: str) -> int:
    """Return the slot that runs now, 1 to 7, from ``nvme fw-log -o json``.

    Raises:
        FirmwareError: The answer cannot be read.
    """
    try:
        told: Any = json.loads(slot_log)
        log = next(iter(told.values())) if "Active Firmware Slot (afi)" not in told else told
        return int(log["Active Firmware Slot (afi)"]) & 7
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise FirmwareError(
            f"nvme fw-log: the answer cannot be read ({type(error).__name__}: {error})"
        ) from error


def plan_commit(controller: Controller, running_slot: int) -> CommitPlan:
    """Choose a slot that is neither read-only nor the one that runs, so that the old firmware stays to go back to.

    Raises:
        FirmwareError: The drive takes no firmware, or has no slot that can be written.
    """
    if not controller.can_update:
        raise FirmwareError("the drive takes no firmware (OACS has no firmware commands)")
    first = 2 if controller.is_slot_1_read_only else 1
    writable = range(first, controller.slots + 1)
    others = [slot for slot in writable if slot != running_slot]
    if not writable:
        raise FirmwareError(
            f"the drive has {controller.slots} firmware slots and none that can be written"
        )
    action = _REPLACE_AND_ACTIVATE_NOW if controller.activates_at_once else _REPLACE
    return CommitPlan(slot=others[0] if others else writable[0], action=action)


def is_taken_until_reset(said: str) -> bool:
    """Say whether a commit that ended with an error was taken all the same and waits for a reset.

    Source: NVM Express Base Specification 2.0, figure 187: status codes 0x10b (conventional reset), 0x110 (subsystem reset), 0x111
    (controller reset), 0x112 (maximum time violation: activate by reset).
    """
    return (
        re.search(r"\(?0x(?:0?10b|0?110|0?111|0?112)\)?|requires .*reset", said, re.IGNORECASE)
        is not None
    )


class NvmeFirmware:
    """The updater of NVMe drives."""

    name = "nvme-cli"

    def __init__(self, runner: Runner, class_folder: Path = Path("/sys/class/nvme")) -> None:
        self._runner = runner
        self._class = class_folder

    def components(self) -> Sequence[FirmwareComponent]:
        """Return every NVMe controller that answers; those that do not are told in the log."""
        names = sorted(path.name for path in self._class.iterdir()) if self._class.is_dir() else []
        found = []
        for name in names:
            try:
                found.append(self._component(name))
            except (CommandFailed, FirmwareError) as error:
                log.warning("drive does not answer", extra={"drive": name, "why": str(error)})
        return tuple(found)

    def update(
        self, component: FirmwareComponent, file: Path, tools: StepTools
    ) -> FirmwareEvidence:
        """Put ``file`` into a free slot of the drive and see it named by the drive afterwards.

        Raises:
            FirmwareError: The drive refused it, or does not run it although it said that it would.
        """
        device = _device(component.id)
        controller = self._controller(device)
        log = self._slot_log(device)
        plan = plan_commit(controller, active_slot(log))
        before = _stored_version(log, plan.slot)
        tools.progress(Progress(phase="firmware", message=f"{component.id}: download"))
        try:
            self._run("fw-download", device, f"--fw={file}", timeout_s=_DOWNLOAD_S)
            tools.progress(Progress(phase="firmware", message=f"{component.id}: slot {plan.slot}"))
            needs_reset = self._commit(device, plan)
        except CommandFailed as error:
            raise FirmwareError(
                f"{component.id} ({controller.model}, {controller.version}): not updated: {error}"
            ) from error
        if needs_reset:
            plan = CommitPlan(slot=plan.slot, action=_REPLACE)
        return self._read_back(component, device, controller, plan, before)

    def _commit(self, device: str, plan: CommitPlan) -> bool:
        """Give the image to its slot; say whether the drive wants a reset before it runs it."""
        words = ("fw-commit", device, f"--slot={plan.slot}", f"--action={plan.action}")
        done = self._runner.run("nvme", *words, ok=range(256), timeout_s=_COMMIT_S)
        needs_reset = is_taken_until_reset(done.stdout + done.stderr)
        if done.exit_code and not needs_reset:
            said = (done.stderr.strip() or done.stdout.strip())[-300:]
            raise CommandFailed(f"nvme fw-commit: exit status {done.exit_code}: {said}")
        return needs_reset

    def _read_back(
        self,
        component: FirmwareComponent,
        device: str,
        before: Controller,
        plan: CommitPlan,
        slot_before: str | None,
    ) -> FirmwareEvidence:
        after = self._controller(device)
        stored = _stored_version(self._slot_log(device), plan.slot)
        if stored == slot_before:
            raise FirmwareError(
                f"{component.id} ({before.model}): the drive reported success, and slot {plan.slot} has "
                f"{stored or 'nothing'} as before; the file may hold that version already, or the drive ignored it"
            )
        if stored is None or (not plan.reboot_needed and after.version != stored):
            raise FirmwareError(
                f"{component.id} ({before.model}): the drive took the image and runs {after.version}, slot {plan.slot} "
                f"has {stored or 'nothing'}; the image may be for another model: compare with the vendor's notes"
            )
        return FirmwareEvidence(
            component=component,
            before=before.version,
            after=stored,
            reboot_needed=plan.reboot_needed,
            detail=f"slot {plan.slot}, commit action {plan.action}; runs now: {after.version}",
        )

    def _component(self, name: str) -> FirmwareComponent:
        told = self._controller(f"/dev/{name}")
        return FirmwareComponent(
            id=f"nvme:{name}",
            kind="nvme",
            model=told.model,
            serial=told.serial,
            version=told.version,
        )

    def _controller(self, device: str) -> Controller:
        return read_controller(
            self._run("id-ctrl", device, "--output-format=json", timeout_s=_TOOL_S)
        )

    def _slot_log(self, device: str) -> str:
        return self._run("fw-log", device, "--output-format=json", timeout_s=_TOOL_S)

    def _run(self, *words: str, timeout_s: float) -> str:
        return self._runner.run("nvme", *words, timeout_s=timeout_s).stdout


def _stored_version(slot_log: str, slot: int) -> str | None:
    """Return the revision in ``slot``; ``None`` = the slot is empty.

    nvme-cli prints it as ``"Firmware Rev Slot 1": "8888888888888888888 (1.0)"`` (number and text of the eight bytes).
    """
    told: Any = json.loads(slot_log)
    log = told if "Active Firmware Slot (afi)" in told else next(iter(told.values()))
    shown = str(log.get(f"Firmware Rev Slot {slot}", ""))
    _, opened, inside = shown.partition("(")
    text = inside.rpartition(")")[0] if opened else shown
    return text.strip() or None


def _device(component_id: str) -> str:
    return f"/dev/{component_id.partition(':')[2]}"
