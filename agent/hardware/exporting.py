"""The capability that offers a disk of this machine over iSCSI, for a controller that writes it itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.protocol.lun_writing import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWish:
    """What is wanted: ``disk`` as logical unit ``unit`` of ``target`` on ``address`` and ``port``, for whoever has ``login`` alone."""

    disk: Path
    target: str
    unit: int
    address: str
    """An IPv4 or IPv6 address of this machine, without brackets."""
    port: int
    login: Login


class DiskExporter(Protocol):
    """Exports one disk at a time."""

    def export(self, wish: ExportWish) -> None:
        """Offer the disk; the kernel holds it for that alone from here on.

        Raises:
            ExportError: It cannot be offered; nothing is left of it.
        """

    def end(self) -> Sequence[Path]:
        """End what was exported, by an earlier process of the agent too, whoever is logged in; return the disks.

        Raises:
            ExportError: Something of it cannot be ended.
        """
