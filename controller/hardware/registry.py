"""Finds what is installed: entry points of ``ingot.interfaces.<kind>`` and ``ingot.hardware_types``, ours and third parties'."""

from collections.abc import Callable, Mapping
from typing import Any

from stevedore import ExtensionManager

from controller.errors import SettingsError
from controller.hardware.catalog import Catalog, make_catalog
from controller.hardware.interface import INTERFACE_KINDS, MadeWithSettings
from controller.hardware.screen import GROUP as SCREENS
from controller.hardware.screen import ProvidesScreens
from controller.settings import Settings

TYPES = "ingot.hardware_types"


def group_of(kind: str) -> str:
    """Return the entry point group of a kind."""
    return f"ingot.interfaces.{kind}"


def load_catalog(settings: Settings) -> Catalog:
    """Make one object per implementation, and see what the settings leave of them.

    Raises:
        SettingsError: Something cannot be imported or made, or the settings do not fit; the controller does not start
            with half of its hardware.
    """
    make = _maker(settings)
    parts = {kind: _load(group_of(kind), make) for kind in INTERFACE_KINDS}
    return make_catalog(parts, _load(TYPES, make), settings)


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


def _load(group: str, make: Callable[[Any], Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    manager: ExtensionManager[Any] = ExtensionManager(
        group, invoke_on_load=False, on_load_failure_callback=_refuse
    )
    for extension in manager:
        if extension.name in found:
            raise SettingsError(
                f"two packages offer {extension.name!r} in the entry point group {group}; uninstall one of them"
            )
        try:
            found[extension.name] = make(extension.plugin)
        except Exception as error:  # noqa: BLE001  # whatever a plug-in raises: it is named
            _refuse(manager, extension.entry_point, error)
    return found


def _refuse(_manager: object, entry_point: object, error: BaseException) -> None:
    name, value = (getattr(entry_point, key, "?") for key in ("name", "value"))
    group = getattr(entry_point, "group", "?")
    raise SettingsError(
        f"{name!r} of the entry point group {group} ({value}) cannot be loaded: {type(error).__name__}: {error}; repair or"
        " uninstall the package that offers it"
    ) from error
