"""A switch in the kernel, in a network namespace, with peers at its ports whose frames are watched.

Either a Linux bridge with VLAN filtering, driven by the sample script, or, for kernels without that, a bridge per VLAN.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from controller.switches.command import CommandSwitch
from controller.switches.switch_file import read_switch_file
from controller.switches.switchport import Switchport, parse_switchport
from tests.lab import namespace
from tests.lab.errors import LabError
from tests.lab.program import run

_ROOT = Path(__file__).resolve().parents[2]
_FILTERING = str(_ROOT / "docs/how-to/example-switch/linux-bridge")
_BRIDGE = "tor0"
_ETHERTYPE = 0x88B5
"""For experiments (IEEE 802)."""
_WAIT_S = 10.0


class BridgeSite:
    """The switch, and peers each in a namespace of its own behind the port that has its name."""

    def __init__(self, stack: ExitStack, folder: Path, *, has_filtering: bool) -> None:
        self.name = f"ingot-switch-{os.getpid()}"
        self._folder, self._stack = folder, stack
        self._has_filtering = has_filtering
        self._sockets: dict[str, socket.socket] = {}
        self._number = 0
        text = self._switch_text("aa:bb:cc:dd:ee:01", {})
        self._switch, self._driver = read_switch_file(text).switches["tor-0"], CommandSwitch()
        self._add_namespace(self.name)
        if has_filtering:
            words = ("link", "add", _BRIDGE, "type", "bridge", "vlan_filtering", "1")
            run("ip", "-n", self.name, *words)
            run("ip", "-n", self.name, "link", "set", _BRIDGE, "up")

    def switch_file(self, switch_id: str, networks: Mapping[str, str]) -> str:
        """Write the switch file that names it; returns its path."""
        path = self._folder / "bridge.toml"
        path.write_text(self._switch_text(switch_id, networks))
        return str(path)

    def attach(self, peer: str, text: str | None) -> None:
        """Have the plug-in set a peer's port, ``None`` = to no VLAN; twice, as the second time must do no harm."""
        for _ in range(2):
            if text is None:
                self._driver.detach(self._switch, peer, timeout_s=_WAIT_S)
            else:
                wanted = parse_switchport(text, "the port")
                self._driver.attach(self._switch, peer, wanted, timeout_s=_WAIT_S)

    def read(self, peer: str) -> Switchport | None:
        """Have the plug-in say what a peer's port is set to."""
        return self._driver.read(self._switch, peer, timeout_s=_WAIT_S)

    def _switch_text(self, switch_id: str, networks: Mapping[str, str]) -> str:
        lines = [
            "[switches.tor-0]",
            'driver_type = "command"',
            f'mac_address = "{switch_id}"',
            f"command = {json.dumps(self._command())}",
            f'bridge = "{_BRIDGE}"',
            f'namespace = "{self.name}"',
            "[networks]",
            *(f'{name} = "{text}"' for name, text in networks.items()),
        ]
        return "\n".join(lines)

    def plug_in(self, peers: Mapping[str, int]) -> None:
        """Plug peers in, each into a VLAN; 0 = into none yet."""
        for peer, vlan in peers.items():
            self._plug_in(peer)
            if vlan:
                self.attach(peer, f"access/native_vlan={vlan}")

    def passes(self, sender: str, receiver: str, *, tag: int = 0) -> bool:
        """Say whether a broadcast of one peer reaches another.

        A frame behind it, from the receiver's own port, tells when it does not. With a ``tag`` it is sent as one of that VLAN.
        """
        self._number += 1
        mark, end = (b"%s %d " % (word, self._number) for word in (sender.encode(), b"end"))
        _send(self._sockets[sender], mark, tag)
        with namespace.inside(self.name):
            port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE))
        with port:
            port.bind((receiver, 0))
            _send(port, end)
        while True:
            frame = self._sockets[receiver].recv(2000)[14:]
            if frame.startswith((mark, end)):
                return frame.startswith(mark)

    def heard(self, sender: str, others: Sequence[str]) -> list[str]:
        """Return whom a peer's broadcast reaches of some."""
        return [one for one in others if self.passes(sender, one)]

    def _command(self) -> list[str]:
        if self._has_filtering:
            return [_FILTERING]
        return [
            "env",
            f"PYTHONPATH={_ROOT}",
            sys.executable,
            "-m",
            "tests.integration.bridge_per_vlan",
        ]

    def _add_namespace(self, name: str) -> None:
        run("ip", "netns", "add", name)
        self._stack.callback(run, "ip", "netns", "delete", name)

    def _plug_in(self, peer: str) -> None:
        inner = f"{self.name}-{peer}"
        self._add_namespace(inner)
        words = ("link", "add", peer, "type", "veth", "peer", "name", "eth0", "netns", inner)
        run("ip", "-n", self.name, *words)
        run("ip", "-n", self.name, "link", "set", peer, "up")
        run("ip", "-n", inner, "link", "set", "eth0", "up")
        if self._has_filtering:
            run("ip", "-n", self.name, "link", "set", peer, "master", _BRIDGE)
            run("bridge", "-n", self.name, "vlan", "delete", "dev", peer, "vid", "1")
        with namespace.inside(inner):
            found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE))
            found.bind(("eth0", 0))
        found.settimeout(_WAIT_S)
        self._sockets[peer] = self._stack.enter_context(found)


def _send(out: socket.socket, mark: bytes, tag: int = 0) -> None:
    vlan = b"\x81\x00" + tag.to_bytes(2, "big") if tag else b""
    head = b"\xff" * 6 + b"\x02" * 6 + vlan + _ETHERTYPE.to_bytes(2, "big")
    out.send(head + mark.ljust(60, b"."))


@contextmanager
def bridge_site(folder: Path, *, has_filtering: bool) -> Iterator[BridgeSite]:
    """Give a switch without peers; it goes at the end."""
    with ExitStack() as stack:
        yield BridgeSite(stack, folder, has_filtering=has_filtering)


def filters_vlans() -> bool:
    """Say whether this kernel's bridges filter VLANs."""
    try:
        with ExitStack() as stack:
            BridgeSite(stack, Path(), has_filtering=True)
    except LabError:
        return False
    return True
