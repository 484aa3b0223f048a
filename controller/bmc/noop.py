"""The management interface ``noop``: nobody can say what the machine boots from; its firmware's own order holds.

For machines without a BMC. Set the firmware to network first, then disk: what a machine that nothing is to be done with gets from the
network is the order to boot its disk.
"""

from collections.abc import Mapping
from typing import Any

from controller.hardware.bmc import BootDevice, BootMode, BootOverride
from controller.hardware.interface import Facts


class NoopManagement:
    """Its own connection: it keeps nothing of a machine."""

    def __init__(self) -> None:
        """Need nothing of ``driver_info``."""
        self.properties: Mapping[str, str] = {}

    def validate(self, facts: Facts) -> None:
        """Find nothing wrong."""

    def connect(self, driver_info: dict[str, Any]) -> "NoopManagement":  # noqa: ARG002  # as all
        """Return itself."""
        return self

    def boot_device(self, *, timeout_s: float) -> BootOverride:  # noqa: ARG002  # as all
        """Say that nothing is known."""
        return BootOverride(device=None, is_persistent=None)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        """Do nothing: the firmware's own order holds."""
