"""What a controller serves: hardware types, and the implementations that a node of each may have. Pure.

Which are enabled and which is the default is chosen as Ironic chooses (``ironic/common/driver_factory.py``): a hardware
type lists what it supports, the best first; of these the settings ``enabled_<kind>_interfaces`` leave some, and the
default is that of ``default_<kind>_interface``, else the first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from controller.errors import Invalid, SettingsError
from controller.hardware.interface import INTERFACE_KINDS, Interface, Interfaces, JoinsHardwareTypes
from controller.hardware.types import GENERIC, HardwareType
from controller.settings import Settings

Parts = Mapping[str, Mapping[str, Interface]]
"""Implementations by kind and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The hardware types that are enabled, each with what is enabled of it, its default first."""

    types: Mapping[str, HardwareType]
    parts: Parts

    def hardware_type(self, name: str) -> HardwareType:
        """Return the hardware type of a node's ``driver``.

        Raises:
            Invalid: It is not served.
        """
        found = self.types.get(name)
        if found is None:
            known = ", ".join(sorted(self.types))
            raise Invalid(f"driver {name!r} is not served here; valid drivers: {known}")
        return found

    def names_of(self, driver: str, chosen: Mapping[str, str]) -> dict[str, str]:
        """Return the name of the implementation of every kind, with the defaults of the kinds that are not chosen.

        Raises:
            Invalid: The hardware type is not served, or has no such implementation.
        """
        hardware_type = self.hardware_type(driver)
        names: dict[str, str] = {}
        for kind in INTERFACE_KINDS:
            possible = hardware_type.supports[kind]
            names[kind] = chosen.get(kind) or possible[0]
            if names[kind] not in possible:
                raise Invalid(
                    f"{kind}_interface {names[kind]!r} does not exist for driver {driver!r}; valid: {', '.join(possible)}"
                )
        return names

    def all_of(self, driver: str, kind: str) -> Mapping[str, Any]:
        """Return every implementation of a kind that nodes of a hardware type may choose, by name.

        Raises:
            Invalid: The hardware type is not served.
        """
        return {name: self.parts[kind][name] for name in self.hardware_type(driver).supports[kind]}

    def interfaces_of(self, driver: str, chosen: Mapping[str, str]) -> Interfaces:
        """Return what a node has.

        Raises:
            Invalid: As :meth:`names_of`.
        """
        names = self.names_of(driver, chosen)
        found: dict[str, Any] = {kind: self.parts[kind][name] for kind, name in names.items()}
        return Interfaces(names=MappingProxyType(names), **found)


def may_be_served(
    types: Mapping[str, HardwareType], settings: Settings
) -> Mapping[str, Collection[str]]:
    """Return the names of implementations, by kind, that an enabled hardware type supports and that are not disabled.

    A type that is not among ``types`` is one that only an implementation brings: it supports what is generic.
    """
    wanted = settings.listed("enabled_hardware_types") or tuple(types)
    supports = [types[name].supports if name in types else GENERIC for name in wanted]
    served = {}
    for kind in INTERFACE_KINDS:
        supported = {name for one in supports for name in one[kind]}
        enabled = settings.listed(f"enabled_{kind}_interfaces")
        served[kind] = supported & set(enabled) if enabled else supported
    return served


def make_catalog(
    parts: Parts,
    types: Mapping[str, HardwareType],
    settings: Settings,
    installed: Mapping[str, Collection[str]] | None = None,
) -> Catalog:
    """Return what is served.

    Args:
        parts: The implementations that are loaded.
        types: The hardware types that are installed.
        settings: Which of it is enabled, and the defaults.
        installed: The names of all implementations by kind, also of those that no node can have; as a default those
            of ``parts``.

    Raises:
        SettingsError: A setting names something that is not installed, or nothing is left of a kind.
    """
    joined = _joined(parts, types)
    wanted = settings.listed("enabled_hardware_types") or tuple(joined)
    _require_known("enabled_hardware_types", wanted, joined)
    known = installed or parts
    enabled = {kind: _enabled(kind, known[kind], settings) for kind in INTERFACE_KINDS}
    _require_detected(enabled["deploy"], settings)
    served = {name: _served(joined[name], enabled, settings) for name in wanted}
    return Catalog(types=MappingProxyType(served), parts=parts)


def _enabled(kind: str, installed: Collection[str], settings: Settings) -> Sequence[str]:
    setting = f"enabled_{kind}_interfaces"
    wanted = settings.listed(setting)
    _require_known(setting, wanted, installed)
    return wanted or tuple(installed)


def _require_detected(enabled: Sequence[str], settings: Settings) -> None:
    """Refuse a start with ``autodetect`` that could choose what is not enabled, as Ironic does."""
    names = settings.listed("autodetect_deploy_interfaces")
    missing = [name for name in names if name not in enabled]
    if "autodetect" in enabled and (missing or not names):
        raise SettingsError(
            f"autodetect_deploy_interfaces names {', '.join(missing) or 'nothing'}; name only what enabled_deploy_interfaces has"
            f" ({', '.join(enabled)}), or take autodetect out of that"
        )


def _served(
    one: HardwareType, enabled: Mapping[str, Sequence[str]], settings: Settings
) -> HardwareType:
    supports = {}
    for kind in INTERFACE_KINDS:
        possible = [name for name in one.supports[kind] if name in enabled[kind]]
        if not possible:
            raise SettingsError(
                f"hardware type {one.name!r} has no {kind} interface: it supports {', '.join(one.supports[kind]) or 'none'}, and"
                f" enabled_{kind}_interfaces has none of these; add one, or leave {one.name} out of enabled_hardware_types"
            )
        supports[kind] = tuple(possible)
        if default := str(getattr(settings, f"default_{kind}_interface")):
            supports[kind] = _with_default(one, kind, possible, default)
    return replace(one, supports=MappingProxyType(supports))


def _with_default(
    one: HardwareType, kind: str, possible: Sequence[str], default: str
) -> tuple[str, ...]:
    if default not in possible:
        raise SettingsError(
            f"default_{kind}_interface = {default!r} is none that hardware type {one.name!r} supports and that is enabled"
            f" ({', '.join(possible)}); choose another, or leave {one.name} out of enabled_hardware_types"
        )
    return (default, *(name for name in possible if name != default))


def _require_known(setting: str, wanted: Sequence[str], known: Collection[str]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SettingsError(
            f"{setting} names {', '.join(unknown)}, which is not installed; installed are {', '.join(sorted(known))}"
        )


def _joined(parts: Parts, types: Mapping[str, HardwareType]) -> dict[str, HardwareType]:
    """Add the implementations that add themselves to hardware types, and the types that only they bring."""
    joined = dict(types)
    for kind in INTERFACE_KINDS:
        for name, part in sorted(parts[kind].items()):
            if not isinstance(part, JoinsHardwareTypes):
                continue
            for type_name in part.hardware_types:
                before = joined.get(type_name) or HardwareType(name=type_name, supports=GENERIC)
                if name not in before.supports[kind]:
                    joined[type_name] = before.with_last(kind, name)
    return joined
