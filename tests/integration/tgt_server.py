"""``tgtd`` on loopback: an iSCSI target that needs nothing of the kernel, with one disk; and a door before it that can be shut."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.protocol.image import ImageInfo
from agent.protocol.lun_writing import Export, ExportedDisk, Login, WriteOrder
from tests.integration.waiting import wait_until
from tests.lab.ports import free_port

NAME = "iqn.2026-01.org.example:disk"
LOGIN = Login(
    initiator="iqn.2026-01.org.example:controller",
    username="ann",
    password="geheim-123456",
    target_username="machine",
    target_password="target-123456",
)
UNIT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TgtServer:
    """A target that runs; ``file`` is its disk."""

    file: Path
    port: int
    socket: Path
    sector_bytes: int = 512

    @property
    def portal(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def export(self) -> Export:
        """What an agent would tell of it."""
        disk = ExportedDisk(
            path="/dev/sda",
            size_bytes=self.file.stat().st_size,
            sector_bytes=self.sector_bytes,
            serial="S3RIAL",
        )
        return Export(iscsi_target_iqn=NAME, lun=UNIT, disk=disk)

    def order(self, image: ImageInfo, **changes: object) -> WriteOrder:
        """Return what a writer is told to write here."""
        values = {"portal": self.portal, "export": self.export, "login": LOGIN, "image": image}
        return WriteOrder(**{**values, **changes})  # type: ignore[arg-type]  # test's own words

    def tgtadm(self, mode: str, what: str, *words: str) -> str:
        argv = ("tgtadm", "--lld", "iscsi", "--mode", mode, "--op", what, *words)
        environment = os.environ | {"TGT_IPC_SOCKET": str(self.socket)}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def _is_up(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.tgtadm("sys", "show")
            return True
        return False

    def set_up(self) -> None:
        wait_until(self._is_up, 20.0, "tgtd answering")
        self.offer(NAME, LOGIN)

    def withdraw(self) -> None:
        """Take the target away, whoever uses it."""
        self.tgtadm("target", "delete", "--force", "--tid", "1")

    def offer(self, name: str, login: Login) -> None:
        """Offer the disk to whoever has the login."""
        self.tgtadm("target", "new", "--tid", "1", "--targetname", name)
        unit = ("--tid", "1", "--lun", str(UNIT), "--backing-store", str(self.file))
        self.tgtadm("logicalunit", "new", *unit, "--blocksize", str(self.sector_bytes))
        self.tgtadm("target", "bind", "--tid", "1", "--initiator-name", login.initiator)
        for user, password, way in (
            (login.username, login.password, ()),
            (login.target_username, login.target_password, ("--outgoing",)),
        ):
            self.tgtadm("account", "new", "--user", user, "--password", password)
            self.tgtadm("account", "bind", "--tid", "1", "--user", user, *way)


@contextlib.contextmanager
def tgt_server(
    folder: Path, size_bytes: int, *, content: bytes = b"", sector_bytes: int = 512
) -> Iterator[TgtServer]:
    """Give a target with a disk that begins with ``content``."""
    file = folder / "exported.raw"
    with file.open("wb") as out:
        out.write(content)
        out.truncate(size_bytes)
    server = TgtServer(
        file=file, port=free_port(), socket=folder / "tgtd", sector_bytes=sector_bytes
    )
    with (folder / "tgtd.log").open("wb") as log:
        daemon = subprocess.Popen(
            ("tgtd", "-f", "--iscsi", f"portal={server.portal}"),
            env=os.environ | {"TGT_IPC_SOCKET": str(server.socket)},
            stdout=log,
            stderr=log,
        )
    try:
        server.set_up()
        yield server
    finally:
        daemon.kill()
        daemon.wait()


class Door:
    """A port that leads to another one until so many bytes went through; then it falls silent or is shut."""

    def __init__(self, port: int, *, after_bytes: int, is_silent: bool = False) -> None:
        self.passed_bytes = 0
        self._after_bytes = after_bytes
        self._is_silent = is_silent
        self._to = port
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.portal = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._open, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        for one in (self._listening, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _open(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                inner, _ = self._listening.accept()
                outer = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [inner, outer]
                for ends in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                with self._lock:
                    self.passed_bytes += len(piece)
                    is_over = self.passed_bytes > self._after_bytes
                if not is_over:
                    to.sendall(piece)
                elif not self._is_silent:
                    self.close()
                    return
                else:
                    time.sleep(0.01)
            to.shutdown(socket.SHUT_WR)
