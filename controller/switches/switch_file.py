"""The switch file: which switches there are, and which networks a VIF can name. TOML; pure.

::

    [switches.tor-1]
    driver_type = "command"
    mac_address = "aa:bb:cc:dd:ee:01"
    allowed_vlans = "100-110,300"
    command = ["/etc/ingot/switch"]

    [networks]
    blue = "access/native_vlan=300"
    red = {switchport = "access/native_vlan=301", physical_network = "rack-2"}
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from agent.protocol.foreign_text import clean_line
from agent.protocol.hardware_address import normal_mac
from controller.errors import Invalid, SettingsError
from controller.switches.driver import Switch
from controller.switches.switchport import Switchport, parse_switchport, vlan_ranges

_DATAPATH_ID = re.compile(r"[0-9a-f]{16}")
_OWN = frozenset({"driver_type", "mac_address", "allowed_vlans", "default_vlan"})
_NETWORK = frozenset({"switchport", "physical_network"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedNetwork:
    """A network that a VIF can name."""

    switchport: Switchport
    physical_network: str | None = None
    """Ports of another one cannot reach it; ``None`` = nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchFile:
    """What stands in the file."""

    switches: Mapping[str, Switch] = field(default_factory=dict)
    networks: Mapping[str, NamedNetwork] = field(default_factory=dict)


def read_switch_file(text: str) -> SwitchFile:
    """Read the file.

    Raises:
        SettingsError: Names what is wrong in it; no value of an option is repeated.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"it is no valid TOML: {error}") from error
    if unknown := sorted(found.keys() - {"switches", "networks"}):
        raise SettingsError(f"it has {unknown[0]!r}; possible: [switches.NAME] and [networks]")
    try:
        switches = {name: _switch(name, one) for name, one in _table(found, "switches").items()}
        networks = {name: _network(name, one) for name, one in _table(found, "networks").items()}
    except Invalid as error:
        raise SettingsError(str(error)) from error
    _require_distinct(switches)
    return SwitchFile(switches=switches, networks=networks)


def _table(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = found.get(name, {})
    if not isinstance(table, Mapping):
        raise Invalid(f"[{name}] must be a table")
    return table


def _switch(name: str, given: Any) -> Switch:
    where = f"switch {name}"
    if not isinstance(given, Mapping):
        raise Invalid(f"{where} must be a table, [switches.{name}]")
    driver_type = given.get("driver_type")
    if not isinstance(driver_type, str) or not driver_type:
        near = get_close_matches("driver_type", given)
        raise Invalid(
            f'{where} has no driver_type{f", but {near[0]}" if near else ""}; write driver_type = "command"'
        )
    allowed, default = given.get("allowed_vlans"), given.get("default_vlan")
    if allowed is not None and not isinstance(allowed, str):
        raise Invalid(f'{where}: allowed_vlans must be a text, such as "100,200-210"')
    if default is not None:
        (default,) = vlan_ranges(str(default), f"{where}, default_vlan")[:1]
    return Switch(
        name=name,
        driver_type=driver_type,
        mac_address=_mac(given.get("mac_address"), where),
        allowed_vlans=None
        if allowed is None
        else frozenset(vlan_ranges(allowed, f"{where}, allowed_vlans")),
        default_vlan=default,
        options={key: value for key, value in given.items() if key not in _OWN},
    )


def _mac(given: Any, where: str) -> str | None:
    if given is None:
        return None
    lower = str(given).lower()
    found = lower if _DATAPATH_ID.fullmatch(lower) else normal_mac(str(given))
    if found is None:
        shown = clean_line(given)
        raise Invalid(
            f"{where}: mac_address {shown!r} is no MAC address, and no datapath ID of 16 hexadecimal digits"
        )
    return found


def _network(name: str, given: Any) -> NamedNetwork:
    where = f"network {name}"
    if isinstance(given, str):
        return NamedNetwork(switchport=parse_switchport(given, where))
    if not isinstance(given, Mapping) or not isinstance(given.get("switchport"), str):
        raise Invalid(f'{where} must be a text such as "access/native_vlan=300"')
    if unknown := sorted(given.keys() - _NETWORK):
        raise Invalid(f"{where} has {unknown[0]!r}; possible: {', '.join(sorted(_NETWORK))}")
    physical = given.get("physical_network")
    if physical is not None and not isinstance(physical, str):
        raise Invalid(f"{where}: physical_network must be a text")
    switchport = parse_switchport(given["switchport"], where)
    return NamedNetwork(switchport=switchport, physical_network=physical)


def _require_distinct(switches: Mapping[str, Switch]) -> None:
    """Refuse two switches that a port could mean."""
    seen: dict[str, str] = {}
    for switch in switches.values():
        if switch.mac_address is None:
            continue
        if switch.mac_address in seen:
            raise SettingsError(
                f"the switches {seen[switch.mac_address]} and {switch.name} have one mac_address"
            )
        seen[switch.mac_address] = switch.name
