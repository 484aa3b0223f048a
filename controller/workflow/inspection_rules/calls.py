"""The action ``api-call``: a GET to a service of the site, whose answer says no more than that it was taken.

What a machine says may stand in the path and the query, encoded, and never says whom the controller calls. It calls neither itself
nor the addresses of one link, where clouds keep their secrets (``docs/decisions/0057-inspection-rules.md``).
"""

import ipaddress
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from agent.protocol.web_address import shown_url
from controller.peers.http import Answer, Limits, PeerFailed, to_service
from controller.workflow.inspection_rules.allowance import Allowance
from controller.workflow.inspection_rules.fault import RuleFault
from controller.workflow.inspection_rules.interpolation import Scope, filled

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_TIMEOUT_S, _MOST_TIMEOUT_S = 5.0, 30.0
_RETRIES, _MOST_RETRIES = 3, 5
_BACKOFF, _MOST_BACKOFF_S = 0.3, 5.0
_MOST_BYTES = 1 << 20
_AGAIN = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_UNESCAPED = ":,._~-"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRules:
    """Where rules may call."""

    networks: Sequence[Network] = ()
    """Allowed although they are of this machine or of one link."""

    def scope(self, scope: Scope, url: Any) -> Scope:
        """Return the scope in which a URL is filled: what machines say is encoded.

        Raises:
            RuleFault: The host would be chosen by a machine.
        """
        encoded = replace(scope, treat=lambda text: quote(text, safe=_UNESCAPED))
        without = replace(scope, treat=lambda _text: "")
        if _origin(filled(url, encoded)) != _origin(filled(url, without)):
            raise RuleFault(
                "url must name its host itself: what a machine says may stand in its path and its query alone"
            )
        return encoded

    def may_connect(self, address: str) -> bool:
        """Say whether a rule may call an IP address."""
        found = ipaddress.ip_address(address.partition("%")[0])
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        found = mapped or found
        is_close = found.is_loopback or found.is_link_local
        is_odd = found.is_multicast or found.is_unspecified
        return not (is_close or is_odd) or any(found in network for network in self.networks)


def call(args: Mapping[str, Any], rules: CallRules, allowance: Allowance) -> None:
    """Make the call, again after faults that may pass.

    Raises:
        RuleFault: It was not taken.
    """
    url, headers = args["url"], _texts(args.get("headers"), "headers")
    proxy = _texts(args.get("proxies"), "proxies").get(_origin(url)[0])
    timeout_s = _number(args, "timeout", _TIMEOUT_S, _MOST_TIMEOUT_S)
    retries = int(_number(args, "retries", _RETRIES, _MOST_RETRIES))
    backoff_s = _number(args, "backoff_factor", _BACKOFF, _MOST_BACKOFF_S)
    if timeout_s <= 0:
        raise RuleFault("timeout must be above 0")
    problem = ""
    with to_service(proxy) as door:
        for turn in range(retries + 1):
            if turn:
                time.sleep(min(backoff_s * 2 ** (turn - 1), _MOST_BACKOFF_S, allowance.left_s()))
            limits = Limits(
                total_s=min(timeout_s, allowance.left_s()),
                most_bytes=_MOST_BYTES,
                may_connect=rules.may_connect,
            )
            try:
                answer = door.call("GET", url, limits, headers=headers)
            except PeerFailed as error:
                problem = str(error)
                continue
            if answer.status not in _AGAIN or turn == retries:
                _check(answer, url)
                return
    raise RuleFault(f"{shown_url(url)} {problem}")


def _check(answer: Answer, url: str) -> None:
    if not answer.is_ok:
        raise RuleFault(f"{shown_url(url)} answers {answer.status} {answer.reason}")


def _origin(url: Any) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return parts.scheme.lower(), parts.netloc
    except (ValueError, TypeError, AttributeError) as error:
        raise RuleFault("url must be an http or https URL") from error


def _texts(value: Any, name: str) -> dict[str, str]:
    if not value:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise RuleFault(f"{name} must be an object of texts")
    return value


def _number(args: Mapping[str, Any], name: str, usual: float, most: float) -> float:
    try:
        value = float(args.get(name, usual))
    except (TypeError, ValueError) as error:
        raise RuleFault(f"{name} must be a number") from error
    if math.isnan(value):
        raise RuleFault(f"{name} must be a number")
    return min(max(value, 0.0), most)
