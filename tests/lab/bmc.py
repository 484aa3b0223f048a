"""A machine's IPMI BMC as the lab sees it (the program is `bmc_process`), and the faults tests switch on.

pyghmi's server keeps state in module globals, so every BMC is a process of its own.
"""

from dataclasses import asdict, dataclass

from tests.lab.bmc_program import BmcProgram


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How a BMC misbehaves; the defaults are a good one."""

    unreachable: bool = False
    garbage: bool = False
    slow_s: float = 0
    stays_off: bool = False
    """Accepts power-on (status "OK") and does nothing."""
    forgets_boot_device: bool = False
    """Accepts a boot device (status "OK") and forgets it."""


class VirtualBmc(BmcProgram):
    """An IPMI 2.0 BMC (RMCP+, cipher suites 3 and 17) on an address of its own; on while the machine exists."""

    module = "tests.lab.bmc_process"
    port = 623

    def set_faults(
        self,
        *,
        unreachable: bool = False,
        garbage: bool = False,
        slow_s: float = 0,
        stays_off: bool = False,
        forgets_boot_device: bool = False,
    ) -> None:
        """Misbehave in exactly these ways from now on; ``set_faults()`` is good again. Returns when it holds."""
        self._tell(
            asdict(
                Faults(
                    unreachable=unreachable,
                    garbage=garbage,
                    slow_s=slow_s,
                    stays_off=stays_off,
                    forgets_boot_device=forgets_boot_device,
                )
            )
        )
