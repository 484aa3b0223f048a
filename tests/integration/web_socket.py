"""A browser's side of a WebSocket (RFC 6455) by hand, so that it shares nothing with the controller's side; binary messages are a stream of bytes."""

import base64
import hashlib
import json
import os
import socket
import struct
from typing import Any, Self
from urllib.parse import urlsplit

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_TIMEOUT_S = 30.0


class RefusedError(Exception):
    """The answer was no 101."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status


class ClosedError(Exception):
    """The other side has closed; ``code`` 1006 = without a word."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


class Browser:
    """One connection; a context manager."""

    def __init__(
        self,
        address: str,
        token: str,
        *,
        origin: str | None = None,
        protocols: str | None = None,
        more: str = "",
    ) -> None:
        """Open ``address``, ``http://HOST:PORT/PATH``. Raises ``RefusedError``."""
        place = urlsplit(address)
        self.sock = socket.create_connection(
            (str(place.hostname), place.port or 80), timeout=_TIMEOUT_S
        )
        self.texts: list[dict[str, Any]] = []
        self.pings = 0
        self._data = bytearray()
        self._bytes = bytearray()
        key = base64.b64encode(os.urandom(16)).decode()
        offered = f"binary, ingot.page, ingot.token.{token}" if protocols is None else protocols
        lines = [
            f"GET {place.path} HTTP/1.1",
            f"Host: {place.netloc}",
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {offered}"] if offered else []),
            *([f"Origin: {origin}"] if origin is not None else []),
            *([more] if more else []),
        ]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        try:
            self._read_head(key)
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes, kind: int = _BINARY) -> None:
        """Say bytes, as one message."""
        mask = os.urandom(4)
        size = len(data)
        head = bytes((0x80 | kind,))
        if size < 126:
            head += bytes((0x80 | size,))
        elif size < 1 << 16:
            head += struct.pack(">BH", 0x80 | 126, size)
        else:
            head += struct.pack(">BQ", 0x80 | 127, size)
        repeated = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(
            size, "big"
        )
        self.sock.sendall(head + mask + masked)

    def say(self, text: str) -> None:
        """Say a text."""
        self.send(text.encode(), _TEXT)

    def receive(self, count: int) -> bytes:
        """Return so many bytes of binary messages. Raises ``ClosedError``."""
        while len(self._bytes) < count:
            self.step()
        found = bytes(self._bytes[:count])
        del self._bytes[:count]
        return found

    def told(self, number: int = 0) -> dict[str, Any]:
        """Return a text message."""
        while len(self.texts) <= number:
            self.step()
        return self.texts[number]

    def wait_closed(self) -> ClosedError:
        """Read to the end, and return how it ended."""
        try:
            while True:
                self.step()
        except ClosedError as closed:
            return closed

    def step(self) -> None:
        """Take one frame. Raises ``ClosedError``."""
        first, second = self._exactly(2)
        assert first & 0x80, "a server's message in pieces"
        assert not second & 0x80, "a server masks nothing"
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(self._exactly(2), "big")
        elif size == 127:
            size = int.from_bytes(self._exactly(8), "big")
        data, kind = self._exactly(size), first & 0x0F
        if kind == _BINARY:
            self._bytes += data
        elif kind == _TEXT:
            self.texts.append(json.loads(data))
        elif kind == _PING:
            self.pings += 1
            self.send(data, _PONG)
        elif kind == _CLOSE:
            self.send(data[:2], _CLOSE)
            raise ClosedError(int.from_bytes(data[:2], "big"), data[2:].decode())

    def _read_head(self, key: str) -> None:
        while b"\r\n\r\n" not in self._data:
            piece = self.sock.recv(65536)
            if not piece:
                break
            self._data += piece
        head, _, rest = bytes(self._data).partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        if status != 101:
            while not rest.rstrip().endswith(b"}") and (piece := self.sock.recv(65536)):
                rest += piece
            raise RefusedError(status, rest.decode(errors="replace"))
        wanted = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest())
        lines = head.lower().split(b"\r\n")
        assert b"sec-websocket-accept: " + wanted.lower() in lines, head
        assert b"sec-websocket-protocol: binary" in lines, head
        self._data = bytearray(rest)

    def _exactly(self, count: int) -> bytes:
        while len(self._data) < count:
            try:
                piece = self.sock.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                raise ClosedError(1006, "")
            self._data += piece
        found = bytes(self._data[:count])
        del self._data[:count]
        return found
