"""Finds a service of the local network by multicast DNS, as Ironic announces itself.

Source: RFC 6762 and 6763; Ironic's names: ``baremetal._openstack._tcp.local.``, with the TXT keys ``path`` and ``protocol`` and, for
settings of the agent, ``ipa_<setting>``. Asked from a port of our own, so that every responder answers to us alone (section 6.7).
"""

import logging
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from agent.errors import LookupFailed
from agent.protocol.dns_message import (
    AAAA,
    SRV,
    TXT,
    A,
    BadMessage,
    Record,
    address_of,
    answers,
    question,
    texts_of,
)
from agent.protocol.web_address import is_web_address

log = logging.getLogger(__name__)
_GROUP_4, _GROUP_6, _PORT = "224.0.0.251", "ff02::fb", 5353
_MOST_BYTES = 9000
_HTTP_PORT = 80
_FIRST_WAIT_S = 0.5

Ask = Callable[[bytes, float], Iterable[bytes]]
"""Sends a question and gives the answers of so many seconds, one by one; whoever has heard enough stops listening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that was found: its address and the settings that came with it, by their names without ``ipa_``."""

    url: str
    settings: dict[str, str]


@dataclass(slots=True)
class _Found:
    server: Record | None = None
    texts: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, list[IPv4Address | IPv6Address]] = field(default_factory=dict)

    def add(self, record: Record, name: str) -> None:
        if record.kind == SRV and record.name == name:
            self.server = record
        elif record.kind == TXT and record.name == name:
            self.texts = texts_of(record)
        elif (address := address_of(record)) is not None:
            self.addresses.setdefault(record.name, []).append(address)


def find_service(kind: str, attempts: int, ask: Ask) -> Service:
    """Return the service ``kind`` (``baremetal``); each attempt waits twice as long as the one before.

    Raises:
        LookupFailed: Nobody answered, or not with an address that can be called.
    """
    name = f"{kind}._openstack._tcp.local"
    found = _Found()
    wait_s = _FIRST_WAIT_S
    for _ in range(attempts):
        server = _hear_server(found, ask(question(name, (SRV, TXT)), wait_s), name)
        if server is not None:
            _hear_address(found, ask, server.target, wait_s, name)
            if service := _service(found, server):
                log.info("found by mDNS", extra={"service": name, "url": service.url})
                return service
        wait_s *= 2
    raise LookupFailed(
        f"mDNS: no {name} after {attempts} questions; is the controller announced in this network, and multicast let through?"
    )


def _hear_server(found: _Found, messages: Iterable[bytes], name: str) -> Record | None:
    """Listen until somebody names the server; what others send meanwhile does not end it."""
    found.server = None
    for message in messages:
        _learn(found, message, name)
        if found.server is not None:
            break
    return found.server


def _hear_address(found: _Found, ask: Ask, target: str, wait_s: float, name: str) -> None:
    """Ask for an address of the server, if none came with its name."""
    if found.addresses.get(target):
        return
    for message in ask(question(target, (A, AAAA)), wait_s):
        _learn(found, message, name)
        if found.addresses.get(target):
            return


def _learn(found: _Found, message: bytes, name: str) -> None:
    try:
        for record in answers(message):
            found.add(record, name)
    except BadMessage as error:
        log.warning("an answer of mDNS is damaged", extra={"why": str(error)})


def _service(found: _Found, server: Record) -> Service | None:
    """Return the service at the first address that is not link-local, IPv4 before IPv6; its name where that is no local one."""
    usable = [a for a in found.addresses.get(server.target, []) if not a.is_link_local]
    usable.sort(key=lambda address: address.version)
    if not usable:
        return None
    protocol = found.texts.get("protocol") or ("http" if server.port == _HTTP_PORT else "https")
    host = str(usable[0]) if usable[0].version == 4 else f"[{usable[0]}]"  # noqa: PLR2004
    # A certificate has a name; a name of the local domain could not be looked up.
    if protocol == "https" and not server.target.endswith(".local"):
        host = server.target
    path = found.texts.get("path", "").strip("/")
    url = f"{protocol}://{host}:{server.port}" + (f"/{path}" if path else "")
    if not is_web_address(url):
        return None
    settings = {k[4:]: v for k, v in found.texts.items() if k.startswith("ipa_")}
    return Service(url=url, settings=settings)


def ask_network(message: bytes, wait_s: float) -> Iterator[bytes]:
    """Send ``message`` to the group on every interface, by IPv4 and IPv6; give what comes within ``wait_s``, as it comes.

    An interface on which nothing can be sent is left out: one without an address, for instance.
    """
    sockets = [*_open_4(), *_open_6()]
    try:
        for channel, target in sockets:
            try:
                channel.sendto(message, target)
            except OSError as error:
                log.debug("mDNS cannot ask", extra={"target": str(target), "why": str(error)})
        yield from _collect([channel for channel, _ in sockets], wait_s)
    finally:
        for channel, _ in sockets:
            channel.close()


def _collect(channels: Sequence[socket.socket], wait_s: float) -> Iterator[bytes]:
    deadline = time.monotonic() + wait_s
    while channels and (left_s := deadline - time.monotonic()) > 0:
        for channel in select.select(channels, [], [], left_s)[0]:
            yield channel.recv(_MOST_BYTES)


def _open_4() -> list[tuple[socket.socket, tuple[str, int]]]:
    opened = []
    for index, _ in socket.if_nameindex():
        channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        request = bytes(8) + index.to_bytes(4, "little")  # struct ip_mreqn, by interface index
        channel.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
        opened.append((channel, (_GROUP_4, _PORT)))
    return opened


def _open_6() -> list[tuple[socket.socket, tuple[str, int, int, int]]]:
    opened = []
    for index, _ in socket.if_nameindex():
        channel = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        channel.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        opened.append((channel, (_GROUP_6, _PORT, 0, index)))
    return opened
