"""A PXE client that lives on a tap device: sends DHCPDISCOVER as Ethernet frames and reads the offer (RFC 2131, 4578)."""

import fcntl
import os
import select
import struct
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_MAGIC = b"\x63\x82\x53\x63"
_MAC = bytes.fromhex("525400abcdef")
_TRANSACTION = 0x12345678


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a DHCP server offers to a booting machine."""

    address: str
    boot_file: str
    vendor_class: str


class PxeClient:
    """A network card whose ROM asks for something to boot; used in the namespace of the tap."""

    def __init__(self, tap: str) -> None:
        self._file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH", tap.encode(), _IFF_TAP | _IFF_NO_PI)
        fcntl.ioctl(self._file, _TUNSETIFF, request)

    mac = _MAC.hex(":")

    def discover(
        self,
        *,
        architecture: int,
        is_ipxe: bool = False,
        is_http: bool = False,
        timeout_s: float = 10,
    ) -> Offer:
        """Ask as firmware of ``architecture`` (option 93) and return the first offer."""
        vendor = b"HTTPClient" if is_http else b"PXEClient"
        options = {
            53: b"\x01",
            55: bytes((1, 3, 43, 54, 60, 66, 67)),
            60: vendor + f":Arch:{architecture:05}:UNDI:003001".encode(),
            93: struct.pack("!H", architecture),
            94: b"\x01\x03\x01",
        }
        if is_ipxe:
            options |= {77: b"iPXE", 175: b"\xb1\x01\x01"}
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            os.write(self._file, _frame(options))
            if offer := self._wait_for_offer(1.0):
                return offer
        raise AssertionError(f"no offer within {timeout_s} s")

    def _wait_for_offer(self, timeout_s: float) -> Offer | None:
        end = time.monotonic() + timeout_s
        while (left_s := end - time.monotonic()) > 0:
            if select.select([self._file], [], [], left_s)[0]:
                offer = _read(os.read(self._file, 4096))
                if offer:
                    return offer
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)


def _frame(options: dict[int, bytes]) -> bytes:
    bootp = struct.pack("!BBBBIHH16x16s192x", 1, 1, 6, 0, _TRANSACTION, 0, 0x8000, _MAC)
    tail = b"".join(bytes((code, len(value))) + value for code, value in options.items()) + b"\xff"
    body = bootp + _MAGIC + tail.ljust(64, b"\0")
    udp = struct.pack("!HHHH", 68, 67, 8 + len(body), 0) + body
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes(4), b"\xff" * 4
    )
    total = sum(struct.unpack("!10H", head))
    checksum = ~(total + (total >> 16)) & 0xFFFF
    ip = head[:10] + struct.pack("!H", checksum) + head[12:]
    return b"\xff" * 6 + _MAC + b"\x08\x00" + ip + udp


def _read(frame: bytes) -> Offer | None:
    """Return the offer in a frame; ``None`` = it is something else."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[34:38] != struct.pack("!HH", 67, 68):
        return None
    bootp = frame[42:]
    options = _options(bootp[240:])
    if bootp[4:8] != struct.pack("!I", _TRANSACTION) or options.get(53) != b"\x02":
        return None
    boot_file = options.get(67) or bootp[108:236]
    return Offer(
        address=".".join(map(str, bootp[16:20])),
        boot_file=boot_file.rstrip(b"\0").decode(),
        vendor_class=options.get(60, b"").decode(),
    )


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while data and data[0] != 255:
        if data[0] == 0:
            data = data[1:]
            continue
        found[data[0]] = data[2 : 2 + data[1]]
        data = data[2 + data[1] :]
    return found
