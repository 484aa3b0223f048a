"""A client of VNC (RFB 3.8, RFC 6143) for tests: it logs in, reads the picture, types, and shares nothing with the controller's side."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from tests.lab.errors import LabError

_VERSION = b"RFB 003.008\n"
_NONE, _PASSWORD = 1, 2
_TIMEOUT_S = 30
_SET_PIXEL_FORMAT, _SET_ENCODINGS, _REQUEST, _KEY = 0, 2, 3, 4
_RAW, _DESKTOP_SIZE = 0, -223
_PIXELS = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
"""32 bits, little endian, each 0x00RRGGBB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a screen shows; ``rgb`` has three bytes for each pixel, row by row."""

    width: int
    height: int
    rgb: bytes

    @property
    def is_blank(self) -> bool:
        """Whether it is one colour."""
        return self.rgb == self.rgb[:3] * (self.width * self.height)

    def as_ppm(self) -> bytes:
        """Return it as a file that image programs read."""
        return b"P6\n%d %d\n255\n%b" % (self.width, self.height, self.rgb)


class VncClient:
    """One session over any stream of bytes."""

    def __init__(self, send: Callable[[bytes], None], receive: Callable[[int], bytes]) -> None:
        """Take a stream; ``receive`` returns exactly so many bytes, or raises."""
        self.send, self.receive = send, receive
        self.width = self.height = 0
        self.name = ""
        self._canvas = bytearray()

    @classmethod
    @contextmanager
    def session(cls, address: str, port: int, password: str | None) -> Iterator[Self]:
        """Have a session with a VNC server.

        Raises:
            LabError: It wants something else, or refuses the password.
        """
        with socket.create_connection((address, port), timeout=_TIMEOUT_S) as sock:
            client = cls(sock.sendall, lambda count: _exactly(sock, count))
            client.log_in(password)
            yield client

    def log_in(self, password: str | None) -> None:
        """Shake hands; ``None`` = only without a password. Raises ``LabError``."""
        self.receive(12)
        self.send(_VERSION)
        kinds = self.receive(self.receive(1)[0])
        kind = _NONE if password is None else _PASSWORD
        if kind not in kinds:
            raise LabError(f"the VNC server offers the security types {list(kinds)}")
        self.send(bytes((kind,)))
        if password is not None:
            self.send(_answer(password, self.receive(16)))
        if struct.unpack(">I", self.receive(4))[0]:
            reason = self.receive(struct.unpack(">I", self.receive(4))[0])
            raise LabError(f"the VNC server refuses: {reason.decode()}")
        self.send(b"\1")
        self.width, self.height = struct.unpack(">HH", self.receive(4))
        self.receive(16)
        self.name = self.receive(struct.unpack(">I", self.receive(4))[0]).decode()
        self.send(struct.pack(">Bxxx", _SET_PIXEL_FORMAT) + _PIXELS)
        self.send(struct.pack(">BxHii", _SET_ENCODINGS, 2, _RAW, _DESKTOP_SIZE))

    def picture(self) -> Picture:
        """Ask for the whole screen and return it."""
        while True:
            self.send(struct.pack(">BBHHHH", _REQUEST, 0, 0, 0, self.width, self.height))
            size = (self.width, self.height)
            self._canvas = bytearray(4 * self.width * self.height)
            if self._update() and size == (self.width, self.height):
                break
        pixels = self._canvas
        rgb = bytearray(3 * self.width * self.height)
        rgb[0::3], rgb[1::3], rgb[2::3] = pixels[2::4], pixels[1::4], pixels[0::4]
        return Picture(width=self.width, height=self.height, rgb=bytes(rgb))

    def press(self, symbol: int) -> None:
        """Press a key and let it go; ``symbol`` as in X11, for letters their ASCII."""
        for is_down in (1, 0):
            self.send(struct.pack(">BBxxI", _KEY, is_down, symbol))

    def _update(self) -> int:
        """Take one update; return how many rectangles of pixels it had."""
        while (kind := self.receive(1)[0]) != 0:
            if kind != 2:  # a bell
                raise LabError(f"the VNC server sends a message of kind {kind}")
        drawn = 0
        for _ in range(struct.unpack(">xH", self.receive(3))[0]):
            left, top, width, height, how = struct.unpack(">HHHHi", self.receive(12))
            if how == _DESKTOP_SIZE:
                self.width, self.height = width, height
                continue
            pixels = self.receive(4 * width * height)
            drawn += 1
            for row in range(height):
                at = 4 * ((top + row) * self.width + left)
                self._canvas[at : at + 4 * width] = pixels[4 * width * row : 4 * width * (row + 1)]
        return drawn


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise LabError(
                f"the VNC server ended the connection, {count - len(data)} bytes missing"
            )
        data += piece
    return bytes(data)


def _answer(password: str, challenge: bytes) -> bytes:
    """Return what RFC 6143, 7.2.2, wants: DES, with the bits of each byte of the key turned around."""
    key = password.encode()[:8].ljust(8, b"\0")
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key)
    encryptor = Cipher(TripleDES(turned * 3), modes.ECB()).encryptor()  # what VNC has
    return encryptor.update(challenge)
