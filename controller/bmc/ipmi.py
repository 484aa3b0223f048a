"""The IPMI driver: IPMI 2.0 over LAN with pyghmi, in child processes (``ipmi_pool.py``)."""

from collections.abc import Sequence
from typing import Any

from controller.bmc.ipmi_chassis import IpmiBmc
from controller.bmc.ipmi_pool import WorkerPool
from controller.bmc.ipmi_target import PROPERTIES, IpmiTarget, parse_target, warn_of_unknown_keys
from controller.errors import Invalid


class IpmiDriver:
    """Makes BMCs that share one pool of sessions."""

    def __init__(self, pool: WorkerPool | None = None) -> None:
        """Start nothing; ``pool`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._pool = pool or WorkerPool()

    def validate(self, driver_info: dict[str, Any]) -> None:
        """Raise ``Invalid`` naming the missing or malformed ``driver_info`` key and an example."""
        _parse(driver_info)
        warn_of_unknown_keys(driver_info)

    def connect(self, driver_info: dict[str, Any]) -> IpmiBmc:
        """Return the BMC that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: As :meth:`validate`.
        """
        target = _parse(driver_info)
        return IpmiBmc(target, _PyghmiTransport(target, self._pool))

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


def _parse(driver_info: dict[str, Any]) -> IpmiTarget:
    target = parse_target(driver_info)
    if target.protocol_version != "2.0":
        message = (
            "driver_info/ipmi_protocol_version 1.5 is not possible with this driver; "
            "use 2.0, or the power_interface ipmitool-cli"
        )
        raise Invalid(message)
    if target.bridge:
        raise Invalid(
            "driver_info/ipmi_bridging is not possible with this driver, which would switch the BMC's own machine; "
            "use the power_interface ipmitool-cli"
        )
    return target
