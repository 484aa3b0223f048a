"""The hardware type ``snmp``: outlets of switched PDUs are machines' power switches. Names and keys are Ironic's.

A PDU switches no more than the power: what is booted is the firmware's own order (``management_interface`` ``noop``), which has to be
network first, then disk; and the firmware has to start the machine when power comes back.
"""

import time
from typing import Any

from controller.bmc.kept import Kept
from controller.bmc.snmp_outlets import (
    AUTO,
    BY_NAME,
    SYS_OBJECT_ID,
    Order,
    OutletTable,
    table_of_system,
)
from controller.bmc.snmp_target import PROPERTIES, SnmpTarget, parse_target
from controller.bmc.snmp_wire import SnmpWire
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import PowerState
from controller.hardware.interface import Facts

_LOOK_S = 0.5


class SnmpDriver:
    """Makes the outlets of PDUs; calls to one PDU do not overlap."""

    def __init__(self) -> None:
        """Know no PDU yet."""
        self.properties = dict(PROPERTIES)
        self.wire = SnmpWire()
        self._tables: Kept[tuple[str, int], OutletTable] = Kept()
        self._off_at: Kept[tuple[str, int, str], float] = Kept()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "SnmpOutlet":
        """Return the outlet that ``driver_info`` describes; asks nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return SnmpOutlet(parse_target(driver_info), self)

    def table_of(self, target: SnmpTarget, ends_at: float) -> OutletTable:
        """Return the MIB of the target's PDU; ``auto`` asks it once.

        Raises:
            BmcError: It does not answer, or is of a kind that is not known.
        """
        if target.driver != AUTO:
            return BY_NAME[target.driver]
        key = (target.address, target.port)
        known = self._tables.get(key)
        if known:
            return known
        system_id = self.wire.get(target, SYS_OBJECT_ID, timeout_s=ends_at - time.monotonic())
        found = table_of_system(system_id) if isinstance(system_id, tuple) else None
        if found is None:
            shown = ".".join(map(str, system_id)) if isinstance(system_id, tuple) else "nothing"
            raise BmcError(
                f"{target.pdu}: its sysObjectID is {shown[:120]}, which is no PDU that is known here; set driver_info/snmp_driver"
            )
        self._tables.put(key, found)
        return found

    def forget_table(self, target: SnmpTarget) -> None:
        """Ask the PDU anew for its kind: another one may have its address now."""
        self._tables.pop((target.address, target.port))

    def note_off(self, target: SnmpTarget) -> None:
        """Note that the outlet goes off now."""
        self._off_at.put((target.address, target.port, str(target.outlet)), time.monotonic())

    def still_off_s(self, target: SnmpTarget) -> float:
        """Return for how many seconds the outlet has to stay off yet."""
        off_at = self._off_at.get((target.address, target.port, str(target.outlet)))
        return 0.0 if off_at is None else max(off_at + target.off_s - time.monotonic(), 0.0)


class SnmpOutlet:
    """One outlet; see ``PowerControl`` for what the methods promise."""

    def __init__(self, target: SnmpTarget, driver: SnmpDriver) -> None:
        """Ask nothing yet."""
        self._target = target
        self._driver = driver

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Read the outlet's state; one that is neither on nor off (just switching) is ``ERROR``."""
        ends_at = time.monotonic() + timeout_s
        table = self._driver.table_of(self._target, ends_at)
        value = self._driver.wire.get(
            self._target,
            table.instance(table.state, self._target.outlet.index),
            timeout_s=ends_at - time.monotonic(),
        )
        if value is None:
            self._driver.forget_table(self._target)
            raise BmcError(
                f"{self._target.where}: it has no such outlet in the table of {table.name}; check snmp_outlet and snmp_driver in"
                " driver_info"
            )
        return (
            table.states.get(value, PowerState.ERROR)
            if isinstance(value, int)
            else PowerState.ERROR
        )

    def power_on(self, *, timeout_s: float) -> None:
        """Switch the outlet on, when it has been off as long as ``snmp_off_seconds`` wants: capacitors outlive a short cut."""
        ends_at = time.monotonic() + timeout_s
        time.sleep(min(self._driver.still_off_s(self._target), timeout_s))
        table = self._driver.table_of(self._target, ends_at)
        self._order(table, table.on, ends_at)

    def power_off(self, *, timeout_s: float) -> None:
        """Switch the outlet off."""
        ends_at = time.monotonic() + timeout_s
        table = self._driver.table_of(self._target, ends_at)
        self._order(table, table.off, ends_at)
        self._driver.note_off(self._target)

    def soft_power_off(self, *, timeout_s: float) -> None:  # noqa: ARG002  # as all connections
        """Refuse: a PDU knows no operating system."""
        raise BmcError(
            f"{self._target.where}: a PDU cannot ask the operating system to shut down; shut it down there, or power off"
        )

    def reset(self, *, timeout_s: float) -> None:
        """Switch off, see that it is so, wait, and switch on."""
        ends_at = time.monotonic() + timeout_s
        self.power_off(timeout_s=timeout_s)
        while self.power_state(timeout_s=ends_at - time.monotonic()) is not PowerState.OFF:
            if time.monotonic() + _LOOK_S >= ends_at:
                raise BmcUnreachable(
                    f"{self._target.where}: it took the order to switch off, but is not off after {timeout_s:.0f} s; look at the PDU"
                )
            time.sleep(_LOOK_S)
        self.power_on(timeout_s=ends_at - time.monotonic())

    def _order(self, table: OutletTable, order: Order, ends_at: float) -> None:
        oid = table.instance(order.column, self._target.outlet.index)
        left_s = ends_at - time.monotonic()
        if self._driver.wire.set(self._target, oid, order.value, timeout_s=left_s) is None:
            self._driver.forget_table(self._target)
            raise BmcError(
                f"{self._target.where}: it has no such outlet in the table of {table.name}, or snmp_community_write may not switch"
                " it; check both, and snmp_driver"
            )
