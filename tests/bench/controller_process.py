"""The controller under measurement: a process with doubles of its machines, and what it costs."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

_ROOT = Path(__file__).resolve().parents[2]


class Controller:
    """The process under measurement."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        settings: Mapping[str, Any] = {
            "state_directory": str(folder),
            "listen_port": port,
            "hostname": "here",
            "agent_require_tls": False,
            "allow_unverified_images": True,
        }
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
        (folder / "settings.toml").write_text("".join(lines))
        self._log = (folder / "log").open("wb")
        module = "tests.bench.servers.controller_with_doubles"
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder / "settings.toml")],
            stderr=self._log,
            cwd=_ROOT,
        )

    def wait(self) -> None:
        """Wait until it serves."""
        for _ in range(600):
            try:
                if requests.get(f"{self.url}/healthcheck", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise TimeoutError(f"the controller does not serve; its log is {self._log.name}")

    def peak_mib(self) -> float:
        """Return the most memory that it had resident."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return round(int(line.split()[1]) / 1024, 1)
        return 0.0

    def processor_s(self) -> float:
        """Return the processor time that it has used."""
        values = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        """Return how many threads it has."""
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._log.close()
