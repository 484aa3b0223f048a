"""A real controller and a machine whose ramdisk runs the real agent: all of them processes, which can be killed at any moment.

The machine's disks are loop devices and outlive everything. A boot of its ramdisk remembers nothing of the one before; an agent that is
started again within a boot remembers what it has kept, as the ramdisk's supervisor starts it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tests.integration.fake_machine import MAC
from tests.integration.loop_disk import LoopDisk
from tests.integration.loop_machine import describe_disks
from tests.integration.machine_park import Powered, machine_park, write_settings
from tests.integration.processes import descendants
from tests.lab.api_client import ApiClient, Document
from tests.lab.ports import free_port

ROOT = Path(__file__).parents[2]
NAME = "m1"
WAIT_S = 90
_START_S = 60
_LOOK_S = 0.02


class RamdiskMachine:
    """A power switch, a folder that is its hardware, and an agent while its ramdisk runs."""

    def __init__(self, folder: Path, disks: Sequence[LoopDisk]) -> None:
        self.folder, self.disks = folder, disks
        self.boots: list[str] = []
        self.boot_device = "disk"
        self.url = ""
        self.on_power: Callable[[str], None] = lambda _boot: None
        """Called with what a machine was switched to, by the BMC, before it answers."""
        self._kernel_arguments: list[str] = []
        self._agent: subprocess.Popen[bytes] | None = None
        self._port = 0
        folder.mkdir()
        (folder / "bin").mkdir()
        describe_disks(folder, disks)

    @property
    def is_on(self) -> bool:
        return bool(self.boots) and self.boots[-1] != "off"

    def power_on(self) -> None:
        if self.is_on:
            return
        self.boots.append(self.boot_device)
        if self.boot_device == "pxe":
            self._boot_ramdisk()
            self.boot_device = "disk"  # a boot device that is set once
        self.on_power(self.boots[-1])

    def power_off(self) -> None:
        was_on = self.is_on
        if was_on:
            self.boots.append("off")
        self.kill_agent()
        if was_on:
            self.on_power("off")

    def reset(self) -> None:
        """Boot the ramdisk once more, with nothing remembered."""
        self.kill_agent()
        self._boot_ramdisk()

    def kill_agent(self) -> None:
        """Kill the agent and what it has started, as the ramdisk's control group or the power does."""
        if self._agent is None:
            return
        pid = self._agent.pid
        os.kill(pid, signal.SIGSTOP)  # it starts nothing more
        for child in descendants(pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._agent.kill()
        self._agent.wait()
        self._agent = None

    def start_agent(self) -> None:
        """Start an agent in the boot that is there."""
        fixed = "quiet ipa-advertise-host=127.0.0.1 ipa-lookup-interval=0.1"
        own = (f"ipa-listen-port={self._port}", f"BOOTIF=01-{MAC}")
        cmdline = self.folder / "cmdline"
        cmdline.write_text(" ".join([fixed, *own, *self._kernel_arguments]))
        environment = os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        program = [sys.executable, "-m", "tests.integration.kill_machine"]
        with (self.folder / "log").open("ab") as log:
            self._agent = subprocess.Popen(
                [*program, str(self.folder), str(cmdline), ""],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env=environment,
            )

    def _boot_ramdisk(self) -> None:
        for forgotten in ("state", "rescue"):
            shutil.rmtree(self.folder / forgotten, ignore_errors=True)
        self._port = free_port()
        self._ask_what_to_boot()
        self.start_agent()

    def _ask_what_to_boot(self) -> None:
        """Take what the boot script has for the agent; without a controller the last answer counts, as if the machine had asked before."""
        query = {"mac": MAC, "platform": "efi"}
        with suppress(requests.RequestException):
            reply = requests.get(f"{self.url}/boot/ipxe/script", params=query, timeout=5)
            self._kernel_arguments = re.findall(r"\bipa-\S+", reply.text)

    def hold(self, place: str) -> None:
        """Shut a gate of the agent's steps, see :mod:`tests.integration.kill_machine`."""
        (self.folder / "at").unlink(missing_ok=True)
        (self.folder / "hold").write_text(place)

    def wait_at_gate(self) -> None:
        wait_for((self.folder / "at").exists, "the gate", self.log)

    def let_go(self) -> None:
        (self.folder / "hold").unlink(missing_ok=True)

    def diary(self) -> list[str]:
        """Return what its steps did since the diary was emptied."""
        file = self.folder / "diary"
        return file.read_text().splitlines() if file.exists() else []

    def commands(self) -> list[dict[str, Any]]:
        """Return what the agent of this boot has kept of its commands, oldest first."""
        files = sorted((self.folder / "state/commands").glob("*.json"))
        return [json.loads(file.read_text()) for file in files]

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]


class Site:
    """One controller process, one machine."""

    def __init__(self, folder: Path, machine: RamdiskMachine, park_url: str) -> None:
        self.folder, self.machine, self._park_url = folder, machine, park_url
        port = free_port()
        self.url = machine.url = f"http://127.0.0.1:{port}"
        self.api = ApiClient(self.url)
        self._controller: subprocess.Popen[bytes] | None = None
        (folder / "kernel").write_bytes(b"boot file")
        write_settings(
            folder / "controller.toml",
            state_directory=str(folder / "state"),
            hostname="a",
            listen_port=port,
            deploy_kernel=str(folder / "kernel"),
            deploy_ramdisk=str(folder / "kernel"),
            power_poll_interval_s=0.1,
            progress_poll_interval_s=0.1,
            power_check_interval_s=2.0,
            agent_silence_timeout_s=20.0,  # longer than an agent takes to come back on a busy machine
            agent_request_timeout_s=5.0,
            agent_power_off_timeout_s=1.0,
            callback_timeout_s=90.0,
            automated_clean=False,
            inspection_collectors="default,pci-devices",
        )

    def start_controller(self) -> None:
        program = [sys.executable, "-m", "tests.integration.machine_park", self._park_url]
        with (self.folder / "controller.log").open("ab") as log:
            self._controller = subprocess.Popen(
                [*program, str(self.folder / "controller.toml")], stdout=log, stderr=log, cwd=ROOT
            )
        wait_for(self._answers, "the controller", self.log)

    def kill_controller(self) -> None:
        if self._controller is not None:
            self._controller.kill()
            self._controller.wait()
            self._controller = None

    def close(self) -> None:
        self.kill_controller()
        self.machine.kill_agent()

    def node(self) -> Document:
        return self.api.node(NAME)

    def enrol(self) -> None:
        """Create the node, which is manageable then."""
        document = {
            "name": NAME,
            "driver": "fake-hardware",
            "driver_info": {
                "fake_id": NAME,
                "agent_erase_allow_overwrite": True,
                "agent_burnin_cpu_timeout": 2,
            },
            "boot_interface": "fake",
            "raid_interface": "agent",
            "properties": {"capabilities": "boot_mode:uefi", "root_device": {"serial": "LOOP0"}},
        }
        self.api.create_node(document, macs=(MAC,))
        self.to("manage", "manageable")

    def forget(self) -> None:
        """Remove the node, whatever has become of it, and leave the machine off."""
        self.kill_controller()
        self.machine.power_off()
        self.machine.let_go()
        self.start_controller()
        self.api.call("PUT", f"/v1/nodes/{NAME}/maintenance", ok=202)
        self.api.call("DELETE", f"/v1/nodes/{NAME}", ok=204)

    def to(self, verb: str, state: str, **more: object) -> Document:
        """Order a verb and wait until the node rests in ``state``."""
        self.api.provision(NAME, verb, **more)
        return self.rest(state)

    def rest(self, state: str) -> Document:
        """Wait until the node rests in ``state`` and nothing is left to be done for it."""

        def rests() -> bool:
            node = self.node()
            is_stuck = node["provision_state"].endswith("failed") and node["stage"] is None
            assert not is_stuck or node["provision_state"] == state, told()
            return node["provision_state"] == state and node["stage"] is None

        def told() -> str:
            node = self.node()
            return f"{node['provision_state']}: {node['last_error']}\n{self.log()}\n{self.machine.log()}"

        wait_for(rests, state, told)
        return self.node()

    def patch(self, **values: object) -> None:
        """Set values of the node by their paths, with ``__`` for ``/``."""
        patch = [
            {"op": "add", "path": "/" + path.replace("__", "/"), "value": value}
            for path, value in values.items()
        ]
        self.api.call("PATCH", f"/v1/nodes/{NAME}", patch)

    def log(self) -> str:
        return (self.folder / "controller.log").read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        assert self._controller is not None
        assert self._controller.poll() is None, self.log()
        with suppress(requests.RequestException):
            return requests.get(self.url, timeout=5).ok
        return False


def wait_for(condition: Callable[[], bool], what: str, told: Callable[[], str]) -> None:
    """Wait for what a busy machine may take long for; ``told`` says what is known if it does not come."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {WAIT_S} s\n{told()}"
        time.sleep(_LOOK_S)


@contextmanager
def kill_site(folder: Path, disks: Sequence[LoopDisk]) -> Iterator[Site]:
    """Give a running site with an enrolled node."""
    machine = RamdiskMachine(folder / "machine", disks)
    machines: Mapping[str, Powered] = {NAME: machine}
    with machine_park(machines) as park_url:
        site = Site(folder, machine, park_url)
        try:
            site.start_controller()
            site.enrol()
            yield site
        finally:
            site.close()
