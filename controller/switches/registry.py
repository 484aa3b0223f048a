"""The switches of this controller: those of the switch file, each with its plug-in (entry points of ``ingot.switches``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from stevedore import ExtensionManager

from controller.errors import Invalid, SettingsError
from controller.settings import Settings
from controller.switches.driver import GROUP, Switch, SwitchDriver
from controller.switches.lines import Lines
from controller.switches.switch_file import NamedNetwork, SwitchFile, read_switch_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What the switch file names."""

    path: str = ""
    """The setting ``switch_config_file``; empty: there is none."""
    switches: Mapping[str, Switch] = field(default_factory=dict)
    networks: Mapping[str, NamedNetwork] = field(default_factory=dict)
    drivers: Mapping[str, SwitchDriver] = field(default_factory=dict)
    """By ``driver_type``."""
    lines: Lines = field(default_factory=Lines)


def load_switches(settings: Settings) -> Switches:
    """Read the switch file of the settings, and find what drives its switches.

    Raises:
        SettingsError: The file cannot be read, or names what is not there; a plug-in cannot be loaded.
    """
    path = settings.switch_config_file
    if not path:
        return Switches()
    try:
        found = _checked(read_switch_file(_text(path)))
    except SettingsError as error:
        raise SettingsError(f"switch_config_file {path}: {error}") from error
    return Switches(
        path=path, switches=found.switches, networks=found.networks, drivers=_installed()
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"it cannot be read: {error}") from error


def _checked(found: SwitchFile) -> SwitchFile:
    for switch in found.switches.values():
        driver = _installed().get(switch.driver_type)
        if driver is None:
            raise SettingsError(
                f"switch {switch.name} has driver_type {switch.driver_type!r}, which is not installed; installed are "
                f"{', '.join(sorted(_installed()))}"
            )
        try:
            driver.validate(switch)
        except Invalid as error:
            raise SettingsError(f"switch {switch.name}: {error}") from error
    return found


@lru_cache(maxsize=1)
def _installed() -> Mapping[str, SwitchDriver]:
    manager: ExtensionManager[Any] = ExtensionManager(
        GROUP, invoke_on_load=True, on_load_failure_callback=_refuse
    )
    found: dict[str, Any] = {extension.name: extension.obj for extension in manager}
    return found


def _refuse(_manager: object, entry_point: object, error: BaseException) -> None:
    name = getattr(entry_point, "name", "?")
    raise SettingsError(
        f"{name!r} of the entry point group {GROUP} cannot be loaded: {type(error).__name__}: {error}; repair or uninstall "
        "the package that offers it"
    ) from error
