"""Machines without hardware in this process, whose BMCs a controller in another process reaches by HTTP.

``python -m tests.integration.machine_park PARK_URL SETTINGS.toml`` is a real controller with a driver for these BMCs: it can be
killed while the machines and their agents live on.
"""

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

from controller import service
from controller.errors import BmcUnreachable
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.interface import Facts
from controller.load_settings import load_settings
from tests.integration.hardware import catalog_with
from tests.integration.processes import end_with_parent
from tests.integration.with_ramdisk import WITH_RAMDISK


class Powered(Protocol):
    """A machine as its BMC sees it."""

    boot_device: str

    @property
    def is_on(self) -> bool: ...

    def power_on(self) -> None: ...

    def power_off(self) -> None: ...


@contextmanager
def machine_park(machines: Mapping[str, Powered]) -> Iterator[str]:
    """Serve the BMCs of machines and give the URL; in the end every machine is off."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name, _, what = self.path.strip("/").partition("/")
            answer = _obey(machines[name], what)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        for machine in machines.values():
            machine.power_off()


def _obey(machine: Powered, what: str) -> bytes:
    if what == "power_on":
        machine.power_on()
    elif what in {"power_off", "soft_power_off"}:
        machine.power_off()
    elif what == "reset":
        machine.power_off()
        machine.power_on()
    elif what.startswith("boot/"):
        machine.boot_device = what.removeprefix("boot/")
    return b"on" if machine.is_on else b"off"


class ParkDriver:
    """BMC driver of a park."""

    def __init__(self, url: str) -> None:
        self.properties: dict[str, str] = {}
        self._url = url

    def validate(self, facts: Facts) -> None:
        pass

    def connect(self, driver_info: Mapping[str, Any]) -> "ParkBmc":
        return ParkBmc(f"{self._url}/{driver_info['fake_id']}")


class ParkBmc:
    """The BMC of a machine in a park."""

    def __init__(self, url: str) -> None:
        self._url = url

    def power_state(self, *, timeout_s: float) -> PowerState:
        return PowerState.ON if self._ask("power_state", timeout_s) == "on" else PowerState.OFF

    def power_on(self, *, timeout_s: float) -> None:
        self._ask("power_on", timeout_s)

    def power_off(self, *, timeout_s: float) -> None:
        self._ask("power_off", timeout_s)

    def soft_power_off(self, *, timeout_s: float) -> None:
        self._ask("soft_power_off", timeout_s)

    def reset(self, *, timeout_s: float) -> None:
        self._ask("reset", timeout_s)

    def boot_device(self, *, timeout_s: float) -> BootOverride:
        self._ask("power_state", timeout_s)
        return BootOverride(device=BootDevice.DISK, is_persistent=False)

    def set_boot_device(
        self, device: BootDevice, *, mode: BootMode, persistent: bool, timeout_s: float
    ) -> None:
        self._ask(f"boot/{device}", timeout_s)

    def _ask(self, what: str, timeout_s: float) -> str:
        request = urllib.request.Request(f"{self._url}/{what}", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as reply:
                return str(reply.read().decode())
        except (urllib.error.URLError, OSError) as error:
            raise BmcUnreachable(f"BMC {self._url}: {error}", delay_s=0.2) from error


def write_settings(file: Path, **settings: Any) -> Path:
    """Write a settings file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = {**WITH_RAMDISK, **settings}
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()))
    return file


def main() -> None:
    end_with_parent()
    url, settings = sys.argv[1:]
    driver = ParkDriver(url)
    # a real controller but for this
    service.load_catalog = lambda settings: catalog_with(driver, settings)  # type: ignore[attr-defined]
    service.Service(load_settings(Path(settings).read_text(), {}, {})).run()


if __name__ == "__main__":
    main()
