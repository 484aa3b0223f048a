"""A host of virtual machines that is reached by SSH: a real sshd, a real libvirtd of a user without rights, VirtualBox as a script."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.errors import LabError

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_START_S = 30.0
_NOBODY = 65534
DOMAIN = """<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='user'><mac address='{mac}'/><model type='e1000'/></interface>
    <graphics type='vnc' autoport='yes' passwd='geheim7'/>
  </devices>
</domain>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshHost:
    """One sshd on a port of the loopback."""

    folder: Path
    port: int

    @property
    def host_key(self) -> str:
        return (self.folder / "host.pub").read_text().strip()

    @property
    def private_key(self) -> str:
        return (self.folder / "user").read_text()

    @property
    def log(self) -> str:
        return (self.folder / "sshd.log").read_text()

    @property
    def driver_info(self) -> dict[str, Any]:
        """What a node says of it, without ``ssh_virt_type``."""
        return {
            "ssh_address": "127.0.0.1",
            "ssh_port": self.port,
            "ssh_username": pwd.getpwuid(os.getuid()).pw_name,
            "ssh_key_contents": self.private_key,
            "ssh_host_key": self.host_key,
        }


@contextmanager
def ssh_host(folder: Path, environment: Mapping[str, str], *, first: str = "") -> Iterator[SshHost]:
    """Run sshd; ``environment`` is what its sessions have, ``first`` a folder whose programs they find first."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "user", "other"):
        _keygen(folder / name)
    shutil.copy(folder / "user.pub", folder / "authorized")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    path = f"{first}:{_PATH}" if first else _PATH
    words = {
        "PATH": path,
        "HOME": str(folder),
        **environment,
    }  # no start files of the tester's shell
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile {folder}/pid\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPermitRootLogin yes\nPasswordAuthentication yes\nLogLevel VERBOSE\n"
        "SetEnv " + " ".join(f'"{key}={value}"' for key, value in words.items()) + "\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    log = folder / "sshd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stderr=output
        )
    try:
        _wait(lambda: "Server listening" in log.read_text(), process, log)
        yield SshHost(folder=folder, port=port)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def libvirt(folder: Path) -> Iterator[str]:
    """Run libvirtd as nobody; returns the address for ``LIBVIRT_DEFAULT_URI``."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    environment = {"PATH": _PATH, "HOME": str(folder)}
    for key in ("RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME"):
        (folder / key).mkdir()
        environment[f"XDG_{key}"] = str(folder / key)
    settings = folder / "libvirtd.conf"
    settings.write_text(f'unix_sock_dir = "{folder}/RUNTIME_DIR"\nauth_unix_rw = "none"\n')
    for path in (folder, *folder.iterdir()):
        os.chown(path, _NOBODY, _NOBODY)
    log = folder / "libvirtd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["libvirtd", "-f", str(settings)],
            env=environment,
            stderr=output,
            user=_NOBODY,
            group=_NOBODY,
            extra_groups=[],
        )
    place = folder / "RUNTIME_DIR/libvirt-sock"
    try:
        _wait(place.exists, process, log)
        yield f"qemu+unix:///session?socket={place}"
    finally:
        process.terminate()
        process.wait()


def virsh(uri: str, *words: str, given: str = "") -> str:
    """Run virsh beside the driver and return what it printed."""
    done = subprocess.run(
        ["virsh", "-c", uri, *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def _keygen(path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=30
    )


def _wait(is_there: Any, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends_at = time.monotonic() + _START_S
    while not is_there():
        if process.poll() is not None or time.monotonic() > ends_at:
            raise LabError(f"{process.args!r} does not come up: {log.read_text()[-500:]}")
        time.sleep(0.05)
