"""The lamp by which a person finds a machine in the rack: IPMI has one for each chassis.

Follows "Intelligent Platform Management Interface Specification Second Generation v2.0" rev. 1.1: 28.5 (Chassis Identify), 28.2 (its state).
"""

from types import MappingProxyType

from controller.bmc.ipmi_calls import IpmiCalls, completion_text
from controller.hardware.abilities import Indicator, Indicators, IndicatorState

_NETFN_CHASSIS, _GET_STATUS, _IDENTIFY = 0x00, 0x01, 0x04
_UNTIL_SWITCHED_OFF = (0, 1)
_LONGEST = (255,)
"""Seconds, for BMCs that cannot leave it on."""
_OFF = (0,)
_TELLS_STATE, _STATE = 0x40, 0x30
_WRONG_LENGTHS = (0xC7, 0xC8, 0xCC)
_STATUS_BYTES = 3
LAMPS: Indicators = MappingProxyType(
    {
        "chassis": MappingProxyType(
            {"identify": Indicator(states=(IndicatorState.ON, IndicatorState.OFF))}
        )
    }
)


def identify_state(calls: IpmiCalls) -> IndicatorState:
    """Return what the lamp does; ``UNKNOWN`` = the BMC does not say.

    Raises:
        BmcError: As ``Transport``, or the BMC says no.
    """
    status = calls.ask(_NETFN_CHASSIS, _GET_STATUS)
    if len(status) < _STATUS_BYTES or not status[2] & _TELLS_STATE:
        return IndicatorState.UNKNOWN
    return IndicatorState.ON if status[2] & _STATE else IndicatorState.OFF


def switch_identify(calls: IpmiCalls, *, is_on: bool) -> None:
    """Switch the lamp, and see that it is so where the BMC says it.

    Raises:
        BmcError: As ``Transport``; the BMC says no, or the lamp is not as wanted.
    """
    if is_on:
        code, _ = calls.raw(_NETFN_CHASSIS, _IDENTIFY, _UNTIL_SWITCHED_OFF)
        if code in _WRONG_LENGTHS:  # IPMI 1.5 has no second byte
            calls.ask(_NETFN_CHASSIS, _IDENTIFY, _LONGEST)
        elif code:
            raise calls.refusal(f"refused: {completion_text(code)}")
    else:
        calls.ask(_NETFN_CHASSIS, _IDENTIFY, _OFF)
    wanted = IndicatorState.ON if is_on else IndicatorState.OFF
    found = identify_state(calls)
    if found not in (wanted, IndicatorState.UNKNOWN):
        raise calls.refusal(f"was accepted, and the lamp is {found}; look at the machine")
