"""The BMC program: IPMI 2.0 over LAN with pyghmi's server, on behalf of one machine of the lab.

`python3 -m tests.lab.bmc_process ADDRESS PORT USER DESCRIPTOR [SERIAL]`: DESCRIPTOR is a socket to the lab that answers questions
about the machine, SERIAL one that is its serial line. Standard input carries the password first, then faults, one JSON object per line; its end ends the program.
pyghmi's own I/O thread is not used: here one loop reads packets, and so can drop, delay and spoil them.

Follows the IPMI specification 2.0, revision 1.1: 28.2-28.13 (chassis), 20.1 (device ID), 22.15 (cipher suites).
"""

import collections
import json
import os
import select
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

from pyghmi.ipmi.bmc import Bmc
from pyghmi.ipmi.private import serversession
from pyghmi.ipmi.private import session as pyghmi_session

from tests.lab.ipmi_devices import Devices
from tests.lab.ipmi_session import CipherSuiteSession, cipher_suite_records
from tests.lab.lab_line import Line, lab_line
from tests.lab.sol import SolPort

_NOT_IN_THIS_STATE = 0xD5
_BAD_FIELD = 0xCC
_NO_SUCH_PARAMETER = 0x80
_BOOT_FLAGS = 5
_SUPERMICRO = 10876
_INTEL = 343
_HARMLESS_PARAMETERS = (0, 3, 4)  # set in progress, clearing rules, acknowledgements
_DEVICES = {0: "default", 1: "pxe", 2: "disk", 3: "disk", 5: "cdrom", 6: "setup"}
_REMOTE_DISK = 9
_CODES = {"default": 0, "pxe": 1, "http": 1, "disk": 2, "cdrom": 5, "setup": 6}
_DEVICE_ID = bytes((0x20, 1, 1, 0, 0x02, 0x8F))
"""What comes before the maker; it has sensors, SDR repository, SEL, FRU inventory and a chassis (20.1, byte 6)."""
_RMCP_HEADER = b"\x06\x00\xff\x07"
_SESSION_SETUP_PAYLOADS = (0x00, 0x10)


class LabBmc(Bmc):  # type: ignore[misc]  # pyghmi has no types
    """pyghmi's BMC with the machine's answers, boot flags as the specification has them, and faults."""

    def __init__(self, *, user: str, password: str, address: str, port: int, lab: Line) -> None:
        self._lab = lab
        self.faults: dict[str, Any] = {}
        self.sol_port: SolPort | None = None
        self.devices = Devices(address, lambda: self.get_power_state() == "on")
        super().__init__({user: password}, port=port, address=address, bmcuuid=uuid.uuid4())

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Ask the lab; an error there becomes one here, which pyghmi answers with completion code 0xff."""
        answer = self._lab({"do": do, **arguments})
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def get_power_state(self) -> str:
        return "on" if self.ask("is on")["on"] else "off"

    def power_on(self) -> int:
        if not self.faults.get("stays_off"):
            self.ask("power on")
        return 0

    def power_off(self) -> int:
        if self.faults.get("refuses_needless") and self.get_power_state() == "off":
            return _NOT_IN_THIS_STATE
        self.ask("power off")
        return 0

    def power_reset(self) -> int:
        if self.get_power_state() == "off":
            return _NOT_IN_THIS_STATE
        self.ask("reset")
        return 0

    def power_cycle(self) -> int:
        if self.get_power_state() == "off":
            return _NOT_IN_THIS_STATE
        self.ask("power off")
        return self.power_on()

    def power_shutdown(self) -> int:
        self.ask("soft off")
        return 0

    def pulse_diag(self) -> int:
        if self.get_power_state() == "off":
            return _NOT_IN_THIS_STATE
        self.ask("interrupt")
        return 0

    def cold_reset(self) -> int:
        return 0

    def get_system_guid(self) -> uuid.UUID:
        identity: uuid.UUID = self.uuid
        return identity

    def send_device_id(self, session: Any) -> None:
        maker = int(self.faults.get("maker") or 0).to_bytes(3, "little")
        session.send_ipmi_response(data=_DEVICE_ID + maker + bytes(2))

    def get_system_boot_options(self, request: Any, session: Any) -> None:
        """Answer Get System Boot Options (28.13): the boot flags; valid only while some are set."""
        if request["data"][0] & 0x7F != _BOOT_FLAGS:
            session.send_ipmi_response(code=_NO_SUCH_PARAMETER)
            return
        flags = self.ask("boot flags")["flags"]
        first = device = 0
        if flags:
            first = 0x80 | (0x40 if flags["persistent"] else 0) | (0x20 if flags["uefi"] else 0)
            code = _CODES[flags["device"]]
            device = (
                self._disk_code(is_uefi=flags["uefi"]) if code == _CODES["disk"] else code
            ) << 2
        session.send_ipmi_response(data=[1, _BOOT_FLAGS, first, device, 0, 0, 0])

    def _disk_code(self, *, is_uefi: bool) -> int:
        """Return the code of the disk; Supermicro's is another one for UEFI."""
        is_other = is_uefi and self.faults.get("maker") == _SUPERMICRO
        return _REMOTE_DISK if is_other else _CODES["disk"]

    def set_system_boot_options(self, request: Any, session: Any) -> None:
        """Carry out Set System Boot Options (28.12) for the boot flags."""
        data = request["data"]
        parameter = data[0] & 0x7F
        if parameter in _HARMLESS_PARAMETERS:
            session.send_ipmi_response()
            return
        if parameter != _BOOT_FLAGS:
            session.send_ipmi_response(code=_NO_SUCH_PARAMETER)
            return
        valid, persistent, uefi = (bool(data[1] & bit) for bit in (0x80, 0x40, 0x20))
        code = data[2] >> 2 & 0b1111
        device = "disk" if code == self._disk_code(is_uefi=uefi) else _DEVICES.get(code)
        is_legacy_to_intel = valid and not uefi and self.faults.get("maker") == _INTEL
        if device is None or is_legacy_to_intel:
            session.send_ipmi_response(code=_BAD_FIELD)
            return
        if not self.faults.get("forgets_boot_device"):
            device = device if valid else "default"
            self.ask("set boot flags", device=device, persistent=persistent, uefi=uefi)
        session.send_ipmi_response()

    def handle_raw_request(self, request: Any, session: Any) -> None:
        """Handle one command."""
        if self.devices.answer(request, session):
            return
        if self.sol_port is not None and self.sol_port.answer(request, session):
            return
        super().handle_raw_request(request, session)

    def send_cipher_suites(
        self,
        myaddr: int,
        mylun: int,
        clientaddr: int,
        clientlun: int,
        clientseq: int,
        data: bytes,
        sockaddr: Any,
    ) -> None:
        """Answer Get Channel Cipher Suites (22.15); everything fits into list index 0."""
        head = bytes((clientaddr, clientlun | 7 << 2))
        records = cipher_suite_records() if data[22] & 0x3F == 0 else b""
        body = bytes((myaddr, mylun | clientseq << 2, 0x54, 0, 1)) + records
        message = head + _checksum(head) + body + _checksum(body)
        packet = (
            _RMCP_HEADER + bytes((6, 0)) + bytes(8) + len(message).to_bytes(2, "little") + message
        )
        self.serversocket.sendto(packet, sockaddr)

    def take(self, data: bytes, peer: Any) -> None:
        """Handle one packet, in the session of its sender or as the beginning of one."""
        sessions = pyghmi_session.Session.bmc_handlers
        if _begins_a_session(data):
            sessions.pop(peer, None)
        if peer in sessions:
            for session in list(sessions[peer].values()):
                session._handle_ipmi_packet(
                    bytearray(data), sockaddr=peer, qent=(data, peer, self.serversocket)
                )
        else:
            self.sessionless_data(data, peer)


def _begins_a_session(data: bytes) -> bool:
    """Tell whether the packet is outside any session: a client may use the port of an earlier one again."""
    if data[4] != 6:
        return data[5:13] == bytes(8)
    return data[5] in _SESSION_SETUP_PAYLOADS and data[6:10] == bytes(4)


def _checksum(data: bytes) -> bytes:
    return bytes((-sum(data) & 0xFF,))


def _plain_socket(server: Any, forbiddensockets: Any = ()) -> socket.socket:
    """Stand in for pyghmi's socket pool, which would start its I/O thread."""
    made = socket.socket(server[0], socket.SOCK_DGRAM)
    made.bind(server[4])
    return made


def _until(*times: float | None) -> float | None:
    """Return the seconds until the first of some times; ``None`` = there is none."""
    known = [one for one in times if one is not None]
    return max(0, min(known) - time.monotonic()) if known else None


def serve(bmc: LabBmc) -> None:
    """Answer packets and take orders until standard input ends."""
    waiting: collections.deque[tuple[float, bytes, Any]] = collections.deque()
    serial = bmc.sol_port
    while True:
        times = (waiting[0][0] if waiting else None, serial.wakes_at if serial else None)
        timeout_s = _until(*times)
        lines = serial.lines if serial else []
        ready = select.select([sys.stdin, bmc.serversocket, *lines], [], [], timeout_s)[0]
        if sys.stdin in ready:
            if not (line := sys.stdin.readline()):
                return
            bmc.faults = bmc.devices.faults = json.loads(line)
            bmc.ask("applied")
        if bmc.serversocket in ready:
            data, peer = bmc.serversocket.recvfrom(4096)
            if bmc.faults.get("garbage"):
                bmc.serversocket.sendto(_RMCP_HEADER + os.urandom(40), peer)
            elif not bmc.faults.get("unreachable") and data[:4] == _RMCP_HEADER and len(data) >= 16:
                waiting.append((time.monotonic() + bmc.faults.get("slow_s", 0), data, peer))
        while waiting and waiting[0][0] <= time.monotonic():
            _, data, peer = waiting.popleft()
            bmc.take(data, peer)
        if serial:
            serial.work(is_readable=serial.line in ready)


def main(argv: Sequence[str]) -> int:
    """Run one BMC."""
    address, port, user, descriptor, *serial = argv
    serversession.ServerSession = CipherSuiteSession
    pyghmi_session.Session._assignsocket = staticmethod(_plain_socket)
    # unbuffered, or select() would not see what the buffer already holds
    sys.stdin = os.fdopen(0, "rb", buffering=0)
    bmc = LabBmc(
        user=user,
        password=json.loads(sys.stdin.readline())["password"],
        address=address,
        port=int(port),
        lab=lab_line(socket.socket(fileno=int(descriptor))),
    )
    if serial:
        bmc.sol_port = SolPort(socket.socket(fileno=int(serial[0])), int(port))
    bmc.ask("applied")
    serve(bmc)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
