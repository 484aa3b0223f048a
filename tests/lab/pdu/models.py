"""Outlets as PDUs show them over SNMP, written down from their makers' MIBs and not from the driver's table. Pure.

An OID is written with ``{}`` in the place of the outlet's number; ``commands`` say what a number written there does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One kind of PDU."""

    root: str
    """Everything that it has is below."""
    system_id: str
    """What it says that it is (``sysObjectID``)."""
    state: str
    reads: Mapping[bool, int]
    """What the state reads while the outlet is on and off."""
    commands: Mapping[str, Mapping[int, bool]]
    """By OID, then by the number that is written: on or off."""
    pending: Mapping[bool, int] = field(default_factory=dict)
    """What the state reads while it is on its way there, if it says so."""


def _one(root: str, system_id: str, state: str, *, on: int, off: int, **more: int) -> Model:
    pending = more.get("pending")
    return Model(
        root=root,
        system_id=system_id,
        state=state,
        reads={True: on, False: off},
        commands={state: {on: True, off: False}},
        pending={} if pending is None else {True: pending, False: pending},
    )


_BEGIN = ".1.3.6.1.4.1."
MODELS: Mapping[str, Model] = {
    "apc_masterswitch": _one(
        f"{_BEGIN}318", f"{_BEGIN}318.1.3.4.2", f"{_BEGIN}318.1.1.4.4.2.1.3.{{}}", on=1, off=2
    ),
    "apc_masterswitchplus": _one(
        f"{_BEGIN}318", f"{_BEGIN}318.1.3.4.4", f"{_BEGIN}318.1.1.6.5.1.1.5.{{}}", on=1, off=3
    ),
    "apc_rackpdu": _one(
        f"{_BEGIN}318", f"{_BEGIN}318.1.3.4.5", f"{_BEGIN}318.1.1.12.3.3.1.1.4.{{}}", on=1, off=2
    ),
    "aten": _one(
        f"{_BEGIN}21317",
        f"{_BEGIN}21317.1.3",
        f"{_BEGIN}21317.1.3.2.2.2.2.{{}}.0",
        on=2,
        off=1,
        pending=3,
    ),
    "baytech_mrp27": _one(
        f"{_BEGIN}4779", f"{_BEGIN}4779", f"{_BEGIN}4779.1.3.5.3.1.3.1.{{}}", on=1, off=0
    ),
    "cyberpower": _one(
        f"{_BEGIN}3808", f"{_BEGIN}3808.1.1.3", f"{_BEGIN}3808.1.1.3.3.3.1.1.4.{{}}", on=1, off=2
    ),
    "eatonpower": Model(
        root=f"{_BEGIN}534",
        system_id=f"{_BEGIN}534.10.2.2.14",
        state=f"{_BEGIN}534.6.6.7.6.6.1.2.0.{{}}",
        reads={True: 1, False: 0},
        pending={True: 3, False: 2},
        commands={
            f"{_BEGIN}534.6.6.7.6.6.1.3.0.{{}}": {0: False},
            f"{_BEGIN}534.6.6.7.6.6.1.4.0.{{}}": {0: True},
        },
    ),
    "raritan_pdu2": Model(
        root=f"{_BEGIN}13742",
        system_id=f"{_BEGIN}13742.6",
        state=f"{_BEGIN}13742.6.4.1.2.1.3.1.{{}}",
        reads={True: 7, False: 8},
        commands={f"{_BEGIN}13742.6.4.1.2.1.2.1.{{}}": {0: False, 1: True}},
    ),
    "servertech_sentry3": Model(
        root=f"{_BEGIN}1718",
        system_id=f"{_BEGIN}1718.3",
        state=f"{_BEGIN}1718.3.2.3.1.5.1.1.{{}}",
        reads={True: 1, False: 0},
        pending={True: 3, False: 2},
        commands={f"{_BEGIN}1718.3.2.3.1.11.1.1.{{}}": {1: True, 2: False}},
    ),
    "servertech_sentry4": Model(
        root=f"{_BEGIN}1718",
        system_id=f"{_BEGIN}1718.4",
        state=f"{_BEGIN}1718.4.1.8.3.1.1.1.1.{{}}",
        reads={True: 1, False: 2},
        commands={f"{_BEGIN}1718.4.1.8.5.1.2.1.1.{{}}": {1: True, 2: False}},
    ),
    "teltronix": _one(
        f"{_BEGIN}23620", f"{_BEGIN}23620.1", f"{_BEGIN}23620.1.2.2.1.4.{{}}", on=2, off=1
    ),
    "vertivgeist_pdu": Model(
        root=f"{_BEGIN}21239",
        system_id=f"{_BEGIN}21239.5.2",
        state=f"{_BEGIN}21239.5.2.3.5.1.4.{{}}",
        reads={True: 1, False: 2},
        pending={True: 4, False: 3},
        commands={f"{_BEGIN}21239.5.2.3.5.1.6.{{}}": {2: True, 4: False}},
    ),
}
