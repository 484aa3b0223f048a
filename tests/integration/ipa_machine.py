"""A power switch with the real ironic-python-agent behind it (``build/peers/ipa``), for the workflows of our controller.

Each boot is a process in a mount namespace of its own: the kernel arguments that the controller gives are its /proc/cmdline, its /etc is
a copy, and what could stop the host is masked.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode

import requests

from tests.integration.agent_double import Machine
from tests.integration.loop_disk import LoopDisk
from tests.integration.loop_machine import describe_disks
from tests.lab.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / "build/peers/ipa"
_WAIT_S = 20
_START = """
set -e
mount --make-rprivate /
mount --bind "$1/etc" /etc
[ ! -e /proc/sysrq-trigger ] || mount --bind /dev/null /proc/sysrq-trigger
mount --bind "$1/cmdline" /proc/cmdline
exec "$2" "$3" "$1" "$4"
"""
_CONFIG = """
[DEFAULT]
debug = True
listen_host = 127.0.0.1
advertise_host = 127.0.0.1
listen_port = {port}
advertise_port = {port}
"""


class IpaMachine(Machine):
    """A machine that boots the real agent from the network, and nothing from its disk."""

    def __init__(
        self, api_url: str, mac: str, folder: Path, disks: Sequence[LoopDisk], platform: str
    ) -> None:
        super().__init__(api_url, mac)
        self._folder, self._disks, self._platform = folder, disks, platform
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """What the boot that is running, or was the last, keeps."""
        return self._folder / f"boot-{len([one for one in self.boots if one == 'pxe'])}"

    @property
    def is_on(self) -> bool:
        with self._lock:
            if self._has_ended("poweroff"):
                self._process = None
                self.boots.append("off")
            elif self._has_ended("reboot"):
                self._process = None
                self.boots.append("disk")
            return bool(self.boots) and self.boots[-1] != "off"

    def must_run(self) -> None:
        """Fail if the agent of this boot has ended, and was not told to."""
        with self._lock:
            ended = self._process is not None and self._process.poll() is not None
            assert not ended or self._has_ended("poweroff") or self._has_ended("reboot"), (
                self.folder / "log"
            ).read_text()[-4000:]

    def power_on(self) -> None:
        with self._lock:
            if self.is_on:
                return
            self.boots.append(self.boot_device)
            if self.boot_device == "pxe":
                self._start_agent()
                self.boot_device = "disk"

    def power_off(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            if process:
                process.send_signal(signal.SIGKILL)
                process.wait(_WAIT_S)
            if self.is_on:
                self.boots.append("off")

    def _has_ended(self, how: str) -> bool:
        if self._process is None or self._process.poll() is None:
            return False
        power = self.folder / "power"
        return power.exists() and power.read_text() == how

    def _start_agent(self) -> None:
        folder = self.folder
        folder.mkdir(parents=True)
        describe_disks(folder, self._disks)
        (folder / "cmdline").write_text(self._kernel_arguments() + "\n")
        (folder / "agent.conf").write_text(_CONFIG.format(port=free_port()))
        shutil.copytree("/etc", folder / "etc", symlinks=True)
        (folder / "etc/ipa-test-agent").touch()
        (folder / "etc/ipa-rescue-config").mkdir()
        argv = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-c",
            _START,
            "sh",
            str(folder),
        ]
        program = [str(PEER / "bin/python"), str(Path(__file__).with_name("peer_agent.py"))]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*argv, *program, self._mac], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def _kernel_arguments(self) -> str:
        """Return what the controller's iPXE script tells the kernel."""
        question = urlencode({"mac": self._mac, "boot": self._mac, "platform": self._platform})
        script = requests.get(f"{self._api_url}/boot/ipxe/script?{question}", timeout=_WAIT_S).text
        line = re.search(r"^kernel .*$", script, re.MULTILINE)
        assert line, script
        return line[0].split(" || ")[0]
