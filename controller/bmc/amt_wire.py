"""Asks Intel AMT by WS-Management (DMTF DSP0226): SOAP over HTTP, with digest authentication (RFC 7616, MD5, as AMT has it).

The documents are fixed texts; of answers only numbers and the words of a fault are taken, by pattern: no XML is interpreted.
"""

import hashlib
import re
import secrets
import ssl
import threading
import time
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from agent.protocol.foreign_text import clean_line
from controller.bmc.kept import Kept, digest_of
from controller.bmc.login_hold import LoginHold
from controller.bmc.trust import certificate_advice, trust
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.peers.http import Answer, Limits, PeerFailed, PeerHttp, PeerSilent, to_bmc

CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
ANONYMOUS = f"{_ADDRESSING}/role/anonymous"
_GET = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
_ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{addressing}" \
xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Header><a:Action s:mustUnderstand="true">{action}</a:Action>\
<a:To s:mustUnderstand="true">{url}</a:To><w:ResourceURI s:mustUnderstand="true">{resource}</w:ResourceURI>\
<a:MessageID s:mustUnderstand="true">uuid:{message}</a:MessageID><a:ReplyTo><a:Address>{anonymous}</a:Address></a:ReplyTo>\
<w:OperationTimeout>PT{timeout_s}S</w:OperationTimeout>{selectors}</s:Header><s:Body>{body}</s:Body></s:Envelope>"""
_CHALLENGE = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_FAULT = re.compile(r"<(?:\w+:)?Text\b[^>]*>([^<]{1,500})<")
_MOST_BYTES = 256 << 10
_WAKE_S = 4.0
"""AMT sleeps while the machine is off, and misses the packets that wake it: it is asked again after so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmtTarget:
    """One machine's AMT and how to log in; the secret does not show in ``repr``."""

    url: str
    username: str
    password: str = field(repr=False)
    ca_file: str
    """Empty = the system's authorities."""

    @property
    def where(self) -> str:
        """Return the AMT as messages name it."""
        return f"AMT {urlsplit(self.url).netloc}"


class MethodFailed(BmcError):
    """A method ended with another value than 0."""

    def __init__(self, message: str, value: int | None) -> None:
        """Take the message, and the value; ``None`` = there was none."""
        super().__init__(message)
        self.value = value


class AmtWire:
    """Talks to AMTs; calls to one do not overlap, and a login that was refused is not tried again at once (``login_hold.py``)."""

    def __init__(self) -> None:
        """Know no AMT yet."""
        self._locks: Kept[str, threading.Lock] = Kept()
        self._holds: Kept[str, LoginHold] = Kept()

    def get(self, target: AmtTarget, resource: str, *, timeout_s: float) -> str:
        """Read an object; returns the answer's text.

        Raises:
            BmcError: It does not answer, or with a fault.
        """
        return self._ask(target, _GET, resource, "", "", timeout_s)

    def invoke(  # a method call has so many parts
        self,
        target: AmtTarget,
        resource: str,
        method: str,
        selector: str,
        body: str,
        timeout_s: float,
    ) -> None:
        """Call a method of the object whose ``Name`` or ``InstanceID`` is selected (``Name=...``).

        Raises:
            MethodFailed: It returns another value than 0.
            BmcError: It does not answer, or refuses.
        """
        name, _, value = selector.partition("=")
        selectors = (
            f'<w:SelectorSet><w:Selector Name="{name}">{escape(value)}</w:Selector></w:SelectorSet>'
        )
        document = f'<p:{method}_INPUT xmlns:p="{resource}">{body}</p:{method}_INPUT>'
        text = self._ask(target, f"{resource}/{method}", resource, selectors, document, timeout_s)
        found = number_in(text, "ReturnValue")
        if found != 0:
            raise MethodFailed(
                f"{target.where}: {method} returns {found}; look at the machine's AMT settings (MEBx), and whether it allows this",
                found,
            )

    def _ask(  # as above
        self,
        target: AmtTarget,
        action: str,
        resource: str,
        selectors: str,
        body: str,
        timeout_s: float,
    ) -> str:
        ends_at = time.monotonic() + timeout_s
        lock = self._locks.get_or_make(target.url, threading.Lock)
        hold = self._holds.get_or_make(digest_of(target), LoginHold)
        if timeout_s <= 0 or not lock.acquire(timeout=timeout_s):
            raise BmcUnreachable(
                f"{target.where}: not asked within {max(timeout_s, 0):.0f} s: it is busy with an earlier call; try again"
            )
        try:
            hold.check(target.where)
            envelope = _ENVELOPE.format(
                addressing=_ADDRESSING,
                anonymous=ANONYMOUS,
                action=action,
                url=target.url,
                resource=resource,
                message=uuid.uuid4(),
                timeout_s=max(int(timeout_s), 1),
                selectors=selectors,
                body=body,
            )
            text = _text(target, _answer(target, envelope.encode(), ends_at))
        except BmcAuthenticationFailed:
            hold.refused()
            raise
        finally:
            lock.release()
        hold.accepted()
        return text


def _answer(target: AmtTarget, body: bytes, ends_at: float) -> Answer:
    try:
        with to_bmc(trust(target.ca_file or True)) as door:
            return _awake(door, target, body, ends_at)
    except PeerFailed as error:
        advice = certificate_advice(error, "amt_verify_ca", "amt_address")
        if advice:
            raise BmcUnreachable(f"{target.where}: {error}{advice}") from error
        raise BmcUnreachable(
            f"{target.where}: {error}; check amt_address and amt_protocol, and that AMT is on and reachable (port 16992 or 16993)"
        ) from error
    except (OSError, ssl.SSLError) as error:
        raise BmcError(f"{target.where}: amt_verify_ca {target.ca_file}: {error}") from error


def number_in(text: str, element: str) -> int | None:
    """Return the number in an element, whatever its prefix; ``None`` = there is none."""
    found = re.search(rf"<(?:[\w-]+:)?{element}\b[^>]*>\s*(\d{{1,9}})\s*<", text)
    return int(found[1]) if found else None


def _awake(door: PeerHttp, target: AmtTarget, body: bytes, ends_at: float) -> Answer:
    """Ask, once more if there is no answer at first."""
    try:
        return _authenticated(door, target, body, min(ends_at, time.monotonic() + _WAKE_S))
    except PeerSilent:
        if ends_at - time.monotonic() < 1:
            raise
        return _authenticated(door, target, body, ends_at)


def _authenticated(door: PeerHttp, target: AmtTarget, body: bytes, ends_at: float) -> Answer:
    answer = _post(door, target, body, ends_at, {})
    challenge = next(
        (value for key, value in answer.headers.items() if key.lower() == "www-authenticate"), ""
    )
    if answer.status != HTTPStatus.UNAUTHORIZED or "digest" not in challenge.lower():
        return answer
    login = digest(target, challenge, cnonce=secrets.token_hex(8))
    return _post(door, target, body, ends_at, {"Authorization": login})


def _post(
    door: PeerHttp, target: AmtTarget, body: bytes, ends_at: float, headers: dict[str, str]
) -> Answer:
    limits = Limits(total_s=max(ends_at - time.monotonic(), 0.01), most_bytes=_MOST_BYTES)
    sent = {"Content-Type": "application/soap+xml;charset=UTF-8", **headers}
    return door.call("POST", target.url, limits, headers=sent, body=body)


def digest(target: AmtTarget, challenge: str, *, cnonce: str) -> str:
    """Return the header ``Authorization`` for a challenge (RFC 7616, 3.4, MD5 and ``qop=auth``)."""
    parts = {key.lower(): quoted or plain for key, quoted, plain in _CHALLENGE.findall(challenge)}
    realm, nonce = parts.get("realm", ""), parts.get("nonce", "")
    path, count = urlsplit(target.url).path or "/", "00000001"
    who = _md5(f"{target.username}:{realm}:{target.password}")
    what = _md5(f"POST:{path}")
    response = _md5(f"{who}:{nonce}:{count}:{cnonce}:auth:{what}")
    shown = {
        "username": target.username,
        "realm": realm,
        "nonce": nonce,
        "uri": path,
        "response": response,
        "cnonce": cnonce,
        **({"opaque": parts["opaque"]} if "opaque" in parts else {}),
    }
    words = ", ".join(f'{key}="{value}"' for key, value in shown.items())
    return f"Digest {words}, qop=auth, nc={count}, algorithm=MD5"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _text(target: AmtTarget, answer: Answer) -> str:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise BmcAuthenticationFailed(
            f"{target.where}: it refuses the login; check amt_username and amt_password in driver_info"
        )
    text = answer.body.decode("utf-8", "replace")
    if answer.status == HTTPStatus.OK and "Fault>" not in text:
        return text
    fault = _FAULT.search(text)
    why = f": {clean_line(fault[1], 200)}" if fault else ""
    raise BmcError(f"{target.where}: it answers {answer.status}{why}; look at its event log")
