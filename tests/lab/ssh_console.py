"""The SSH server of a Redfish BMC: a real sshd, whose users come to the BMC's shell, and from there to the machine's serial line.

sshd sees a list of users of its own (files mounted over /etc/passwd and /etc/shadow in a mount namespace), so the BMC's user and password hold there.
"""

import contextlib
import os
import shlex
import signal
import socket
import sys
import threading
from pathlib import Path

from tests.lab.network import Network
from tests.lab.program import run
from tests.lab.serial_line import SerialLine

_SHELL = Path(__file__).with_name("ssh_console_shell.py")
_PIECE_BYTES = 4096
_START_S = 30


class SshConsole:
    """One sshd on port 22 of a BMC's address; a newer session has the serial line."""

    def __init__(
        self,
        network: Network,
        serial: SerialLine,
        *,
        address: str,
        folder: Path,
        username: str,
        password: str,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._address, self._serial = folder, address, serial
        self._listener = socket.socket(socket.AF_UNIX)
        self._place = folder / "serial"
        self._place.unlink(missing_ok=True)
        self._listener.bind(str(self._place))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, name="ssh-console", daemon=True)
        self._thread.start()
        self._write_users(username, password)
        self.renew_key()
        self.set_command("")
        script = (
            f"mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/shadow /etc/shadow"
            f" && mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e -f {folder}/sshd_config"
        )
        words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
        self._log = folder / "sshd.log"
        self._program = network.program("sshd", words, log=self._log)
        self.start()

    @property
    def host_key(self) -> str:
        """The public key, as ``redfish_console_host_key`` has it."""
        return (self._folder / "host.pub").read_text().strip()

    @property
    def log(self) -> str:
        """What sshd has said."""
        return self._log.read_text()

    def start(self) -> None:
        """Start sshd, and wait until it listens."""
        self._log.write_bytes(b"")
        self._program.start()
        self._program.wait_for_log("Server listening", timeout_s=_START_S)

    def stop(self) -> None:
        """End sshd and its sessions."""
        self.cut()
        self._program.stop()

    def remove(self) -> None:
        """End all."""
        self.stop()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join(_START_S)
        self._listener.close()

    def cut(self) -> int:
        """Kill every session, as when the BMC restarts; return how many processes that were."""
        children = Path(f"/proc/{self._program.pid}/task/{self._program.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def set_command(self, command: str) -> None:
        """Have later sessions enter the console by this command; empty = at once."""
        (self._folder / "command").write_text(command)

    def renew_key(self) -> None:
        """Make another host key; it counts from the next start."""
        path = self._folder / "host"
        path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))

    def _write_users(self, username: str, password: str) -> None:
        known = Path("/etc/passwd").read_text()
        (self._folder / "passwd").write_text(f"{known}{username}:x:0:0::/:/bin/sh\n")
        digest = run("openssl", "passwd", "-6", password).strip()
        shadow = self._folder / "shadow"
        shadow.write_text(f"{username}:{digest}:19000:0:99999:7:::\n")
        shadow.chmod(0o600)
        shell = shlex.join((sys.executable, str(_SHELL), str(self._folder)))
        (self._folder / "sshd_config").write_text(
            f"ListenAddress {self._address}\nPort 22\nHostKey {self._folder}/host\nPidFile {self._folder}/pid\nUsePAM no\n"
            "StrictModes no\nPermitRootLogin yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n"
            f"PrintMotd no\nPrintLastLog no\nForceCommand {shell}\n"
        )

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                session, _ = self._listener.accept()
                line = self._serial.plug()
                threading.Thread(target=_join, args=(session, line), daemon=True).start()


def _join(session: socket.socket, line: socket.socket) -> None:
    with session, line:
        other = threading.Thread(target=_carry, args=(line, session), daemon=True)
        other.start()
        _carry(session, line)
        other.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE_BYTES):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
