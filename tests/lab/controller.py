"""The controller under test as a process of the lab: start it, stop it, kill it in the middle, start it again."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.network import Network
from tests.lab.program import Program

_PORT = 6385
_START_TIMEOUT_S = 60

Setting = str | int | float | bool


class Controller:
    """``ingot-controller serve`` inside the lab's network, with its database and settings in ``folder``.

    The settings give it the lab's DHCP and let it listen everywhere in the lab without authentication; ``settings`` adds to
    them or replaces them (names as in docs/reference/controller-settings.md).
    """

    def __init__(
        self, network: Network, *, folder: Path, log: Path, settings: Mapping[str, Setting]
    ) -> None:
        self._network = network
        self.url = f"http://{network.gateway}:{_PORT}"
        """The API as machines in the lab see it."""
        self.outer_url = f"http://{network.outer_address}:{_PORT}"
        """The API as programs on the host see it."""
        self.state_directory = folder / "state"
        self.state_directory.mkdir(parents=True, exist_ok=True)
        self.config = folder / "controller.toml"
        self.settings: dict[str, Setting] = {
            "state_directory": str(self.state_directory),
            "listen_host": "0.0.0.0",
            "listen_port": _PORT,
            "public_url": self.url,
            "allow_unauthenticated": True,
            "dhcp": "range",
            "dhcp_interface": network.bridge,
            "dhcp_range": f"{network.address(50)},{network.address(149)},255.255.255.0",
            "dhcp_router": network.gateway,
            **settings,
        }
        self.log = log
        script = Path(sys.executable).with_name("ingot-controller")
        self._program: Program = network.program(
            "controller", [str(script), "serve", "--config", str(self.config)], log=log
        )

    @property
    def pid(self) -> int:
        """Process number; valid after the first ``start``."""
        return self._program.pid

    @property
    def is_running(self) -> bool:
        return self._program.is_running

    def start(self) -> None:
        """Write the settings, start the controller, and wait until its API answers.

        Raises:
            LabError: It ended or did not answer within 60 s; the message carries the end of its log.
        """
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in self.settings.items()]
        self.config.write_text("".join(lines))
        self._program.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            self._program.must_run()
            if time.monotonic() > deadline:
                raise LabError(
                    f"the controller does not answer at {self.url} after {_START_TIMEOUT_S} s; "
                    f"the end of {self.log}:\n{self._program.log_tail()}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """End the controller in order (SIGTERM)."""
        self._program.stop()

    def kill(self) -> None:
        """End the controller at once (SIGKILL); what it started itself lives on, as after a real crash."""
        self._program.kill()

    def _answers(self) -> bool:
        try:
            with self._network.inside(), urllib.request.urlopen(self.url, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True  # it speaks HTTP: it is up
        except OSError:
            return False
