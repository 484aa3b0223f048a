"""Finds the BMC drivers that are installed: entry points of the group ``ingot.bmc_drivers``, ours and third parties'."""

from collections.abc import Mapping
from types import MappingProxyType

from stevedore import ExtensionManager

from controller.bmc.interface import BmcDriver
from controller.errors import SettingsError

GROUP = "ingot.bmc_drivers"


def load_drivers() -> Mapping[str, BmcDriver]:
    """Make one driver per entry point, by its name.

    Raises:
        SettingsError: A driver cannot be imported or made; the controller does not start with half of its drivers.
    """
    manager: ExtensionManager[BmcDriver] = ExtensionManager(
        GROUP, invoke_on_load=True, on_load_failure_callback=_refuse, propagate_map_exceptions=True
    )
    return MappingProxyType({e.name: e.obj for e in manager if e.obj is not None})


def _refuse(_manager: object, entry_point: object, error: BaseException) -> None:
    name = getattr(entry_point, "name", entry_point)
    value = getattr(entry_point, "value", "?")
    message = (
        f"BMC driver {name!r} ({value}) cannot be loaded: {type(error).__name__}: {error}; "
        "repair or uninstall the package that offers it"
    )
    raise SettingsError(message) from error
