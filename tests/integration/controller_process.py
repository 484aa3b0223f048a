"""A real ``ingot-controller serve`` on loopback with a database of its own."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.with_ramdisk import WITH_RAMDISK
from tests.lab.ports import free_port

_START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 15


@contextmanager
def controller_process(folder: Path, **settings: str | bool | float) -> Iterator[str]:
    """Run a controller, on loopback and a free port unless told otherwise, and give its URL; it is ended whatever happens."""
    port = settings.pop("listen_port", None) or free_port()
    lines = {
        "state_directory": str(folder / "state"),
        "hostname": "lab-1",
        **WITH_RAMDISK,
        **settings,
    }
    config = folder / "controller.toml"
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    config.write_text(f"listen_port = {port}\n{text}")
    program = Path(sys.executable).with_name("ingot-controller")
    with (folder / "controller.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", "--config", config], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://{settings.get('listen_host', '127.0.0.1')}:{port}"
            _wait(process, url, folder / "controller.log")
            yield url
        finally:
            process.terminate()
            process.wait(_STOP_TIMEOUT_S)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:  # refused, or too slow in answering
            time.sleep(0.05)
    raise RuntimeError(f"the controller does not answer at {url}:\n{log.read_text()}")
