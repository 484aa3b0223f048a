"""The IPMI driver: IPMI 2.0 over LAN with pyghmi, in child processes (``ipmi_pool.py``).

What pyghmi cannot do goes by the program ``ipmitool`` (``ipmitool.py``), node by node and without being asked for: cipher suites
other than 3 and 17, IPMI 1.5, bridging.
"""

from collections.abc import Sequence
from typing import Any

from controller.bmc.ipmi_chassis import IpmiBmc, IpmiMemory
from controller.bmc.ipmi_logins import shared_logins
from controller.bmc.ipmi_pool import WorkerPool
from controller.bmc.ipmi_target import PROPERTIES, IpmiTarget, parse_target, warn_of_unknown_keys
from controller.bmc.ipmitool import IpmitoolDriver
from controller.hardware.interface import Facts

_OWN_CIPHER_SUITES = (3, 17)


class IpmiDriver:
    """Makes BMCs that share one pool of sessions."""

    def __init__(self, pool: WorkerPool | None = None) -> None:
        """Start nothing; ``pool`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._pool = pool or WorkerPool(logins=shared_logins())
        self._memory = IpmiMemory()
        self._program = IpmitoolDriver(self._pool.logins)

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        self.check(facts.driver_info)

    def check(self, driver_info: dict[str, Any]) -> None:
        """Raise ``Invalid`` naming the missing or malformed ``driver_info`` key and an example."""
        if _needs_program(parse_target(driver_info)):
            self._program.check(driver_info)
        else:
            warn_of_unknown_keys(driver_info)

    def connect(self, driver_info: dict[str, Any]) -> IpmiBmc:
        """Return the BMC that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: As :meth:`check`.
        """
        target = parse_target(driver_info)
        if _needs_program(target):
            return self._program.connect(driver_info)
        return IpmiBmc(target, _PyghmiTransport(target, self._pool), self._memory)

    def close(self) -> None:
        """End all sessions; they also end with this process."""
        self._pool.close()


class _PyghmiTransport:
    """Carries requests to one BMC through the pool."""

    def __init__(self, target: IpmiTarget, pool: WorkerPool) -> None:
        self._target = target
        self._pool = pool

    def raw(
        self, netfn: int, command: int, data: Sequence[int], *, timeout_s: float, what: str
    ) -> tuple[int, bytes]:
        """Send one request; see ``Transport``."""
        reply = self._pool.call(
            self._target, netfn=netfn, command=command, data=data, timeout_s=timeout_s, what=what
        )
        return reply.code, reply.data


def _needs_program(target: IpmiTarget) -> bool:
    """Tell whether only ``ipmitool`` can talk to this BMC in the way that is wanted."""
    is_odd_suite = target.cipher_suite not in (None, *_OWN_CIPHER_SUITES)
    return is_odd_suite or target.protocol_version != "2.0" or target.bridge is not None
