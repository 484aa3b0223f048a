"""The outlets of switched PDUs as their makers' MIBs have them: what is read, what is written, one row a kind of PDU. Pure.

The names are those of Ironic's ``snmp_driver``. Each row names the MIB that it follows and what it was checked against.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.errors import Invalid
from controller.hardware.bmc import PowerState

Oid = tuple[int, ...]

ENTERPRISES: Oid = (1, 3, 6, 1, 4, 1)
SYS_OBJECT_ID: Oid = (1, 3, 6, 1, 2, 1, 1, 2, 0)
"""RFC 3418, ``sysObjectID.0``: which kind of machine answers."""
AUTO = "auto"
_LONGEST_INDEX = 8
_HIGHEST = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One object of an outlet's row, and what is written to it."""

    column: Oid
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletTable:
    """How one kind of PDU shows and switches its outlets. OIDs of columns are below ``enterprises``."""

    name: str
    """The ``snmp_driver`` of Ironic."""
    source: str
    """MIB and objects."""
    state: Oid
    """Column that tells the state."""
    states: Mapping[int, PowerState]
    """Its values; what is not here is neither on nor off (just switching, failed)."""
    on: Order
    off: Order
    system_ids: tuple[Oid, ...] = ()
    """Beginnings of ``sysObjectID`` below ``enterprises``, for ``auto``."""
    unit: Oid = ()
    """Index of the unit, before the outlet's, where none is written."""
    after: Oid = ()
    """What comes behind the outlet's index."""

    def instance(self, column: Oid, outlet: Oid) -> Oid:
        """Return the OID of an outlet's object; ``outlet`` is its number, or its whole index."""
        index = (*self.unit, *outlet) if len(outlet) == 1 else outlet
        return (*ENTERPRISES, *column, *index, *self.after)


def _on_off(on: int, off: int) -> Mapping[int, PowerState]:
    return MappingProxyType({on: PowerState.ON, off: PowerState.OFF})


def _one_object(
    name: str,
    source: str,
    column: Oid,
    *,
    on: int,
    off: int,
    system_ids: tuple[Oid, ...],
    unit: Oid = (),
    after: Oid = (),
) -> OutletTable:
    """Return a table whose one column is read and written with the same values."""
    return OutletTable(
        name=name,
        source=source,
        state=column,
        states=_on_off(on, off),
        on=Order(column=column, value=on),
        off=Order(column=column, value=off),
        system_ids=system_ids,
        unit=unit,
        after=after,
    )


_APC = (318, 1, 1)
_APC_PRODUCT = (318, 1, 3, 4)
_EATON = (534, 6, 6, 7, 6, 6, 1)
_RARITAN = (13742, 6, 4, 1, 2, 1)
_SENTRY3 = (1718, 3, 2, 3, 1)
_SENTRY4 = (1718, 4, 1, 8)
_GEIST = (21239, 5, 2, 3, 5, 1)

_MASTER_SWITCH = _one_object(
    "apc_masterswitch",
    "PowerNet-MIB: sPDUOutletCtl (outletOn 1, outletOff 2)",
    (*_APC, 4, 4, 2, 1, 3),
    on=1,
    off=2,
    system_ids=((*_APC, 4), *((*_APC_PRODUCT, number) for number in (1, 2, 3))),
)
TABLES: tuple[OutletTable, ...] = (
    _MASTER_SWITCH,
    _one_object(
        "apc_masterswitchplus",
        "PowerNet-MIB: sPDUOutletControlMSPOutletCommand (immediateOn 1, immediateOff 3)",
        (*_APC, 6, 5, 1, 1, 5),
        on=1,
        off=3,
        system_ids=((*_APC, 6), (*_APC_PRODUCT, 4)),
    ),
    _one_object(
        "apc_rackpdu",
        "PowerNet-MIB: rPDUOutletControlOutletCommand (immediateOn 1, immediateOff 2)",
        (*_APC, 12, 3, 3, 1, 1, 4),
        on=1,
        off=2,
        system_ids=((*_APC, 12), (*_APC_PRODUCT, 5), (*_APC_PRODUCT, 6)),
    ),
    _one_object(
        "aten",
        "ATEN-PE-CFG: outlet1 ... (off 1, on 2, pending 3, reset 4), one scalar an outlet",
        (21317, 1, 3, 2, 2, 2, 2),
        on=2,
        off=1,
        system_ids=((21317,),),
        after=(0,),
    ),
    _one_object(
        "baytech_mrp27",
        "Baytech-MIB-503-1: sBTAModulesRPCOutletState by unit and outlet (off 0, on 1, reboot 2)",
        (4779, 1, 3, 5, 3, 1, 3),
        on=1,
        off=0,
        system_ids=((4779,),),
        unit=(1,),
    ),
    _one_object(
        "cyberpower",
        "CPS-MIB: ePDUOutletControlOutletCommand (immediateOn 1, immediateOff 2)",
        (3808, 1, 1, 3, 3, 3, 1, 1, 4),
        on=1,
        off=2,
        system_ids=((3808,),),
    ),
    OutletTable(
        name="eatonpower",
        source="EATON-EPDU-MIB: outletControlStatus (off 0, on 1, pendingOff 2, pendingOn 3), outletControlOffCmd and"
        " outletControlOnCmd (seconds to wait) by unit and outlet; Ironic writes the commands the other way round",
        state=(*_EATON, 2),
        states=MappingProxyType(
            {0: PowerState.OFF, 1: PowerState.ON, 2: PowerState.ON, 3: PowerState.OFF}
        ),
        on=Order(column=(*_EATON, 4), value=0),
        off=Order(column=(*_EATON, 3), value=0),
        system_ids=((534,),),
        unit=(0,),
    ),
    OutletTable(
        name="raritan_pdu2",
        source="PDU2-MIB: switchingOperation (off 0, on 1), outletSwitchingState (on 7, off 8) by PDU and outlet",
        state=(*_RARITAN, 3),
        states=_on_off(7, 8),
        on=Order(column=(*_RARITAN, 2), value=1),
        off=Order(column=(*_RARITAN, 2), value=0),
        system_ids=((13742, 6),),
        unit=(1,),
    ),
    OutletTable(
        name="servertech_sentry3",
        source="Sentry3-MIB: outletStatus (off 0, on 1, offWait 2, onWait 3), outletControlAction (on 1, off 2) by tower,"
        " infeed and outlet",
        state=(*_SENTRY3, 5),
        states=MappingProxyType(
            {0: PowerState.OFF, 1: PowerState.ON, 2: PowerState.ON, 3: PowerState.OFF}
        ),
        on=Order(column=(*_SENTRY3, 11), value=1),
        off=Order(column=(*_SENTRY3, 11), value=2),
        system_ids=((1718, 3),),
        unit=(1, 1),
    ),
    OutletTable(
        name="servertech_sentry4",
        source="Sentry4-MIB: st4OutletState (on 1, off 2), st4OutletControlAction (on 1, off 2) by unit, input cord and outlet",
        state=(*_SENTRY4, 3, 1, 1),
        states=_on_off(1, 2),
        on=Order(column=(*_SENTRY4, 5, 1, 2), value=1),
        off=Order(column=(*_SENTRY4, 5, 1, 2), value=2),
        system_ids=((1718, 4),),
        unit=(1, 1),
    ),
    _one_object(
        "teltronix",
        "Teltronix's documentation, as Ironic quotes it (off 1, on 2)",
        (23620, 1, 2, 2, 1, 4),
        on=2,
        off=1,
        system_ids=((23620,),),
    ),
    OutletTable(
        name="vertivgeist_pdu",
        source="GEIST-V5-MIB: pduOutletSwitchState (on 1, off 2, on2off 3, off2on 4), pduOutletSwitchControl (on 2, off 4)",
        state=(*_GEIST, 4),
        states=MappingProxyType(
            {1: PowerState.ON, 2: PowerState.OFF, 3: PowerState.ON, 4: PowerState.OFF}
        ),
        on=Order(column=(*_GEIST, 6), value=2),
        off=Order(column=(*_GEIST, 6), value=4),
        system_ids=((21239,),),
    ),
)
BY_NAME: Mapping[str, OutletTable] = MappingProxyType(
    {"apc": _MASTER_SWITCH, **{table.name: table for table in TABLES}}
)
"""What ``snmp_driver`` may be, beside ``auto``."""


def table_of_system(system_id: Oid) -> OutletTable | None:
    """Return the table of the PDU that says this ``sysObjectID``: the longest beginning that fits; ``None`` = not known."""
    fits = [
        (len(begin), table)
        for table in TABLES
        for begin in table.system_ids
        if system_id[: len(ENTERPRISES) + len(begin)] == (*ENTERPRISES, *begin)
    ]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


@dataclass(frozen=True, slots=True)
class Outlet:
    """Which outlet is meant: its number, or its whole index where PDUs hang on one another (``2.7``)."""

    index: Oid

    def __str__(self) -> str:
        return ".".join(map(str, self.index))


def parse_outlet(written: str) -> Outlet:
    """Read ``snmp_outlet``: ``7``, or ``2.7``.

    Raises:
        Invalid: It is neither.
    """
    parts = written.strip().split(".")
    is_index = all(part.isascii() and part.isdigit() and int(part) <= _HIGHEST for part in parts)
    if not is_index or len(parts) > _LONGEST_INDEX:
        raise Invalid(
            f"driver_info/snmp_outlet is {written[:40]!r}; give the outlet's number as the PDU's MIB counts, for example 7, or its"
            " whole index where PDUs are chained, for example 2.7"
        )
    return Outlet(tuple(int(part) for part in parts))
