"""The example of docs/how-to/write-a-hardware-manager.md, installed as a third party installs it, in the real agent.

The agent and its generic manager see this host; so nothing here lists a step that erases or writes, let alone runs one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent_process import NODE, Agent, Conductor
from tests.integration.fake_controller import fake_controller

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs/how-to/example-hardware-manager"
BIN = Path(sys.executable).parent
ACMECTL = """#!/bin/sh
case "$1" in
identify) exit {identity} ;;
service-disk) echo {service_disk} ;;
health) echo '{{"temperature_c": 41, "fans": "ok"}}' ;;
esac
"""


class PluggedAgent(Agent):
    """The agent's own command line on this host, with plug-ins on Python's path and tools on the shell's."""

    plugins: Path
    tools: Path

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.tools}:{os.environ['PATH']}"
        return {**os.environ, "PYTHONPATH": str(self.plugins), "PATH": path}

    def start(self, arguments: str = "", *, network_ready_file: Path | None = None) -> None:
        cmdline = self.folder / "cmdline"
        cmdline.write_text(f"ipa-api-url={self.controller.url} ipa-disk-wait-attempts=0\n")
        state = str(self.folder / "state")
        where = [
            "--bind",
            "127.0.0.1:0",
            "--state-directory",
            state,
            "--cmdline-file",
            str(cmdline),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [BIN / "ingot-agent", "run", "--no-reboot", *where],
                env=self.environment,
                stderr=log,
                stdout=log,
            )

    def meets(self, *, identity: int = 0, service_disk: str = "none") -> None:
        """Put the vendor's tool on this machine."""
        self.tools.mkdir()
        tool = self.tools / "acmectl"
        tool.write_text(ACMECTL.format(identity=identity, service_disk=service_disk))
        tool.chmod(0o755)

    def conductor(self) -> Conductor:
        return Conductor(self, self.controller.heartbeat().body)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built and installed into a folder of its own without a network."""
    target = tmp_path_factory.mktemp("plugins")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([BIN / "pip", "install", *offline, "--target", target, EXAMPLE], check=True)
    return target


@pytest.fixture
def agent(tmp_path: Path, plugins: Path) -> Iterator[PluggedAgent]:
    with fake_controller() as controller:
        made = PluggedAgent(tmp_path, controller)
        made.plugins, made.tools = plugins, tmp_path / "tools"
        yield made
        if made._process is not None and made._process.poll() is None:
            made.kill()


def result(conductor: Conductor, command: str, params: Any = None) -> Any:
    answer = conductor.order(command, params, wait=True).json()
    assert answer["command_status"] == "SUCCEEDED", answer
    return answer["command_result"]


def check_health(conductor: Conductor, **args: Any) -> Any:
    step = {"step": "check_health", "interface": "management", "args": args}
    params = {"step": step, "node": NODE, "ports": []}
    return conductor.order("clean.execute_clean_step", params, wait=True).json()


def inventory_without_plugin() -> Any:
    shown = subprocess.run([BIN / "ingot-agent", "inventory"], capture_output=True, check=True)
    return json.loads(shown.stdout)


def test_one_capability_is_overridden_and_the_others_are_still_the_generic_managers(
    agent: PluggedAgent,
) -> None:
    plain = inventory_without_plugin()
    if not plain["disks"]:
        pytest.skip("this host has no disk that could be hidden")
    hidden = plain["disks"][0]["name"]
    agent.meets(service_disk=hidden)
    agent.start()
    seen = result(agent.conductor(), "poll.get_hardware_info")
    assert [d["name"] for d in seen["disks"]] == [d["name"] for d in plain["disks"][1:]]
    assert [nic["mac_address"] for nic in seen["interfaces"]] == [
        nic["mac_address"] for nic in plain["interfaces"]
    ]
    assert seen["memory"] == plain["memory"]
    assert seen["system_vendor"] == plain["system_vendor"]
    agent.wait_for_log('managers="acme 1.0, ')


def test_the_step_is_offered_beside_the_generic_ones_and_runs_with_arguments(
    agent: PluggedAgent,
) -> None:
    agent.meets()
    agent.start()
    conductor = agent.conductor()
    offered = result(conductor, "clean.get_clean_steps")
    assert {"acme", "generic_hardware_manager"} <= set(offered["hardware_manager_version"])
    (step,) = offered["clean_steps"]["acme"]
    assert (step["interface"], step["step"], step["priority"]) == (
        "management", "check_health", 120,
    )  # fmt: skip
    assert step["argsinfo"]["limit_c"]["required"] is False
    generic = {step["step"] for step in offered["clean_steps"]["generic_hardware_manager"]}
    assert "erase_devices_metadata" in generic

    cool = check_health(conductor, limit_c=50)["command_result"]
    assert cool["clean_result"] == {"temperature_c": 41, "fans": "ok", "limit_c": 50}
    assert check_health(conductor)["command_result"]["clean_result"]["limit_c"] == 70
    hot = check_health(conductor, limit_c=40)
    assert hot["command_status"] == "FAILED"
    assert "this machine has 41 degrees Celsius, the limit is 40" in str(hot["command_error"])
    wrong = check_health(conductor, colour="red")
    assert "unknown argument colour; known: limit_c" in str(wrong["command_error"])


def test_a_plugin_for_other_hardware_is_left_out(agent: PluggedAgent) -> None:
    agent.meets(identity=3)
    agent.start()
    offered = result(agent.conductor(), "clean.get_clean_steps")
    assert "acme" not in offered["hardware_manager_version"]
    agent.wait_for_log("hardware manager not for this machine plugin=acme")


def test_a_plugin_without_its_tool_stops_the_agent_with_its_name(agent: PluggedAgent) -> None:
    agent.start()
    assert agent.wait() == 1
    complaint = agent.log.read_text()
    assert "hardware manager acme_hardware.manager:probe failed" in complaint
    assert "acmectl: program not found" in complaint
    assert agent.controller.seen == []


def broken_plugin(folder: Path, group: str) -> Path:
    """Install a manager that needs a library that is not there; return the folder for Python's path."""
    plugins = folder / "broken"
    metadata = plugins / "broken-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\nbroken = broken_hardware:probe\n")
    (plugins / "broken_hardware.py").write_text("import a_library_that_is_not_there\n")
    return plugins


def test_a_plugin_that_cannot_be_imported_stops_the_agent_with_its_name(
    agent: PluggedAgent, tmp_path: Path
) -> None:
    agent.plugins = broken_plugin(tmp_path, "ingot.hardware_managers")
    agent.start()
    assert agent.wait() == 1
    complaint = agent.log.read_text()
    assert "hardware manager broken (broken_hardware:probe) cannot be loaded" in complaint
    assert "No module named 'a_library_that_is_not_there'" in complaint
    assert agent.controller.seen == []


def test_a_late_plugin_that_cannot_be_imported_ends_the_agent_with_its_name(
    agent: PluggedAgent, tmp_path: Path
) -> None:
    agent.plugins = broken_plugin(tmp_path, "ingot.hardware_managers.late")
    agent.start()
    agent.controller.heartbeat()
    assert agent.wait() == 1
    assert (
        "hardware manager broken (broken_hardware:probe) cannot be loaded" in agent.log.read_text()
    )
