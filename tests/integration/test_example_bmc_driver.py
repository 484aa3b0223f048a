"""The example of docs/how-to/write-a-bmc-driver.md, installed as a third party installs it, in the real controller."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.controller_process import controller_process
from tests.integration.waiting import wait_until

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/how-to/example-bmc-driver"
VERSION = {"X-OpenStack-Ironic-API-Version": "1.95"}


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A controller that finds the example on its path."""
    target = tmp_path / "plugins"
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    pip = [sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(EXAMPLE)]
    subprocess.run(pip, check=True)
    monkeypatch.setenv("PYTHONPATH", f"{target}:{os.environ.get('PYTHONPATH', '')}")
    with controller_process(tmp_path) as made:
        yield made


def call(method: str, url: str, body: Any = None) -> Any:
    reply = requests.request(method, url, json=body, headers=VERSION, timeout=30)
    assert reply.ok, reply.text
    return reply.json() if reply.content else None


def test_a_foreign_driver_is_shown_and_powers_a_node(url: str, tmp_path: Path) -> None:
    shown = call("GET", f"{url}/v1/drivers/acme")
    assert shown["enabled_power_interfaces"] == ["acme-outlet"]
    assert shown["default_management_interface"] == "acme-outlet"
    assert "acme_outlet" in call("GET", f"{url}/v1/drivers/acme/properties")
    outlet = tmp_path / "outlet"
    outlet.write_text("0")
    body = {"driver": "acme", "name": "a1", "driver_info": {"acme_outlet": str(outlet)}}
    assert call("POST", f"{url}/v1/nodes", body)["power_interface"] == "acme-outlet"
    call("PUT", f"{url}/v1/nodes/a1/states/power", {"target": "power on"})
    node = f"{url}/v1/nodes/a1"
    wait_until(lambda: call("GET", node)["power_state"] == "power on", 60, "power on")
    assert outlet.read_text() == "1"
