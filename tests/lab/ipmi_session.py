"""A session of the virtual BMC that takes cipher suites 3 and 17, as today's servers do, and weaker ones of old ones.

pyghmi's own server answers every proposal with suite 3 (SHA-1), also one for suite 17 (SHA-256), and pyghmi's own
client, which proposes 17 first, takes that for a wrong password. Here the proposal decides, and one that fits neither
is refused with the code that makes a client propose the next one.

Follows the IPMI specification 2.0, revision 1.1: 13.17-13.24 (session messages), tables 13-17 to 13-19 (algorithms), 22.15
(cipher suite records). `_Suite` names the three algorithm numbers and the hash they stand for.
"""

import hashlib
import hmac
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyghmi.ipmi.private import constants
from pyghmi.ipmi.private.serversession import ServerSession

_NO_MATCHING_SUITE = 0x11
_UNAUTHORIZED_NAME = 0x0D
_INVALID_INTEGRITY_CHECK = 0x0F
_ADMINISTRATOR = 4
_NO_PRIVACY, _PRIVACY_AES_CBC_128 = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suite:
    number: int
    authentication: int
    integrity: int
    digest: Callable[..., Any]
    digest_bytes: int
    """How much of a digest goes with a message."""
    privacy: int = _PRIVACY_AES_CBC_128


_SUITES = (
    _Suite(number=3, authentication=1, integrity=1, digest=hashlib.sha1, digest_bytes=12),
    _Suite(number=17, authentication=3, integrity=4, digest=hashlib.sha256, digest_bytes=16),
)
_OLD_SUITES = (
    _Suite(
        number=2,
        authentication=1,
        integrity=1,
        digest=hashlib.sha1,
        digest_bytes=12,
        privacy=_NO_PRIVACY,
    ),
    _Suite(
        number=16,
        authentication=3,
        integrity=4,
        digest=hashlib.sha256,
        digest_bytes=16,
        privacy=_NO_PRIVACY,
    ),
)
"""Taken if they are proposed, not advertised."""


def cipher_suite_records() -> bytes:
    """Return the cipher suite records for Get Channel Cipher Suites, at most 16 bytes, as a complete list."""
    return b"".join(
        bytes((0xC0, suite.number, suite.authentication, 0x40 | suite.integrity, 0x81))
        for suite in _SUITES
    )


class CipherSuiteSession(ServerSession):  # type: ignore[misc]  # pyghmi has no types
    """One client's session with the BMC, from the open request on."""

    def create_open_session_response(self, request: bytes) -> bytearray:
        """Answer an open session request (13.17): the suite that the client proposes, or a refusal."""
        tag = request[0]
        self.clientsessionid = request[4:8]
        self.managedsessionid = os.urandom(4)
        self.privlevel = _ADMINISTRATOR
        proposal = (request[12] & 0x3F, request[20] & 0x3F, request[28] & 0x3F)
        for suite in (*_SUITES, *_OLD_SUITES):
            chosen = (suite.authentication, suite.integrity, suite.privacy)
            if proposal == chosen:
                self.chosen = suite
                self.currhashlib = suite.digest
                self.currhashlen = suite.digest_bytes
                return (
                    bytearray((tag, 0, self.privlevel, 0))
                    + self.clientsessionid
                    + self.managedsessionid
                    + b"".join(
                        bytes((kind, 0, 0, 8, number, 0, 0, 0))
                        for kind, number in enumerate(chosen)
                    )
                )
        return bytearray((tag, _NO_MATCHING_SUITE, 0, 0)) + self.clientsessionid

    def _got_rakp1(self, data: bytes) -> None:
        """Answer RAKP message 1 (13.20) with message 2 (13.21)."""
        self.Rm = data[8:24]
        self.rolem = data[24]
        self.maxpriv = self.rolem & 0b111
        self.username = bytes(data[28 : 28 + data[27]])
        self.uuiddata = self.uuid.bytes
        password = self.authdata.get(self.username.decode("utf-8", "replace"))
        if password is None:
            self._send(
                "rakp2", bytearray((data[0], _UNAUTHORIZED_NAME, 0, 0)) + self.clientsessionid
            )
            return
        self.kuid = password.encode()
        self.session_key = self.kg or self.kuid
        self.Rc = os.urandom(16)
        code = self._hmac(
            self.kuid,
            self.clientsessionid
            + self.managedsessionid
            + self.Rm
            + self.Rc
            + self.uuiddata
            + self._role_and_name(),
        )
        self._send(
            "rakp2",
            bytearray((data[0], 0, 0, 0)) + self.clientsessionid + self.Rc + self.uuiddata + code,
        )

    def _got_rakp3(self, data: bytes) -> None:
        """Answer RAKP message 3 (13.22) with message 4 (13.23); from here on both sides have keys."""
        if data[1] != 0:
            return  # the client did not like our message 2, for instance because of a wrong password
        self.sik = self._hmac(self.session_key, self.Rm + self.Rc + self._role_and_name())
        self.k1 = self._hmac(self.sik, b"\x01" * 20)
        self.k2 = self._hmac(self.sik, b"\x02" * 20)
        self.aeskey = self.k2[:16]
        expected = self._hmac(self.kuid, self.Rc + self.clientsessionid + self._role_and_name())
        if not hmac.compare_digest(expected, bytes(data[8 : 8 + len(expected)])):
            self._send(
                "rakp4", bytearray((data[0], _INVALID_INTEGRITY_CHECK, 0, 0)) + self.clientsessionid
            )
            return
        self.localsid = struct.unpack("<I", self.managedsessionid)[0]
        self.ipmicallback = self.handle_client_request
        self._send_rakp4(data[0], 0)

    def _send_rakp4(self, tagvalue: int, statuscode: int) -> None:
        code = self._hmac(self.sik, self.Rm + self.managedsessionid + self.uuiddata)[
            : self.currhashlen
        ]
        self._send("rakp4", bytearray((tagvalue, statuscode, 0, 0)) + self.clientsessionid + code)
        self.confalgo = "aes" if self.chosen.privacy else 0
        self.integrityalgo = "hmac"  # pyghmi asks only whether there is one
        self.sequencenumber = 1
        self.sessionid = struct.unpack("<I", bytes(self.clientsessionid))[0]

    def _role_and_name(self) -> bytes:
        return bytes((self.rolem, len(self.username))) + self.username

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.new(key, bytes(message), self.currhashlib).digest()

    def _send(self, kind: str, payload: bytearray) -> None:
        self.send_payload(payload, constants.payload_types[kind], retry=False)
