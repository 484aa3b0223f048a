"""How calls to peers fail: the errors, what a call may cost, and words for what the peer did, without its address."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from agent.protocol.clocks import date_problem, find_cause
from controller.peers.budget import AddressRefused, Budget

HEAD_BYTES = 256 * 1024
"""For a head and everything before it, proxies' and provisional answers included."""
_DATE_S = 1.0
"""Longest wait for the peer's date when its certificate does not fit this machine's; beyond the call's own deadline."""
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (AddressRefused, "has an address that such a call may not go to"),
    (ssl.SSLError, "failed in the TLS handshake"),
    (ConnectionRefusedError, "refused the connection"),
    (socket.gaierror, "has a name that the name server does not know"),
    (OSError, "cannot be reached, or broke the connection"),
)
"""Words for the cause of a failure, the first that fits."""
_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's ``X509_V_ERR_HOSTNAME_MISMATCH`` and ``X509_V_ERR_IP_ADDRESS_MISMATCH``."""


class PeerFailed(Exception):
    """A call got no answer that can be used; the text says what the peer did, without the address."""


class PeerSilent(PeerFailed):
    """No answer, or no whole one, before the deadline; trying again may help."""


class PeerNotTrusted(PeerSilent):
    """The peer's certificate is not trusted."""


class PeerMisnamed(PeerNotTrusted):
    """The peer's certificate is of an authority that is trusted, and for another name than the peer is asked by."""


class PeerMisbehaved(PeerFailed):
    """The peer answered what it must not: too much, packed, or a redirect to where no call may go."""


class BadAddress(PeerFailed):
    """The URL is none that can be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a call may cost."""

    total_s: float
    """From its begin to the last byte of the body, redirects included."""
    most_bytes: int
    """Of the answer's body."""
    may_connect: Callable[[str], bool] | None = None
    """Says whether an IP address may be called, a proxy's too; ``None`` = every one."""


def too_much(limits: Limits) -> PeerMisbehaved:
    """Return the error of a peer that sends too much."""
    return PeerMisbehaved(
        f"sends more than the {HEAD_BYTES} bytes that a head or the {limits.most_bytes} bytes that its body may have"
    )


def failure(error: Exception, url: str, budget: Budget, limits: Limits) -> PeerFailed:
    """Say what went wrong; the library's own words have the URL in them, and with it the token."""
    if budget.is_exceeded:
        return too_much(limits)
    came_bytes = budget.bytes_received
    if budget.is_late or find_cause(error, TimeoutError):
        came = f"{came_bytes} bytes of an answer came" if came_bytes else "nothing came"
        return PeerSilent(f"did not answer within {limits.total_s:g} s ({came})")
    if refused := find_cause(error, ssl.SSLCertVerificationError):
        return _not_trusted(refused, url)
    for kind, words in _CAUSES:
        if find_cause(error, kind):
            return PeerSilent(words)
    if came_bytes:
        return PeerSilent(f"broke off after {came_bytes} bytes, or what it sent is no HTTP")
    return PeerSilent("ended the connection without an answer")


def _not_trusted(refused: ssl.SSLCertVerificationError, url: str) -> PeerSilent:
    if problem := date_problem(refused, url, _DATE_S):
        return PeerSilent(problem)
    if refused.verify_code in _OTHER_NAME:
        return PeerMisnamed("has a TLS certificate for another name than it is asked by")
    return PeerNotTrusted("has another TLS certificate than the one that is trusted")
