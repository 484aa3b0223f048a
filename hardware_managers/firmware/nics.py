"""Firmware and settings of NVIDIA (Mellanox) network cards by mstflint and mstconfig."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import CommandFailed, FirmwareError
from agent.hardware.tools import StepTools
from agent.hardware.updating import FirmwareComponent, FirmwareEvidence
from agent.protocol.commands import Progress
from agent.system.runner import Runner
from hardware_managers.firmware.mstflint_output import (
    FirmwareQuery,
    is_same_setting,
    parse_query,
    parse_settings,
)

log = logging.getLogger(__name__)
_VENDOR = "0x15b3"
_NETWORK_CLASS = "0x02"
_TOOL_S = 120.0
_BURN_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One PCI function of a card; ``address`` as ``0000:3b:00.0``, ``device_id`` as ``1017``."""

    address: str
    device_id: str

    @property
    def function(self) -> int:
        """The function's number, 0 to 7."""
        return int(self.address.rpartition(".")[2])


class NicFirmware:
    """The updater of NVIDIA cards; nothing where the ramdisk has no mstflint."""

    name = "mstflint"

    def __init__(self, runner: Runner, pci: Path = Path("/sys/bus/pci/devices")) -> None:
        self._runner = runner
        self._pci = pci

    def cards(self) -> tuple[Card, ...]:
        """Return every PCI function of such a card, in the order of the addresses."""
        folders = sorted(self._pci.iterdir()) if self._pci.is_dir() else []
        return tuple(
            Card(address=folder.name, device_id=_read(folder / "device").removeprefix("0x"))
            for folder in folders
            if _read(folder / "vendor") == _VENDOR
            and _read(folder / "class").startswith(_NETWORK_CLASS)
        )

    def components(self) -> Sequence[FirmwareComponent]:
        """Return each card once: its functions share one firmware."""
        if not shutil.which("mstflint"):
            return ()
        found = []
        for card in self.cards():
            if card.function == 0:
                try:
                    told = self.query(card.address)
                except (CommandFailed, FirmwareError) as error:
                    data = {"card": card.address, "why": str(error)}
                    log.warning("card does not answer", extra=data)
                    continue
                found.append(
                    FirmwareComponent(
                        id=f"nic:{card.address}", kind="nic", model=told.psid, version=told.version
                    )
                )
        return tuple(found)

    def update(
        self, component: FirmwareComponent, file: Path, tools: StepTools
    ) -> FirmwareEvidence:
        """Burn ``file`` if it is made for this board, and read back what the card's flash holds.

        Raises:
            FirmwareError: The image is for another board, the card refused it, or holds something else afterwards.
        """
        address = component.id.partition(":")[2]
        image = self.image(file)
        if image.psid != component.model:
            raise FirmwareError(
                f"{component.id}: the image is for boards {image.psid}, this one is {component.model}; nothing was burnt"
            )
        tools.progress(Progress(phase="firmware", message=f"{component.id}: burn {image.version}"))
        try:
            self._run("-d", address, "-i", str(file), "-y", "burn", timeout_s=_BURN_S)
        except CommandFailed as error:
            raise FirmwareError(
                f"{component.id} ({component.model}, {component.version}): not updated: {error}"
            ) from error
        after = self.query(address)
        if after.version != image.version:
            raise FirmwareError(
                f"{component.id}: mstflint reported success and the card's flash holds {after.version}, not "
                f"{image.version}; do not restart the machine before the card was looked at"
            )
        return FirmwareEvidence(
            component=component,
            before=component.version,
            after=after.version,
            reboot_needed=True,
            detail=f"board {image.psid}",
        )

    def image(self, file: Path) -> FirmwareQuery:
        """Read what an image file is for."""
        return parse_query(self._run("-i", str(file), "query", "full"))

    def query(self, address: str) -> FirmwareQuery:
        """Ask a card for version and board."""
        return parse_query(self._run("-d", address, "query", "full"))

    def configure(self, address: str, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """Set parameters for the next boot; return those that had to be changed.

        Raises:
            FirmwareError: The card does not know a parameter, or has another value afterwards.
        """
        before = self._settings(address)
        unknown = sorted(set(wanted) - set(before))
        if unknown:
            raise FirmwareError(
                f"nic:{address}: the card has no parameter {', '.join(unknown)}; see: mstconfig -d {address} query"
            )
        changed = {n: v for n, v in wanted.items() if not is_same_setting(before[n], v)}
        if not changed:
            return {}
        pairs = [f"{name}={value}" for name, value in changed.items()]
        self._runner.run("mstconfig", "-d", address, "-y", "set", *pairs, timeout_s=_TOOL_S)
        after = self._settings(address)
        wrong = [
            f"{n} is {after.get(n)}"
            for n, v in changed.items()
            if not is_same_setting(after.get(n), v)
        ]
        if wrong:
            raise FirmwareError(
                f"nic:{address}: mstconfig reported success and {', '.join(wrong)}; wanted: {', '.join(pairs)}"
            )
        return changed

    def _settings(self, address: str) -> Mapping[str, str]:
        said = self._runner.run("mstconfig", "-d", address, "query", timeout_s=_TOOL_S)
        return parse_settings(said.stdout)

    def _run(self, *words: str, timeout_s: float = _TOOL_S) -> str:
        return self._runner.run("mstflint", *words, timeout_s=timeout_s).stdout


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:  # the card is going away: it is not there then
        return ""
