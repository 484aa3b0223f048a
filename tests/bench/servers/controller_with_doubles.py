"""A real controller process whose BMCs are doubles: ``python -m tests.bench.servers.controller_with_doubles SETTINGS.toml``.

``driver_info.kind`` says what a BMC does: ``well`` answers after a moment, ``dead`` never does before the deadline.
"""

import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller import service
from controller.errors import BmcUnreachable
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts
from controller.load_settings import load_settings
from tests.integration.hardware import catalog_with

_ANSWER_S = 0.02


class Bmcs:
    """BMC driver of doubles."""

    properties: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._on: set[str] = set()
        self._lock = threading.Lock()

    def validate(self, facts: Facts) -> None:
        """Accept everything."""

    def connect(self, driver_info: Mapping[str, Any]) -> "_Bmc":
        """Return a double."""
        return _Bmc(str(driver_info["id"]), str(driver_info["kind"]), self._on, self._lock)


class _Bmc:
    def __init__(self, ident: str, kind: str, on: set[str], lock: threading.Lock) -> None:
        self._ident, self._kind, self._on, self._lock = ident, kind, on, lock

    def power_state(self, *, timeout_s: float) -> PowerState:
        self._answer(timeout_s)
        with self._lock:
            return PowerState.ON if self._ident in self._on else PowerState.OFF

    def power_on(self, *, timeout_s: float) -> None:
        self._answer(timeout_s)
        with self._lock:
            self._on.add(self._ident)

    def power_off(self, *, timeout_s: float) -> None:
        self._answer(timeout_s)
        with self._lock:
            self._on.discard(self._ident)

    soft_power_off = power_off
    reset = power_on

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        self._answer(timeout_s)
        return BootOverride(device=BootDevice.DISK, is_persistent=False)

    def set_boot_device(
        self, _device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        del mode, persistent
        self._answer(timeout_s)

    def _answer(self, timeout_s: float) -> None:
        if self._kind == "dead":
            time.sleep(timeout_s)
            raise BmcUnreachable(f"BMC {self._ident}: no answer within {timeout_s:.0f} s")
        time.sleep(_ANSWER_S)


def main() -> None:
    """Serve until SIGTERM."""
    # but for this it is real
    service.load_catalog = lambda settings: catalog_with(Bmcs(), settings)  # type: ignore[attr-defined]
    service.Service(load_settings(Path(sys.argv[1]).read_text(), {}, {})).run()


if __name__ == "__main__":
    main()
