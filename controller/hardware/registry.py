"""Finds what is installed: entry points of ``ingot.interfaces.<kind>`` and ``ingot.hardware_types``, ours and third parties'."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from stevedore import ExtensionManager, NamedExtensionManager

from controller.errors import SettingsError
from controller.hardware.catalog import Catalog, make_catalog, may_be_served
from controller.hardware.interface import INTERFACE_KINDS, BootsMedium, MadeWithSettings
from controller.hardware.screen import GROUP as SCREENS
from controller.hardware.screen import ProvidesScreens
from controller.settings import Settings

TYPES = "ingot.hardware_types"
_OURS = "controller."
"""Where our own implementations are; none of them adds itself to hardware types."""


def group_of(kind: str) -> str:
    """Return the entry point group of a kind."""
    return f"ingot.interfaces.{kind}"


def load_catalog(settings: Settings) -> Catalog:
    """Make one object per implementation that a node can have, and see what the settings leave of them.

    What of ours no enabled hardware type supports is not even imported: a site that has IPMI alone does not carry Redfish's
    library in its memory. Of others' everything is, because it may add itself to hardware types.

    Raises:
        SettingsError: Something cannot be imported or made, or the settings do not fit; the controller does not start
            with half of its hardware.
    """
    make = _maker(settings)
    types = _load(TYPES, make)
    modules = {kind: _modules_of(group_of(kind)) for kind in INTERFACE_KINDS}
    served = may_be_served(types, settings)
    parts: dict[str, Mapping[str, Any]] = {}
    for kind, installed in modules.items():
        others = {name for name, module in installed.items() if not module.startswith(_OURS)}
        wanted = {*others, *served[kind], *_needed(kind, parts)} & set(installed)
        parts[kind] = _load(group_of(kind), make, wanted)
    return make_catalog(parts, types, settings, installed=modules)


def _needed(kind: str, parts: Mapping[str, Mapping[str, Any]]) -> Collection[str]:
    """Return what implementations that are loaded need of a kind: those that boot a medium need what shows it to a machine."""
    if kind != "management":
        return ()
    return {one.media_interface for one in parts["boot"].values() if isinstance(one, BootsMedium)}


def load_screens(settings: Settings) -> Mapping[str, ProvidesScreens]:
    """Make one object of every provider of screens that is installed.

    Raises:
        SettingsError: One cannot be imported or made, or the setting names none of them.
    """
    found: Mapping[str, ProvidesScreens] = _load(SCREENS, _maker(settings))
    wanted = settings.console_screen_provider
    if wanted and wanted not in found:
        raise SettingsError(
            f"setting console_screen_provider is {wanted!r}, which is not installed; installed are {', '.join(sorted(found))}"
        )
    return found


def _maker(settings: Settings) -> Callable[[Any], Any]:
    made: dict[Any, Any] = {}

    def make(target: Any) -> Any:
        """Return what an entry point stands for: an object as it is, of a class one object for all kinds that name it."""
        if not isinstance(target, type):
            return target
        if target not in made:
            made[target] = (
                target.from_settings(settings) if isinstance(target, MadeWithSettings) else target()
            )
        return made[target]

    return make


def _modules_of(group: str) -> Mapping[str, str]:
    """Return where the entry points of a group lead, by name; nothing is imported."""
    manager: NamedExtensionManager[Any] = NamedExtensionManager(group, names=[])
    found: dict[str, str] = {}
    for one in manager.list_entry_points():
        if one.name in found:
            raise _offered_twice(one.name, group)
        found[one.name] = one.value
    return found


def _load(
    group: str, make: Callable[[Any], Any], names: Collection[str] | None = None
) -> Mapping[str, Any]:
    """Make everything that a group's entry points, or those with these names, stand for."""
    found: dict[str, Any] = {}
    manager: ExtensionManager[Any] = (
        ExtensionManager(group, on_load_failure_callback=_refuse)
        if names is None
        else NamedExtensionManager(group, names=list(names), on_load_failure_callback=_refuse)
    )
    for extension in manager:
        if extension.name in found:
            raise _offered_twice(extension.name, group)
        try:
            found[extension.name] = make(extension.plugin)
        except Exception as error:  # noqa: BLE001  # whatever a plug-in raises: it is named
            _refuse(manager, extension.entry_point, error)
    return found


def _offered_twice(name: str, group: str) -> SettingsError:
    return SettingsError(
        f"two packages offer {name!r} in the entry point group {group}; uninstall one of them"
    )


def _refuse(_manager: object, entry_point: object, error: BaseException) -> None:
    name, value = (getattr(entry_point, key, "?") for key in ("name", "value"))
    group = getattr(entry_point, "group", "?")
    raise SettingsError(
        f"{name!r} of the entry point group {group} ({value}) cannot be loaded: {type(error).__name__}: {error}; repair or"
        " uninstall the package that offers it"
    ) from error
