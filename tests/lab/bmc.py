"""A machine's IPMI BMC as the lab sees it (the program is `bmc_process`), and the faults tests switch on.

pyghmi's server keeps state in module globals, so every BMC is a process of its own.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.lab.bmc_program import BmcProgram, Chassis
from tests.lab.network import Network
from tests.lab.serial_line import SerialLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How a BMC misbehaves; the defaults are a good one."""

    unreachable: bool = False
    garbage: bool = False
    slow_s: float = 0
    refuses_needless: bool = False
    """Refuses to switch a machine off that is off (completion code 0xD5)."""
    stays_off: bool = False
    """Accepts power-on (status "OK") and does nothing."""
    forgets_boot_device: bool = False
    """Accepts a boot device (status "OK") and forgets it."""
    maker: int = 0
    """Its maker's number; Supermicro (10876) has another code for the disk of UEFI machines, Intel (343) takes no boot flags for BIOS."""
    in_pieces: bool = False
    """Gives sensor records in small pieces only."""
    keeps_log: bool = False
    """Accepts that its log is cleared and keeps it."""
    readings: Mapping[str, int] | None = None
    """Raw readings of sensors by name, in place of good ones."""
    power_faults: int = 0
    part_faults: int = 0
    """Bits of the chassis status (28.2, bytes 2 and 4)."""


class VirtualBmc(BmcProgram):
    """An IPMI 2.0 BMC (RMCP+, cipher suites 3 and 17) on an address of its own; on while the machine exists."""

    module = "tests.lab.bmc_process"
    port = 623

    def __init__(
        self,
        machine: Chassis,
        network: Network,
        *,
        address: str,
        log: Path,
        serial: SerialLine | None = None,
    ) -> None:
        """Start the BMC; with ``serial`` it offers that line over LAN."""
        self._serial = serial
        super().__init__(machine, network, address=address, log=log)

    def stop(self) -> None:
        """See :meth:`BmcProgram.stop`."""
        super().stop()
        if self._serial is not None:
            self._serial.unplug()

    def _more_sockets(self) -> Sequence[socket.socket]:
        return () if self._serial is None else (self._serial.plug(),)

    def set_faults(self, **faults: Any) -> None:
        """Misbehave in exactly these ways of :class:`Faults` from now on; ``set_faults()`` is good again. Returns when it holds."""
        self._tell(asdict(Faults(**faults)))
