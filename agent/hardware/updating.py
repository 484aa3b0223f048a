"""Firmware: which components a manager can update, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.hardware.tools import StepTools


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareComponent:
    """One thing with firmware.

    ``id`` names it on this machine (``nvme:nvme0``), ``aliases`` are other names for it, ``version`` is what runs now; ``None`` = not told.
    """

    id: str
    kind: str
    model: str
    version: str | None
    serial: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareEvidence:
    """What an update changed; ``after`` was read back from the component.

    ``reboot_needed`` = it counts after a restart; ``detail`` in words.
    """

    component: FirmwareComponent
    before: str | None
    after: str | None
    reboot_needed: bool
    detail: str = ""


class FirmwareUpdater(Protocol):
    """Updates the firmware of one kind of component."""

    @property
    def name(self) -> str:
        """The tool or manager, for people."""

    def components(self) -> Sequence[FirmwareComponent]:
        """Return what it can update on this machine."""

    def update(
        self, component: FirmwareComponent, file: Path, tools: StepTools
    ) -> FirmwareEvidence:
        """Put the firmware of ``file`` onto ``component`` and read back what it says of itself.

        Raises:
            AgentError: It was refused or interrupted; the message says what the component has now.
        """
