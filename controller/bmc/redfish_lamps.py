"""The lamps that a Redfish service can switch, so that a person finds a machine or a disk.

Older services have ``IndicatorLED`` (lit, blinking, off), newer ones ``LocationIndicatorActive`` (DSP2046; the older member is deprecated).
Names are Ironic's: the UUID of a system or chassis where it has one, else the last part of its address.
"""

from collections.abc import Iterator
from types import MappingProxyType

from sushy.resources.system.system import System

from controller.bmc.redfish_document import (
    Document,
    change,
    dig,
    link,
    links,
    members,
    read,
    read_if_there,
    text,
)
from controller.bmc.redfish_errors import NotDoneError
from controller.hardware.abilities import Indicator, Indicators, IndicatorState

_LED, _LOCATION = "IndicatorLED", "LocationIndicatorActive"
_STATES = MappingProxyType(
    {
        "Lit": IndicatorState.ON,
        "Off": IndicatorState.OFF,
        "Blinking": IndicatorState.BLINKING,
    }
)
_WORDS = MappingProxyType({state: word for word, state in _STATES.items()})


def indicators(system: System) -> Indicators:
    """Return every lamp by component and name."""
    found: dict[str, dict[str, Indicator]] = {}
    for component, document in _lit(system):
        states = tuple(_WORDS) if _has_led(document) else (IndicatorState.ON, IndicatorState.OFF)
        found.setdefault(component, {})[_name(document)] = Indicator(states=states)
    return found


def indicator_state(system: System, component: str, name: str) -> IndicatorState:
    """Return what a lamp does.

    Raises:
        NotDoneError: There is no such lamp.
    """
    document = _lamp(system, component, name)
    if _has_led(document):
        return _STATES.get(str(document.body[_LED]), IndicatorState.UNKNOWN)
    return IndicatorState.ON if document.body[_LOCATION] is True else IndicatorState.OFF


def set_indicator_state(system: System, component: str, name: str, state: IndicatorState) -> None:
    """Switch a lamp.

    Raises:
        NotDoneError: There is no such lamp, or it cannot do that.
    """
    document = _lamp(system, component, name)
    if _has_led(document) and state in _WORDS:
        change(system, document, {_LED: _WORDS[state]})
    elif not _has_led(document) and state in (IndicatorState.ON, IndicatorState.OFF):
        change(system, document, {_LOCATION: state is IndicatorState.ON})
    else:
        raise NotDoneError(f"the indicator {name}@{component} cannot be {state}")


def _lamp(system: System, component: str, name: str) -> Document:
    for kind, document in _lit(system, component):
        if kind == component and _name(document) == name:
            return document
    raise NotDoneError(f"there is no indicator {name}@{component}")


def _lit(system: System, only: str = "") -> Iterator[tuple[str, Document]]:
    """Return what has a lamp, with its component; ``only`` one kind of component is read, if it is given."""
    for component, document in _parts(system, only):
        if _has_led(document) or isinstance(dig(document.body, _LOCATION), bool):
            yield component, document


def _parts(system: System, only: str) -> Iterator[tuple[str, Document]]:
    if only in ("", "system"):
        yield "system", read(system, system.path)
    if only in ("", "chassis"):
        for path in links(system.json, "Links", "Chassis"):
            if (chassis := read_if_there(system, path)) is not None:
                yield "chassis", chassis
    if only in ("", "disk"):
        for storage in members(system, link(system.json, "Storage")):
            for path in links(storage.body, "Drives"):
                if (drive := read_if_there(system, path)) is not None:
                    yield "disk", drive


def _name(document: Document) -> str:
    return text(document.body, "UUID") or document.name


def _has_led(document: Document) -> bool:
    return dig(document.body, _LED) in _STATES
