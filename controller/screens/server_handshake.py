"""The beginning of RFB with a screen's server: version and login (RFC 6143, 7.1 and 7.2). Pure: bytes in, bytes out.

Nothing is read of it beyond the handshake, so that what comes after it is as it was sent. The password stays here: browsers never get it.
"""

import re
from collections.abc import Generator
from typing import NoReturn

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from agent.protocol.foreign_text import clean_line
from controller.errors import BmcAuthenticationFailed, BmcError

_VERSION = re.compile(rb"RFB (\d{3})\.(\d{3})\n")
_VERSION_BYTES = 12
_FAILED, _NONE, _PASSWORD = 0, 1, 2
_KINDS = {5: "RA2", 6: "RA2ne", 16: "Tight", 18: "TLS", 19: "VeNCrypt", 30: "Apple's"}
_CHALLENGE_BYTES = 16
_MOST_REASON_BYTES = 1024
_MOST_WORDS = 200
_KEY_BYTES = 8

Steps = Generator[int | bytes, bytes, None]
"""Yields how many bytes it wants and is sent them, or bytes to send."""


class ServerHandshake:
    """One handshake, fed with what the server says."""

    def __init__(self, password: str) -> None:
        """Begin; an empty ``password`` = none."""
        self._steps = self._shake(password)
        self._data = bytearray()
        self._wanted = 0
        self.output = bytearray()
        """What is to be sent; the caller takes it."""
        self.is_done = False
        self._advance(None)

    @property
    def wanted_bytes(self) -> int:
        """How many bytes it waits for: not more must be read."""
        return self._wanted - len(self._data)

    def feed(self, data: bytes) -> None:
        """Take what has come, at most ``wanted_bytes``.

        Raises:
            BmcError: It is no RFB, wants what is not had, or says that it refuses.
            BmcAuthenticationFailed: The password is wrong.
        """
        self._data += data
        if len(self._data) >= self._wanted and not self.is_done:
            taken, self._data = bytes(self._data), bytearray()
            self._advance(taken)

    def _advance(self, given: bytes | None) -> None:
        try:
            said = next(self._steps) if given is None else self._steps.send(given)
            while isinstance(said, bytes):
                self.output += said
                said = next(self._steps)
            self._wanted = said
        except StopIteration:
            self.is_done, self._wanted = True, 0

    def _shake(self, password: str) -> Steps:
        minor = _minor((yield _VERSION_BYTES))
        yield b"RFB 003.%03d\n" % minor
        if minor == 3:  # noqa: PLR2004  # it says what it wants
            kind = int.from_bytes((yield 4), "big")
            if kind == _FAILED:
                yield from self._refused()
            _chosen(bytes((kind & 0xFF,)) if kind < 256 else b"", password)  # noqa: PLR2004
        else:
            count = (yield 1)[0]
            if not count:
                yield from self._refused()
            kind = _chosen((yield count), password)
            yield bytes((kind,))
        if kind == _PASSWORD:
            yield _answer(password, (yield _CHALLENGE_BYTES))
        if (kind == _PASSWORD or minor == 8) and int.from_bytes((yield 4), "big"):  # noqa: PLR2004
            yield from self._wrong(minor, kind)

    def _refused(self) -> Generator[int, bytes, NoReturn]:
        raise BmcError(f"it refuses: {(yield from self._reason())}")

    def _wrong(self, minor: int, kind: int) -> Generator[int, bytes, NoReturn]:
        reason = (yield from self._reason()) if minor == 8 else "it gave no reason"  # noqa: PLR2004
        if kind == _PASSWORD:
            raise BmcAuthenticationFailed(f"the VNC password was refused: {reason}")
        raise BmcError(f"it refuses: {reason}")

    def _reason(self) -> Generator[int, bytes, str]:
        size = int.from_bytes((yield 4), "big")
        if not 0 < size <= _MOST_REASON_BYTES:
            return "it gave no reason"
        return clean_line((yield size).decode(errors="replace"), _MOST_WORDS)


def _minor(said: bytes) -> int:
    """Return the version that is spoken: 3, 7 or 8; others count as the nearest below, as the standard wants it."""
    found = _VERSION.fullmatch(said)
    if not found or int(found[1]) < 3:  # noqa: PLR2004
        raise BmcError("what answers there does not speak VNC (RFB); is the port right?")
    minor = 8 if int(found[1]) > 3 else int(found[2])  # noqa: PLR2004
    return 8 if minor >= 8 else 7 if minor == 7 else 3  # noqa: PLR2004


def _chosen(offered: bytes, password: str) -> int:
    """Return how to log in: with the password where there is one, else without."""
    if password and _PASSWORD in offered:
        return _PASSWORD
    if _NONE in offered:
        return _NONE
    if _PASSWORD in offered:
        raise BmcAuthenticationFailed("it wants a VNC password, and none is set")
    names = ", ".join(_KINDS.get(kind, str(kind)) for kind in offered[:16]) or "none"
    raise BmcError(
        f"it offers only ways to log in that are not had here ({names}); set it to VNC's own password, or to none"
    )


def _answer(password: str, challenge: bytes) -> bytes:
    """Return the challenge encrypted as RFC 6143, 7.2.2, wants it: DES with the bits of each byte of the key turned around."""
    key = password.encode()[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0")
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key)
    encryptor = Cipher(TripleDES(turned * 3), modes.ECB()).encryptor()  # noqa: S305  # what VNC has
    return encryptor.update(challenge)
