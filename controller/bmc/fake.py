"""A BMC driver without BMCs, for load tests and first steps: remembers power state and boot device in memory.

``driver_info`` may ask for slowness and failures, so that a controller can be tested with thousands of bad BMCs.
"""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.driver_info_values import boolean
from controller.errors import BmcError, BmcUnreachable, Invalid
from controller.hardware.abilities import Indicator, Indicators, IndicatorState, MediaDevice
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts

_LAMPS: Indicators = {
    "chassis": {
        "led-0": Indicator(states=(IndicatorState.OFF, IndicatorState.ON), readonly=True),
    },
    "system": {
        "led": Indicator(
            states=(IndicatorState.BLINKING, IndicatorState.OFF, IndicatorState.ON),
        ),
    },
}


@dataclass(slots=True)
class _Machine:
    """A machine that is its power state."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    power: PowerState = PowerState.OFF
    override: BootOverride = field(
        default_factory=lambda: BootOverride(device=None, is_persistent=None)
    )
    boot_mode: BootMode = BootMode.UEFI
    secure_boot: bool = False
    interrupts: int = 0
    lamps: dict[tuple[str, str], IndicatorState] = field(default_factory=dict)
    media: dict[MediaDevice, str] = field(default_factory=dict)
    address: str | None = None


class FakeDriver:
    """Makes fake BMCs; machines live as long as the driver."""

    def __init__(self) -> None:
        self.properties = {
            "fake_id": "Which fake machine this is; nodes without it share one.",
            "fake_delay_s": "Seconds that every call takes; default 0.",
            "fake_failure_rate": "Share of calls that the BMC does not answer, 0 to 1; default 0.",
            "fake_stays_off": "Accept power-on and stay off; default false.",
        }
        self._machines: dict[str, _Machine] = {}
        self._lock = threading.Lock()
        self._random = random.Random()  # noqa: S311 - failures for tests, not secrets

    def validate(self, facts: Facts) -> None:
        """See :class:`controller.hardware.interface.Interface`."""
        self.check(facts.driver_info)

    def check(self, driver_info: dict[str, Any]) -> None:
        """Raise ``Invalid`` naming the malformed ``driver_info`` key and an example."""
        _number(driver_info, "fake_delay_s", highest=3600.0)
        _number(driver_info, "fake_failure_rate", highest=1.0)
        boolean(driver_info, "fake_stays_off", default=False)

    def connect(self, driver_info: dict[str, Any]) -> "FakeBmc":
        """Return the machine of this ``fake_id``.

        Raises:
            Invalid: As :meth:`check`.
        """
        self.check(driver_info)
        name = str(driver_info.get("fake_id", ""))
        with self._lock:
            machine = self._machines.setdefault(name, _Machine())
        return FakeBmc(name, machine, driver_info, self._random)


class FakeBmc:
    """One fake BMC; see ``Bmc`` for what the methods promise."""

    def __init__(
        self, name: str, machine: _Machine, driver_info: dict[str, Any], chance: random.Random
    ) -> None:
        self._name = name
        self._machine = machine
        self._delay_s = _number(driver_info, "fake_delay_s", highest=3600.0)
        self._failure_rate = _number(driver_info, "fake_failure_rate", highest=1.0)
        self._stays_off = boolean(driver_info, "fake_stays_off", default=False)
        self._random = chance

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Ask for the power state."""
        self._call("get power state", timeout_s)
        return self._machine.power

    def power_on(self, *, timeout_s: float) -> None:
        """Power on, unless ``fake_stays_off``."""
        self._call("power on", timeout_s)
        if not self._stays_off:
            self._machine.power = PowerState.ON

    def power_off(self, *, timeout_s: float) -> None:
        """Power off."""
        self._call("power off", timeout_s)
        self._machine.power = PowerState.OFF

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Power off; a fake operating system always obeys."""
        self._call("soft power off", timeout_s)
        self._machine.power = PowerState.OFF

    def reset(self, *, timeout_s: float) -> None:
        """Reset a machine that is on."""
        self._call("reset", timeout_s)
        if self._machine.power is not PowerState.ON:
            raise BmcError(
                f"fake BMC {self._name!r}: reset refused: the machine is off; power it on"
            )

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Ask for the boot device override."""
        self._call("get boot device", timeout_s)
        return self._machine.override

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Set the boot device override; a fake machine has no firmware that ``mode`` could matter to."""
        self._call(f"set boot device {device} ({mode})", timeout_s)
        self._machine.override = BootOverride(device=device, is_persistent=persistent)

    def inject_nmi(self, *, timeout_s: float) -> None:
        """Count it; only a machine that is on can be interrupted."""
        self._call("inject NMI", timeout_s)
        if self._machine.power is not PowerState.ON:
            raise BmcError(f"fake BMC {self._name!r}: NMI refused: the machine is off; power it on")
        self._machine.interrupts += 1

    def boot_mode(self, *, timeout_s: float) -> BootMode:
        """Ask for the boot mode."""
        self._call("get boot mode", timeout_s)
        return self._machine.boot_mode

    def set_boot_mode(self, mode: BootMode, *, timeout_s: float) -> None:
        """Set the boot mode; there is no Secure Boot in BIOS mode."""
        self._call(f"set boot mode {mode}", timeout_s)
        self._machine.boot_mode = mode
        self._machine.secure_boot = self._machine.secure_boot and mode is BootMode.UEFI

    def secure_boot(self, *, timeout_s: float) -> bool:
        """Ask whether Secure Boot is on."""
        self._call("get Secure Boot", timeout_s)
        return self._machine.secure_boot

    def set_secure_boot(self, is_on: bool, *, timeout_s: float) -> None:
        """Switch Secure Boot, which needs UEFI."""
        self._call(f"set Secure Boot {is_on}", timeout_s)
        if is_on and self._machine.boot_mode is not BootMode.UEFI:
            raise BmcError(
                f"fake BMC {self._name!r}: Secure Boot needs UEFI; set the boot mode first"
            )
        self._machine.secure_boot = is_on

    def indicators(self, *, timeout_s: float) -> Indicators:
        """Say which lamps there are."""
        self._call("list indicators", timeout_s)
        return _LAMPS

    def indicator_state(self, component: str, name: str, *, timeout_s: float) -> IndicatorState:
        """Ask what a lamp does; a new machine's are on."""
        self._call(f"get indicator {name}", timeout_s)
        return self._machine.lamps.get((component, name), IndicatorState.ON)

    def set_indicator_state(
        self, component: str, name: str, state: IndicatorState, *, timeout_s: float
    ) -> None:
        """Switch a lamp."""
        self._call(f"set indicator {name} {state}", timeout_s)
        self._machine.lamps[component, name] = state

    def media(self, *, timeout_s: float) -> Mapping[MediaDevice, str | None]:
        """Ask what is in the drives: there is one of each kind."""
        self._call("list virtual media", timeout_s)
        return {device: self._machine.media.get(device) for device in MediaDevice}

    def attach_media(
        self,
        device: MediaDevice,
        url: str,
        *,
        beside: bool = False,  # noqa: ARG002  # each kind has a drive of its own
        timeout_s: float,
    ) -> str | None:
        """Remember the address."""
        self._call(f"attach virtual media {device}", timeout_s)
        self._machine.media[device] = url
        return None

    def detach_media(
        self,
        device: MediaDevice,
        *,
        drive: str | None = None,  # noqa: ARG002  # as above
        timeout_s: float,
    ) -> None:
        """Forget the address."""
        self._call(f"detach virtual media {device}", timeout_s)
        self._machine.media.pop(device, None)

    def boot_next_address(self, url: str, *, timeout_s: float) -> None:
        """Remember that the next start is from an address; the fake machine fetches nothing."""
        self._call("boot from an address", timeout_s)
        self._machine.address = url

    def _call(self, what: str, timeout_s: float) -> None:
        """Take as long and fail as often as ``driver_info`` wants."""
        with self._machine.lock:
            time.sleep(min(self._delay_s, timeout_s))
        if self._delay_s > timeout_s or self._random.random() < self._failure_rate:
            message = (
                f"fake BMC {self._name!r}: {what}: no answer within {timeout_s:.1f} s; "
                "lower fake_delay_s or fake_failure_rate in driver_info"
            )
            raise BmcUnreachable(message)


def _number(info: dict[str, Any], key: str, *, highest: float) -> float:
    value = info.get(key) or 0
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= highest:
        raise Invalid(
            f"driver_info/{key} is {value!r}; give a number from 0 to {highest:g}, for example 0.1"
        )
    return number
