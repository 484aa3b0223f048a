"""The Redfish driver: power, management and what else its files have, by DMTF's Redfish (DSP0266), with sushy, the client that Ironic has."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import sushy
from sushy import exceptions
from sushy.resources.system.system import System

from controller.bmc import (
    redfish_boot_device,
    redfish_boot_mode,
    redfish_clock,
    redfish_http_boot,
    redfish_lamps,
    redfish_log,
    redfish_media,
    redfish_sensors,
)
from controller.bmc.redfish_call import RedfishCalls
from controller.bmc.redfish_errors import NotOfferedError, lacking
from controller.bmc.redfish_sessions import Sessions, shared_sessions
from controller.bmc.redfish_steps import STEPS
from controller.bmc.redfish_target import PROPERTIES, parse_target
from controller.errors import NoDriveLeft
from controller.hardware.abilities import Health, Indicators, IndicatorState, MediaDevice
from controller.hardware.bmc import BmcStep, BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts
from controller.hardware.sensors import BmcLog, SensorReport

_ON = frozenset({sushy.PowerState.ON, sushy.PowerState.POWERING_ON})
_OFF = frozenset({sushy.PowerState.OFF})
_STILL_ON = sushy.PowerState.POWERING_OFF
"""A machine that shuts down is on until it is off: its system may hang."""
_REFUSED = frozenset({400, 409})
"""How BMCs answer who orders what is so already."""

_BY_HAND = "see what its own page can do"
_INSTEAD = {
    sushy.ResetType.GRACEFUL_SHUTDOWN: "shut the operating system down there, or power off",
    sushy.ResetType.FORCE_RESTART: "power off, then on",
}
"""What to do where a BMC does not have a reset."""


class RedfishDriver:
    """Makes BMCs that share their sessions."""

    def __init__(self, sessions: Sessions | None = None) -> None:
        """Start nothing; ``sessions`` is for tests that want other limits."""
        self.properties = dict(PROPERTIES)
        self._sessions = sessions or shared_sessions()

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        parse_target(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "RedfishBmc":
        """Return the BMC that ``driver_info`` describes; opens nothing yet.

        Raises:
            Invalid: A key is missing or malformed.
        """
        return RedfishBmc(RedfishCalls(parse_target(driver_info), self._sessions))

    def steps(self, _driver_info: Mapping[str, Any]) -> Sequence[BmcStep]:
        """Offer those of the management interface; what a BMC does not have is said when a step begins."""
        return STEPS

    def close(self) -> None:
        """Log out everywhere."""
        self._sessions.close()


class RedfishBmc:
    """One system of one BMC; see ``Bmc`` for what the methods promise."""

    def __init__(self, calls: RedfishCalls) -> None:
        self._calls = calls
        self._has_seen_health = False
        self._seen_health: Health | None = None
        self._has_pressed = False

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Ask for the power state; a machine on its way, either way, is on: only what is off counts as off."""
        return self._calls.ask("get power state", timeout_s, self._look)

    def health(self, *, timeout_s: float) -> Health | None:
        """Ask for the health of the machine with all its parts; the last reading of the power state has it already."""
        if not self._has_seen_health:
            self._calls.ask("get health", timeout_s, self._look)
        return self._seen_health

    def power_on(self, *, timeout_s: float) -> None:
        """Tell the BMC to power on, whatever it shows, for that may be of the past; one that is on may refuse."""
        kinds = (sushy.ResetType.ON, sushy.ResetType.FORCE_ON)
        self._calls.ask("power on", timeout_s, lambda system: _switch(system, _ON, *kinds))

    def power_off(self, *, timeout_s: float) -> None:
        """Cut the power, whatever the BMC shows, for that may be of the past; one that is off may refuse."""
        kind = sushy.ResetType.FORCE_OFF
        self._calls.ask("power off", timeout_s, lambda system: _switch(system, _OFF, kind))

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Ask the operating system to shut down; of a machine that is shown off, or on its way, nothing is asked: the button might switch it on."""

        def switch(system: System) -> None:
            if _power_state(system) is PowerState.OFF or system.power_state is _STILL_ON:
                return
            button = sushy.ResetType.PUSH_POWER_BUTTON
            kind = _first_offered(system, sushy.ResetType.GRACEFUL_SHUTDOWN, button)
            self._has_pressed = kind is button
            try:
                system.reset_system(kind)
            except exceptions.HTTPError:
                self._has_pressed = False
                raise

        self._calls.ask("soft power off", timeout_s, switch)

    def has_pressed_button(self) -> bool:
        """See ``PressesButton``."""
        return self._has_pressed

    def reset(self, *, timeout_s: float) -> None:
        """Reset a machine that is on."""
        kinds = (sushy.ResetType.FORCE_RESTART, sushy.ResetType.POWER_CYCLE)
        self._calls.ask("reset", timeout_s, lambda system: _reset(system, *kinds))

    def inject_nmi(self, *, timeout_s: float) -> None:
        """Send a non-maskable interrupt."""
        self._calls.ask("inject NMI", timeout_s, lambda system: _reset(system, sushy.ResetType.NMI))

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask for the boot override; ``None`` where it is disabled."""
        return self._calls.ask("get boot device", timeout_s, redfish_boot_device.boot_override)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Set the boot override."""
        if device not in redfish_boot_device.TARGETS:
            raise self._calls.refusal(
                f"set boot device {device}",
                f"Redfish has no such device; choose one of {', '.join(redfish_boot_device.TARGETS)}",
            )
        self._calls.ask(
            f"set boot device {device}",
            timeout_s,
            lambda system: redfish_boot_device.set_boot_override(
                system, device, mode, persistent=persistent
            ),
        )

    def boot_mode(self, *, timeout_s: float) -> BootMode:
        """Ask for the boot mode."""
        return self._calls.ask("get boot mode", timeout_s, redfish_boot_mode.boot_mode)

    def set_boot_mode(self, mode: BootMode, *, timeout_s: float) -> None:
        """Set the boot mode and read it back."""
        self._calls.ask(
            f"set boot mode {mode}",
            timeout_s,
            lambda system: redfish_boot_mode.set_boot_mode(system, mode),
        )

    def secure_boot(self, *, timeout_s: float) -> bool:
        """Ask whether Secure Boot is on with the next start."""
        return self._calls.ask("get Secure Boot", timeout_s, redfish_boot_mode.secure_boot)

    def set_secure_boot(self, is_on: bool, *, timeout_s: float) -> None:
        """Switch Secure Boot."""
        self._calls.ask(
            f"switch Secure Boot {'on' if is_on else 'off'}",
            timeout_s,
            lambda system: redfish_boot_mode.set_secure_boot(system, is_on),
        )

    def reset_secure_boot_keys(
        self, kind: sushy.SecureBootResetKeysType, *, timeout_s: float
    ) -> None:
        """Enrol the factory's keys, or remove all."""
        self._calls.ask(
            "reset the keys of Secure Boot",
            timeout_s,
            lambda system: redfish_boot_mode.reset_keys(system, kind),
        )

    def clock_is_right(self, *, timeout_s: float) -> bool:
        """Ask whether the BMC's clock is right within a second."""
        return self._calls.ask("get the clock", timeout_s, redfish_clock.is_right)

    def set_clock(
        self, wanted: str | None = None, offset: str | None = None, *, timeout_s: float
    ) -> None:
        """Set the BMC's clock (ISO 8601; ``None`` = to the time that it is) and read it back."""
        told = redfish_clock.parse_time(wanted) if wanted else None
        self._calls.ask(
            "set the clock",
            timeout_s,
            lambda system: redfish_clock.set_clock(system, told, offset),
        )

    def indicators(self, *, timeout_s: float) -> Indicators:
        """Ask which lamps there are on system, chassis and disks."""
        return self._calls.ask("list indicators", timeout_s, redfish_lamps.indicators)

    def indicator_state(self, component: str, name: str, *, timeout_s: float) -> IndicatorState:
        """Ask what a lamp does."""
        return self._calls.ask(
            f"get indicator {name}",
            timeout_s,
            lambda system: redfish_lamps.indicator_state(system, component, name),
        )

    def set_indicator_state(
        self, component: str, name: str, state: IndicatorState, *, timeout_s: float
    ) -> None:
        """Switch a lamp."""
        self._calls.ask(
            f"set indicator {name} {state}",
            timeout_s,
            lambda system: redfish_lamps.set_indicator_state(system, component, name, state),
        )

    def media(self, *, timeout_s: float) -> Mapping[MediaDevice, str | None]:
        """Ask what is in the drives that the BMC shows the machine."""
        return self._calls.ask("list virtual media", timeout_s, redfish_media.media)

    def attach_media(
        self, device: MediaDevice, url: str, *, beside: bool = False, timeout_s: float
    ) -> str | None:
        """Put an image into a drive; many BMCs fetch it before they answer."""
        what = f"attach virtual media {device}"
        drive = self._calls.ask(
            what,
            timeout_s,
            lambda system: redfish_media.attach(system, device, url, beside=beside),
        )
        if drive is None:
            why = "all drives that could be of this kind are in use"
            raise NoDriveLeft(str(self._calls.refusal(what, why)))
        return drive

    def detach_media(
        self, device: MediaDevice, *, drive: str | None = None, timeout_s: float
    ) -> None:
        """Empty a drive."""
        self._calls.ask(
            f"detach virtual media {device}",
            timeout_s,
            lambda system: redfish_media.detach(system, device, drive),
        )

    def boot_next_address(self, url: str, *, timeout_s: float) -> None:
        """Have the firmware boot what is at an address, once."""
        self._calls.ask(
            "boot from an address",
            timeout_s,
            lambda system: redfish_http_boot.boot_next(system, url),
        )

    def sensors(self, *, timeout_s: float) -> SensorReport:
        """Read all sensors, a part of the machine at a time: other calls to the BMC come between."""
        return redfish_sensors.read_sensors(self._calls, timeout_s)

    def log(self, most: int, *, timeout_s: float) -> BmcLog:
        """Read the newest entries of the log of the hardware, in turns of a few seconds."""
        return redfish_log.read_log(self._calls, most, timeout_s)

    def clear_log(self, *, timeout_s: float) -> None:
        """Empty it."""
        self._calls.ask("clear the log", timeout_s, redfish_log.clear_log)

    def _look(self, system: System) -> PowerState:
        self._has_seen_health, self._seen_health = True, _health(system)
        return _power_state(system)


def _power_state(system: System) -> PowerState:
    if system.power_state in _ON or system.power_state is _STILL_ON:
        return PowerState.ON
    return PowerState.OFF if system.power_state in _OFF else PowerState.ERROR


def _health(system: System) -> Health | None:
    """Return the health of a system with all its parts, or its own where the BMC sums nothing up (DSP0268, Status)."""
    status = system.json.get("Status")
    said = status if isinstance(status, dict) else {}
    for name in ("HealthRollup", "Health"):
        with suppress(ValueError):
            return Health(str(said.get(name)))
    return None


def _switch(system: System, there: frozenset[sushy.PowerState], *kinds: sushy.ResetType) -> None:
    """Order a power state; that it is refused of a machine that is shown there is no error."""
    try:
        _reset(system, *kinds)
    except exceptions.HTTPError as error:
        if error.status_code not in _REFUSED or system.power_state not in there:
            raise


def _reset(system: System, *kinds: sushy.ResetType) -> None:
    """Reset in the first of these ways that the BMC has; raises as :func:`_first_offered`."""
    system.reset_system(_first_offered(system, *kinds))


def _first_offered(system: System, *kinds: sushy.ResetType) -> sushy.ResetType:
    """Return the first of these resets that the BMC says it has; where it says nothing, the first.

    Raises:
        NotOfferedError: It has no resets.
        NotDoneError: It has others.
    """
    try:
        allowed = system.get_allowed_reset_system_values()
    except exceptions.MissingActionError as error:
        raise NotOfferedError("any reset", _BY_HAND) from error
    for kind in kinds:
        if kind in allowed:
            return kind
    wanted = " or ".join(kind.value for kind in kinds)
    offered = [kind.value for kind in allowed]
    raise lacking(f"the reset {wanted}", offered, _INSTEAD.get(kinds[0], _BY_HAND))
