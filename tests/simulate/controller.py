"""A real controller process whose BMCs are those of the simulated machines: ``python -m tests.simulate.controller SETTINGS.toml``.

A call to a BMC is an HTTP request on a connection of its own, which costs the controller about what a Redfish BMC does, but for TLS.
"""

import http.client
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller import service
from controller.api.pools import bounds
from controller.errors import BmcUnreachable
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts
from controller.load_settings import load_settings
from controller.log_output import set_up_logging
from tests.integration.hardware import catalog_with


class Bmcs:
    """BMC driver of simulated machines; ``driver_info`` says where they are."""

    properties: Mapping[str, str] = {}

    def validate(self, facts: Facts) -> None:
        """Accept everything."""

    def connect(self, driver_info: Mapping[str, Any]) -> "_Bmc":
        """Return one of them."""
        return _Bmc(int(driver_info["bmc_port"]), int(driver_info["number"]))


class _Bmc:
    def __init__(self, port: int, number: int) -> None:
        self._port, self._number = port, number

    def power_state(self, *, timeout_s: float) -> PowerState:
        return PowerState.ON if self._call(None, timeout_s)["power"] else PowerState.OFF

    def power_on(self, *, timeout_s: float) -> None:
        self._call({"power": "on"}, timeout_s)

    def power_off(self, *, timeout_s: float) -> None:
        self._call({"power": "off"}, timeout_s)

    soft_power_off = power_off

    def reset(self, *, timeout_s: float) -> None:
        self._call({"power": "reset"}, timeout_s)

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        self._call(None, timeout_s)
        return BootOverride(device=BootDevice.DISK, is_persistent=False)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        del mode, persistent
        self._call({"boot": str(device)}, timeout_s)

    def _call(self, order: Mapping[str, str] | None, timeout_s: float) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout_s)
        try:
            body = None if order is None else json.dumps(order)
            connection.request("POST" if body else "GET", f"/bmc/{self._number}", body=body)
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException) as error:
            raise BmcUnreachable(f"BMC {self._number}: {error!r}") from error
        finally:
            connection.close()


def main() -> None:
    """Serve until SIGTERM."""
    # but for these it is real; every address of loopback is a machine of its own
    service.load_catalog = lambda settings: catalog_with(Bmcs(), settings)  # type: ignore[attr-defined]
    service.bounds = lambda settings: replace(bounds(settings), counts_loopback=True)  # type: ignore[attr-defined]
    settings = load_settings(Path(sys.argv[1]).read_text(), {}, {})
    set_up_logging(settings.log_level)
    service.Service(settings).run()


if __name__ == "__main__":
    main()
