"""BIOS and firmware of machines without hardware, for first steps and tests: both remember what steps gave them.

Source of the steps: Ironic's ``fake`` interfaces. Machines are told apart by ``fake_id``, as those of ``fake.py``.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from controller.errors import BmcError
from controller.hardware.bmc import BmcStep, BmcStepLook, StepArgument
from controller.hardware.firmware import BiosSetting, FirmwareComponent
from controller.hardware.interface import Facts

_ON_REQUEST = {"clean": 0, "deploy": 0, "service": 0}
_FIRST_VERSION = "1.0"
_COMPONENTS = ("bios", "bmc")
_DONE = BmcStepLook(state=None)


class FakeBios:
    """The interface ``fake`` of the kind ``bios``: a machine has the settings that it was given last."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self._machines: dict[str, dict[str, str | None]] = {}
        self._lock = threading.Lock()

    def validate(self, facts: Facts) -> None:
        """Find nothing wrong."""

    def steps(self, _driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Offer Ironic's two."""
        settings = StepArgument(
            description="List of BIOS settings, each an object with name and value", required=True
        )
        return (
            _step("bios", "apply_configuration", _apply_settings, settings=settings),
            _step("bios", "factory_reset", lambda bmc, _arguments: bmc.forget()),
        )

    def connect(self, driver_info: dict[str, Any]) -> "FakeSettings":
        """Return the BIOS of this ``fake_id``."""
        with self._lock:
            found = self._machines.setdefault(str(driver_info.get("fake_id", "")), {})
        return FakeSettings(found)


class FakeSettings:
    """The BIOS of one machine."""

    def __init__(self, settings: dict[str, str | None]) -> None:
        self._settings = settings

    def bios_settings(self, **_limit: float) -> Sequence[BiosSetting]:
        """Return what it was given."""
        return [BiosSetting(name=name, value=value) for name, value in [*self._settings.items()]]

    def put(self, settings: Mapping[str, str | None]) -> None:
        """Have these settings and no others."""
        self.forget()
        self._settings.update(settings)

    def forget(self) -> None:
        """Have no settings, as a new machine."""
        self._settings.clear()


class FakeFirmware:
    """The interface ``fake`` of the kind ``firmware``: two parts, which get the version that a file is named after."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self._machines: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def validate(self, facts: Facts) -> None:
        """Find nothing wrong."""

    def steps(self, _driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Offer Ironic's one."""
        settings = StepArgument(
            description="List of updates, each an object with component and url", required=True
        )
        return (_step("firmware", "update", _update, settings=settings),)

    def connect(self, driver_info: dict[str, Any]) -> "FakeVersions":
        """Return the firmware of this ``fake_id``."""
        new = dict.fromkeys(_COMPONENTS, _FIRST_VERSION)
        with self._lock:
            found = self._machines.setdefault(str(driver_info.get("fake_id", "")), new)
        return FakeVersions(found)


class FakeVersions:
    """The firmware of one machine."""

    def __init__(self, versions: dict[str, str]) -> None:
        self._versions = versions

    def firmware_components(self, **_limit: float) -> Sequence[FirmwareComponent]:
        """Return both parts."""
        return [
            FirmwareComponent(component=name, current_version=version, vendor="Ingot", model="fake")
            for name, version in [*self._versions.items()]
        ]

    def put(self, versions: Mapping[str, str]) -> None:
        """Have these versions.

        Raises:
            BmcError: There is no such part.
        """
        if unknown := sorted(set(versions) - set(self._versions)):
            raise BmcError(
                f"the fake machine has no component {', '.join(unknown)}; it has {', '.join(self._versions)}"
            )
        self._versions.update(versions)


def _step(
    interface: str,
    name: str,
    act: Callable[[Any, Mapping[str, Any]], None],
    **arguments: StepArgument,
) -> BmcStep:
    """Return a step that is over when it has begun."""

    def begin(bmc: Any, given: Mapping[str, Any], _timeout_s: float) -> BmcStepLook:
        act(bmc, given)
        return _DONE

    return BmcStep(
        name=name,
        interface=interface,
        priorities=_ON_REQUEST,
        begin=begin,
        look=lambda _bmc, _state, _timeout_s: _DONE,
        arguments=arguments,
    )


def _apply_settings(bmc: FakeSettings, arguments: Mapping[str, Any]) -> None:
    listed = _objects(arguments, "name")
    bmc.put({str(one["name"]): _as_text(one.get("value")) for one in listed})


def _update(bmc: FakeVersions, arguments: Mapping[str, Any]) -> None:
    listed = _objects(arguments, "component", "url")
    bmc.put({str(one["component"]): _version_in(str(one["url"])) for one in listed})


def _objects(arguments: Mapping[str, Any], *keys: str) -> list[Mapping[str, Any]]:
    """Return the argument ``settings``.

    Raises:
        BmcError: It is no list of objects with these keys.
    """
    listed = arguments.get("settings")
    is_fine = isinstance(listed, list) and all(
        isinstance(one, Mapping) and all(one.get(key) for key in keys) for one in listed
    )
    if not is_fine or not isinstance(listed, list):
        raise BmcError(
            f"settings must be a list of objects with {' and '.join(keys)}, not {listed!r:.200}"
        )
    return listed


def _as_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _version_in(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).stem or url
