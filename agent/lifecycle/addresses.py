"""Under which address the controller can call this machine."""

import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from agent.errors import LookupFailed
from agent.hardware.devices import NetworkInterface

log = logging.getLogger(__name__)
_PAUSE_S = 0.1
_PORTS = {"http": 80, "https": 443}

Wait = Callable[[float], bool]


def source_address(url: str) -> str | None:
    """Return the address this machine would send from to reach ``url``; ``None`` = there is no route yet, or no name service.

    Nothing is sent: connecting a UDP socket only asks the kernel for the route. Link-local addresses do not count.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 80)
    try:
        targets = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_DGRAM)
    except socket.gaierror:
        return None
    for family, kind, protocol, _, target in targets:
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.connect(target)
            except OSError:
                continue
            source = str(probe.getsockname()[0])
        if not ipaddress.ip_address(source).is_link_local:
            return source
    return None


def wait_for_source_address(urls: Sequence[str], timeout_s: float, wait: Wait) -> str:
    """Return the source address of the route to the first of ``urls`` that has one, as soon as there is one.

    Raises:
        LookupFailed: There is none within ``timeout_s``, or ``wait`` says that the agent shall end.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        for url in urls:
            address = source_address(url)
            if address is not None:
                return address
        if time.monotonic() > deadline or wait(_PAUSE_S):
            raise LookupFailed(
                f"no route to {', '.join(urls)} after {timeout_s:g} s; check the cabling, the DHCP server and ipa-api-url"
            )


def interface_address(nics: Sequence[NetworkInterface], name: str) -> str:
    """Return the IPv4 address, else the IPv6 address, of the interface ``name``.

    Raises:
        LookupFailed: There is no such interface, or it has no address.
    """
    for nic in nics:
        address = nic.ipv4 or nic.ipv6
        if nic.name == name and address is not None:
            return address
    known = ", ".join(f"{nic.name} ({nic.ipv4 or nic.ipv6 or 'no address'})" for nic in nics)
    raise LookupFailed(
        f"ipa-network-interface={name}: no such interface with an address; there are: {known}"
    )


def callback_url(protocol: str, host: str, port: int) -> str:
    """Return the URL of the agent's API; an IPv6 address is put into brackets."""
    shown = f"[{host}]" if ":" in host else host
    return f"{protocol}://{shown}:{port}"
