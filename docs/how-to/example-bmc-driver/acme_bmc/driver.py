"""The entry point: machines that hang on an outlet of Acme's power strip, which is switched by writing to a file.

The file stands for your vendor's protocol; everything else is as in a real driver.
"""

from pathlib import Path
from typing import Any

from controller.errors import BmcError, BmcUnreachable, Invalid
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts


class AcmeDriver:
    """Made once when the controller starts, for both kinds of interfaces that name it."""

    hardware_types = ("acme",)

    def __init__(self) -> None:
        self.properties = {"acme_outlet": "File of the outlet. Required."}

    def validate(self, facts: Facts) -> None:
        """See :meth:`connect`."""
        self.connect(facts.driver_info)

    def connect(self, driver_info: dict[str, Any]) -> "AcmeOutlet":
        """Return the outlet; opens nothing yet. Raise ``Invalid`` naming what is missing and an example."""
        if not isinstance(driver_info.get("acme_outlet"), str):
            raise Invalid(
                "driver_info/acme_outlet is missing: give the outlet's file, for example /run/acme/7"
            )

        return AcmeOutlet(Path(driver_info["acme_outlet"]))


class AcmeOutlet:
    """One outlet; see ``PowerControl`` and ``ManagementControl`` for what the methods promise."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def power_state(self, *, timeout_s: float) -> PowerState:
        """Read whether there is power; a file answers well within ``timeout_s``."""
        try:
            return PowerState.ON if self._file.read_text().strip() == "1" else PowerState.OFF
        except OSError as error:
            message = f"outlet {self._file}: get power state: {error.strerror}; check acme_outlet"
            raise BmcUnreachable(message) from error

    def power_on(self, *, timeout_s: float) -> None:
        """Switch the outlet on."""
        self._file.write_text("1")

    def power_off(self, *, timeout_s: float) -> None:
        """Switch the outlet off."""
        self._file.write_text("0")

    def soft_power_off(self, *, timeout_s: float) -> None:
        """Refuse: an outlet cannot ask an operating system."""
        raise BmcError(f"outlet {self._file}: soft power off is not possible; use power off")

    def reset(self, *, timeout_s: float) -> None:
        """Switch off and on."""
        self.power_off(timeout_s=timeout_s)
        self.power_on(timeout_s=timeout_s)

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        """Say that nothing is known: an outlet has no boot device."""
        return BootOverride(device=None, is_persistent=None)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Leave the boot order to the firmware: set it to network first, then disk."""
