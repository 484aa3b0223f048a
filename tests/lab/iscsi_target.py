"""Volumes of a storage server in the lab's network: ``tgtd``, the iSCSI target that needs nothing of the kernel.

Unit 0 of each of its targets is the target's own controller, so volumes are unit 1.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.errors import LabError
from tests.lab.lab import Lab

UNIT = 1
_START_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume as a node's volume target names it."""

    name: str
    portal: str
    username: str = ""
    password: str = ""

    @property
    def properties(self) -> dict[str, Any]:
        """The ``properties`` of a volume target, as Cinder writes them."""
        login = {
            "auth_method": "CHAP",
            "auth_username": self.username,
            "auth_password": self.password,
        }
        place = {"target_iqn": self.name, "target_lun": UNIT, "target_portal": self.portal}
        return place | (login if self.username else {})


class IscsiTarget:
    """A storage server; it ends with the lab, sooner by ``close``, for it heeds no request to end while a machine uses it."""

    def __init__(self, lab: Lab) -> None:
        """Start it.

        Raises:
            LabError: It does not answer within 20 s.
        """
        self._lab = lab
        self._socket = f"TGT_IPC_SOCKET={lab.scratch / 'tgtd'}"
        self._portal = f"{lab.network.gateway}:3260"
        self._targets = 0
        argv = ("tgtd", "-f", "--iscsi", f"portal={self._portal}")
        environment = os.environ | dict([self._socket.split("=", 1)])
        log = lab.logs / "tgtd.log"
        self._daemon = lab.network.start("tgtd", argv, log=log, environment=environment)
        deadline = time.monotonic() + _START_S
        while not self._is_up():
            self._daemon.must_run()
            if time.monotonic() > deadline:
                raise LabError(f"tgtd does not answer after {_START_S} s; see {log}")
            time.sleep(0.1)

    def add(
        self, file: Path, *, initiator: str = "", username: str = "", password: str = ""
    ) -> Volume:
        """Export a file.

        Args:
            file: What is on the volume; the machine may write to it.
            initiator: The only one that may use it; empty: any.
            username: For CHAP; empty: no login is asked for.
            password: Likewise.
        """
        self._targets += 1
        number = str(self._targets)
        name = f"iqn.2026-01.org.example:{file.stem}{number}"
        self._order("target", "new", "--tid", number, "--targetname", name)
        unit = ("--tid", number, "--lun", str(UNIT), "--backing-store", str(file))
        self._order("logicalunit", "new", *unit)
        who = ("--initiator-name", initiator) if initiator else ("--initiator-address", "ALL")
        self._order("target", "bind", "--tid", number, *who)
        if username:
            self._order("account", "new", "--user", username, "--password", password)
            self._order("account", "bind", "--tid", number, "--user", username)
        return Volume(name=name, portal=self._portal, username=username, password=password)

    def close(self) -> None:
        """End it at once."""
        self._daemon.kill()

    def sessions(self) -> str:
        """Return what the server knows of its targets, as ``tgtadm`` prints it: sessions, initiators, units."""
        return self._order("target", "show")

    def _is_up(self) -> bool:
        try:
            self._order("sys", "show")
        except LabError:
            return False
        return True

    def _order(self, mode: str, what: str, *words: str) -> str:
        fixed = ("--lld", "iscsi", "--mode", mode, "--op", what)
        return self._lab.network.run("env", self._socket, "tgtadm", *fixed, *words)
