"""The lab's private network: a namespace with a bridge, taps for machines, and a veth link to the host.

Inside, 172.30.N.1/24 is on the bridge; N is free on this computer. Outside, the host reaches the namespace at
172.31.N.2 and the machines through it (clients, a user's shell). Of the host's own network nothing is changed but
that link and a route through it.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.lab import namespace
from tests.lab.claim import Belongings, claim_free
from tests.lab.program import Program, run
from tests.lab.router import Router

_BRIDGE = "lab0"
_REPOSITORY = Path(__file__).resolve().parents[2]


class Network:
    """A private network for one lab; ``close`` removes it with every process in it."""

    def __init__(self, *, scratch: Path) -> None:
        self._claim = claim_free()
        self.number = self._claim.number
        self.name = f"ingot-{os.getpid()}-{self.number}"
        self.bridge = _BRIDGE
        self.gateway = self.address(1)
        self.outer_address = f"172.31.{self.number}.2"
        self._programs: list[Program] = []
        self._router: Router | None = None
        self._closed = False
        host_link = f"ingot{self.number}"
        self._claim.write(
            Belongings(namespace=self.name, host_link=host_link, scratch=str(scratch))
        )
        self._watcher = self._start_watcher()
        try:
            self._build(host_link)
        except BaseException:
            self.close()
            raise

    def address(self, host: int) -> str:
        """Return the address of host number ``host`` (1 to 254) in the lab's network."""
        return f"172.30.{self.number}.{host}"

    @property
    def cidr(self) -> str:
        return f"172.30.{self.number}.0/24"

    def add_address(self, address: str) -> None:
        """Give the namespace one more address on the bridge, as for a BMC; one that it has stays."""
        self._ip("address", "replace", f"{address}/24", "dev", _BRIDGE)

    def add_tap(self, name: str) -> None:
        """Make a tap device on the bridge for a machine's network card."""
        self._ip("tuntap", "add", name, "mode", "tap")
        self._ip("link", "set", name, "master", _BRIDGE, "up")

    def remove_tap(self, name: str) -> None:
        """Remove a tap device; its machine must be off."""
        self._ip("link", "delete", name)

    def stop_router(self) -> None:
        """Have no IPv6 router of the lab's own any more: a test brings one that has something to offer."""
        if self._router:
            self._router.close()
            self._router = None

    def set_link(self, tap: str, *, up: bool) -> None:
        """Plug a machine's cable in or pull it out."""
        self._ip("link", "set", tap, "up" if up else "down")

    def command(self, *argv: str) -> tuple[str, ...]:
        """Return the words that run ``argv`` inside the namespace; the process number stays the same."""
        return ("ip", "netns", "exec", self.name, *argv)

    def run(self, *argv: str, timeout_s: float = 30) -> str:
        """Run a program inside the namespace to its end and return what it printed."""
        return run(*self.command(*argv), timeout_s=timeout_s)

    def program(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """Prepare a program that runs inside the namespace; it is stopped with the lab at the latest."""
        program = Program(name, self.command(*argv), log=log, environment=environment)
        self._programs.append(program)
        return program

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> Program:
        """Start a program inside the namespace; it is stopped with the lab at the latest."""
        program = self.program(name, argv, log=log, environment=environment)
        program.start()
        return program

    def inside(self) -> AbstractContextManager[None]:
        """Work inside the namespace in this thread, for instance with an HTTP client."""
        return namespace.inside(self.name)

    def listen(self, address: str, port: int = 0) -> socket.socket:
        """Open a listening TCP socket inside the namespace; port 0 means any free one."""
        with self.inside():
            return socket.create_server((address, port), backlog=128)

    def close(self) -> None:
        """Stop the lab's programs, kill what is left in the namespace, and remove it; twice is fine."""
        if self._closed:
            return
        self._closed = True
        try:
            for program in reversed(self._programs):
                program.stop()
            if self._router:
                self._router.close()
        finally:
            self._claim.clean_up()
            self._claim.release()
            if self._watcher.stdin:
                self._watcher.stdin.close()
            self._watcher.wait(timeout=30)

    def _build(self, host_link: str) -> None:
        run("ip", "netns", "add", self.name)
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", _BRIDGE, "type", "bridge", "mcast_snooping", "0")
        self._ip("address", "add", f"{self.gateway}/24", "dev", _BRIDGE)
        # the bridge's own link-local address is usable at once, for the router
        self.run("sysctl", "-q", "-w", f"net.ipv6.conf.{_BRIDGE}.accept_dad=0")
        self._ip("link", "set", _BRIDGE, "up")
        run(
            "ip",
            "link",
            "add",
            host_link,
            "type",
            "veth",
            "peer",
            "name",
            "outer",
            "netns",
            self.name,
        )
        run("ip", "address", "add", f"172.31.{self.number}.1/24", "dev", host_link)
        run("ip", "link", "set", host_link, "up")
        self._ip("address", "add", f"{self.outer_address}/24", "dev", "outer")
        self._ip("link", "set", "outer", "up")
        self.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        run("ip", "route", "add", self.cidr, "via", self.outer_address)
        with self.inside():
            self._router = Router(_BRIDGE)

    def _ip(self, *words: str) -> None:
        run("ip", "-n", self.name, *words)

    def _start_watcher(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            (sys.executable, "-m", "tests.lab.sweep", "--when-stdin-closes"),
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
