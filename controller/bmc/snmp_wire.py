"""The only place that knows pysnmp: reads and writes one object of one SNMP agent within a deadline.

pysnmp knows only asyncio. A call of version 1 or 2c runs a loop of its own in the thread that asks, which takes about 2 ms of
processor time; nothing is shared. Version 3 has to find out the agent's engine and make keys of passwords, which takes 70 ms: these
conversations are kept, the last ``_MOST_KEPT`` of them, each with its loop. After any failure a conversation is begun anew.
pysnmp is imported with the first call. An answer is one UDP datagram: at most 64 KiB.
"""

import asyncio
import importlib
import threading
import time
from functools import cache
from typing import Any

from urllib3.exceptions import LocationParseError

from agent.protocol.foreign_text import clean_line
from controller.bmc.kept import Kept, digest_of
from controller.bmc.login_hold import LoginHold
from controller.bmc.snmp_outlets import Oid
from controller.bmc.snmp_target import Community, SnmpTarget, User
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.peers.connections import resolve

Answer = int | Oid | None
"""A number, an object identifier, or ``None``: there is no such object."""
_TRY_S = 2.0
"""A datagram may be lost: after so long the request is sent again."""
_PATIENCE_S = 5.0
"""A kept conversation gets no answer for so long: it is begun anew."""
_MOST_TRIES = 255
"""The most that pysnmp takes; the deadline ends them sooner."""
_MOST_KEPT = 64
_NO_SUCH_NAME = 2
_NO_SUCH = ("NoSuchObject", "NoSuchInstance", "EndOfMibView")
_REFUSED = ("noAccess", "notWritable", "readOnly", "authorizationError", "noSuchName")
"""How agents say that who asks must not write (RFC 3416, 4.2.5; RFC 1157, 4.1.5)."""
_WRONG_LOGIN = (
    *("UnknownUserName", "UnknownSecurityName", "WrongDigest", "AuthenticationFailure"),
    *("AuthenticationError", "DecryptionError", "UnsupportedSecurityLevel", "NoSuchContext"),
)
"""Classes of ``pysnmp.proto.errind`` that mean the login."""
_AUTH = {
    "none": "USM_AUTH_NONE",
    "md5": "USM_AUTH_HMAC96_MD5",
    "sha": "USM_AUTH_HMAC96_SHA",
    "sha224": "USM_AUTH_HMAC128_SHA224",
    "sha256": "USM_AUTH_HMAC192_SHA256",
    "sha384": "USM_AUTH_HMAC256_SHA384",
    "sha512": "USM_AUTH_HMAC384_SHA512",
}
_PRIV = {
    "none": "USM_PRIV_NONE",
    "des": "USM_PRIV_CBC56_DES",
    "3des": "USM_PRIV_CBC168_3DES",
    "aes": "USM_PRIV_CFB128_AES",
    "aes192": "USM_PRIV_CFB192_AES",
    "aes256": "USM_PRIV_CFB256_AES",
    "aes192blmt": "USM_PRIV_CFB192_AES_BLUMENTHAL",
    "aes256blmt": "USM_PRIV_CFB256_AES_BLUMENTHAL",
}
_Place = tuple[tuple[str, int], bool]
"""Address and port, and whether they are of IPv6."""
_Request = tuple[Oid, int | None]
"""An object, and what is to be written; ``None`` = it is read."""


class SnmpWire:
    """Asks SNMP agents; calls to one agent do not overlap, and a user that was refused is not tried again at once (``login_hold.py``)."""

    def __init__(self) -> None:
        """Know no agent yet."""
        self._locks: Kept[tuple[str, int], threading.Lock] = Kept()
        self._kept: Kept[str, _Conversation] = Kept(_MOST_KEPT)
        self._holds: Kept[str, LoginHold] = Kept()

    def get(self, target: SnmpTarget, oid: Oid, *, timeout_s: float) -> Answer:
        """Read one object.

        Raises:
            BmcUnreachable: No answer in time.
            BmcAuthenticationFailed: The agent refuses the user.
            BmcError: It answers with an error.
        """
        return self._ask(target, oid, None, timeout_s)

    def set(self, target: SnmpTarget, oid: Oid, value: int, *, timeout_s: float) -> Answer:
        """Write one number; returns what the agent says that the object is now.

        Raises:
            BmcError: As :meth:`get`.
        """
        return self._ask(target, oid, value, timeout_s)

    def close(self) -> None:
        """End the kept conversations; nobody asks any more."""
        for conversation in self._kept.clear():
            conversation.close()

    def _ask(self, target: SnmpTarget, oid: Oid, value: int | None, timeout_s: float) -> Answer:
        ends_at = time.monotonic() + timeout_s
        lock = self._locks.get_or_make((target.address, target.port), threading.Lock)
        if timeout_s <= 0 or not lock.acquire(timeout=timeout_s):
            raise BmcUnreachable(
                f"{target.where}: not asked within {max(timeout_s, 0):.0f} s: the PDU is busy with an earlier call; try again"
            )
        try:
            return self._ask_alone(target, oid, value, ends_at)
        except (TimeoutError, OSError, LocationParseError) as error:
            raise BmcUnreachable(_silence(target, error)) from error
        except _library_errors() as error:
            raise BmcError(f"{target.where}: {clean_line(error, 200)}") from error
        finally:
            lock.release()

    def _ask_alone(self, target: SnmpTarget, oid: Oid, value: int | None, ends_at: float) -> Answer:
        place = _address(target, ends_at)
        left_s = max(ends_at - time.monotonic(), 0.01)
        if isinstance(target.login, Community):
            asked = _by_community(target.login, place, (oid, value))
            answer = asyncio.run(asyncio.wait_for(asked, left_s))
            return _read(target, answer, is_order=value is not None)
        return self._ask_user(target, target.login, place, (oid, value), ends_at)

    def _ask_user(
        self, target: SnmpTarget, user: User, place: _Place, request: _Request, ends_at: float
    ) -> Answer:
        """Ask as a user of version 3, if the agent has not refused it a moment ago."""
        key = f"{target.address} {target.port} {digest_of(user)}"
        hold = self._holds.get_or_make(key, LoginHold)
        hold.check(target.where)
        try:
            answer = self._ask_kept(target, user, key, place, request, ends_at)
        except BmcAuthenticationFailed:
            hold.refused()
            raise
        hold.accepted()
        return answer

    def _ask_kept(
        self,
        target: SnmpTarget,
        user: User,
        key: str,
        place: _Place,
        request: _Request,
        ends_at: float,
    ) -> Answer:
        """Ask in the kept conversation; if that fails, as with a PDU that has been restarted or replaced, in a new one."""
        kept = self._kept.pop(key)
        if kept:
            left_s = min(ends_at - time.monotonic(), _PATIENCE_S)
            try:
                return self._ask_in(kept, key, target, place, request, left_s)
            except _begin_anew():
                if ends_at - time.monotonic() < _TRY_S:
                    raise
        left_s = max(ends_at - time.monotonic(), 0.01)
        return self._ask_in(_Conversation(user), key, target, place, request, left_s)

    def _ask_in(
        self,
        conversation: "_Conversation",
        key: str,
        target: SnmpTarget,
        place: _Place,
        request: _Request,
        left_s: float,
    ) -> Answer:
        """Ask once, and keep the conversation if there is an answer."""
        try:
            said = conversation.ask(place, request, left_s)
            answer = _read(target, said, is_order=request[1] is not None)
        except BaseException:
            conversation.close()
            raise
        if oldest := self._kept.put(key, conversation):
            oldest.close()
        return answer


class _Conversation:
    """What pysnmp knows of one agent and one user of version 3, with its loop; one thread at a time uses it."""

    def __init__(self, user: User) -> None:
        self._runner = asyncio.Runner()
        self._engine: Any = None
        self._user = user

    def ask(self, place: _Place, request: _Request, left_s: float) -> Any:
        return self._runner.run(asyncio.wait_for(self._ask(place, request), left_s))

    def close(self) -> None:
        if self._engine is not None:
            self._runner.run(self._close_engine())
        self._runner.close()

    async def _close_engine(self) -> None:
        self._engine.close_dispatcher()

    async def _ask(self, place: _Place, request: _Request) -> Any:
        oid, value = request
        api = _version_3()
        if self._engine is None:
            self._engine = api.SnmpEngine()
        user = self._user
        login = api.UsmUserData(
            user.name,
            authKey=user.auth_key or None,
            privKey=user.priv_key or None,
            authProtocol=getattr(api, _AUTH[user.auth_protocol]),
            privProtocol=getattr(api, _PRIV[user.priv_protocol]),
        )
        engine_id = api.OctetString(user.context_engine_id) if user.context_engine_id else None
        context = api.ContextData(contextEngineId=engine_id, contextName=user.context_name.encode())
        ask = api.get_cmd if value is None else api.set_cmd
        transport = await _transport(api, place)
        return await ask(
            self._engine, login, transport, context, _bound(oid, value), lookupMib=False
        )


async def _by_community(login: Community, place: _Place, request: _Request) -> Any:
    api = _version_2()
    oid, value = request
    name = login.read if value is None else login.write
    community = api.CommunityData(name, mpModel=1 if login.is_2c else 0)
    ask = api.get_cmd if value is None else api.set_cmd
    dispatcher = api.SnmpDispatcher()
    try:
        transport = await _transport(api, place)
        return await ask(dispatcher, community, transport, _bound(oid, value))
    finally:  # its own close() calls back for what is not answered, and with too few arguments
        dispatcher.transport_dispatcher.close_dispatcher()


async def _transport(api: Any, place: _Place) -> Any:
    address, is_ipv6 = place
    kind = api.Udp6TransportTarget if is_ipv6 else api.UdpTransportTarget
    return await kind.create(address, timeout=_TRY_S, retries=_MOST_TRIES)


def _bound(oid: Oid, value: int | None) -> tuple[Any, Any]:
    values = importlib.import_module("pysnmp.proto.rfc1902")
    return values.ObjectName(oid), values.Null("") if value is None else values.Integer32(value)


@cache
def _library_errors() -> tuple[type[Exception], ...]:
    mine = importlib.import_module("pysnmp.error").PySnmpError
    asn1 = importlib.import_module("pyasn1.error").PyAsn1Error
    return mine, asn1


@cache
def _begin_anew() -> tuple[type[Exception], ...]:
    """Return the errors after which a kept conversation is not gone on with."""
    return (TimeoutError, BmcError, *_library_errors())


@cache
def _version_2() -> Any:
    return importlib.import_module("pysnmp.hlapi.v1arch.asyncio")


@cache
def _version_3() -> Any:
    return importlib.import_module("pysnmp.hlapi.v3arch.asyncio")


def _address(target: SnmpTarget, ends_at: float) -> _Place:
    """Return the first address of the PDU's host, and whether it is one of IPv6."""
    found = resolve(target.address, target.port, ends_at - time.monotonic())
    host = str(found[0][4][0])
    return (host, target.port), ":" in host


def _read(target: SnmpTarget, answer: Any, *, is_order: bool) -> Answer:
    """Return the value of an answer.

    Raises:
        BmcError: It is an error.
    """
    indication, status, _index, bound = answer
    if indication:
        raise _failure(target, type(indication).__name__, clean_line(indication, 200))
    if (
        int(status) == _NO_SUCH_NAME and not is_order
    ):  # so says version 1 that there is no such object
        return None
    if int(status):
        raise _refusal(target, clean_line(status.prettyPrint(), 80))
    value: Any = bound[0][1] if bound else None
    kind = type(value).__name__
    if kind in _NO_SUCH:
        return None
    if kind in {"Integer", "Integer32", "Unsigned32", "Gauge32"}:
        return int(value)
    if kind == "ObjectIdentifier":
        return tuple(int(part) for part in value)
    raise BmcError(
        f"{target.where}: it answers {clean_line(kind, 40)} where its MIB has a number; check snmp_driver and snmp_outlet"
    )


def _failure(target: SnmpTarget, kind: str, words: str) -> BmcError:
    if kind == "RequestTimedOut":
        return BmcUnreachable(_silence(target, None))
    if kind in _WRONG_LOGIN:
        return BmcAuthenticationFailed(
            f"{target.where}: it refuses user {clean_line(_user_of(target), 40)}: {words}; check snmp_user, snmp_auth_* and"
            " snmp_priv_* in driver_info"
        )
    return BmcError(f"{target.where}: {words}")


def _refusal(target: SnmpTarget, status: str) -> BmcError:
    if status in _REFUSED:
        return BmcError(
            f"{target.where}: it refuses the order ({status}); check that snmp_community_write, or snmp_user, may switch outlets,"
            " and that it has this outlet"
        )
    return BmcError(
        f"{target.where}: it answers with the error {status}; look at the PDU's own log"
    )


def _silence(target: SnmpTarget, error: Exception | None) -> str:
    login = (
        "the community, which a wrong one gets no answer for"
        if isinstance(target.login, Community)
        else "snmp_user and the keys"
    )
    why = f" ({clean_line(error, 80)})" if error and str(error) else ""
    return (
        f"{target.where}: no answer{why}; check its address, {login}, and that SNMP of this version is on and lets this"
        " controller in"
    )


def _user_of(target: SnmpTarget) -> str:
    return target.login.name if isinstance(target.login, User) else ""
