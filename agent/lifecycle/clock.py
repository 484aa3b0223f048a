"""Sets the machine's clock before the first certificate is made or verified.

A machine whose battery is empty believes that it is 2000. In order: the time servers of the kernel argument
``ipa-ntp-server``, those of the DHCP answer (option 42), the ``Date`` of the controller if it is spoken to by plain http (then
nobody has promised anything about it; by https an attacker could make an old certificate good by it).
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.protocol.clocks import ask_date
from agent.system.clock import SystemClock, ask_time_server

log = logging.getLogger(__name__)
_ANSWER_S = 2.0
_TRIES = 2
_NTP_SLACK_S = 0.5
_DATE_SLACK_S = 5.0
"""A ``Date`` has whole seconds and the way of the answer in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSources:
    """Whom to ask, in order."""

    servers: tuple[str, ...] = ()
    """Of the operator."""
    servers_file: Path | None = None
    """Where the DHCP client writes those of its answer, separated by blanks; ``None`` = nowhere."""
    urls: tuple[str, ...] = ()
    """Of the controller."""


def set_clock(sources: TimeSources, clock: SystemClock) -> None:
    """Ask until somebody answers, and set the clock if it is wrong; whatever fails is logged, for the agent can go on."""
    for name, ask, slack_s in _questions(sources, clock):
        try:
            offset_s = ask()
        except (OSError, ValueError) as error:
            log.warning("no time from %s", name, extra={"why": str(error)})
            continue
        if offset_s is None:
            log.warning("no time from %s", name, extra={"why": "it does not say its date"})
            continue
        _apply(name, offset_s, slack_s, clock)
        return
    log.info("the clock was not compared: there is no time server and no http controller to ask")


def _questions(
    sources: TimeSources, clock: SystemClock
) -> Iterator[tuple[str, Callable[[], float | None], float]]:
    for server in (*sources.servers, *_of_dhcp(sources.servers_file)):
        for _try in range(_TRIES):
            yield server, partial(ask_time_server, server, _ANSWER_S, clock), _NTP_SLACK_S
    for url in sources.urls:
        if url.startswith("http://"):
            yield url, partial(_by_date, url, clock), _DATE_SLACK_S


def _of_dhcp(file: Path | None) -> Sequence[str]:
    try:
        return file.read_text().split() if file else ()
    except OSError:  # no card has been told of one
        return ()


def _by_date(url: str, clock: SystemClock) -> float | None:
    date = ask_date(url, _ANSWER_S)
    return None if date is None else date - clock.now()


def _apply(name: str, offset_s: float, slack_s: float, clock: SystemClock) -> None:
    data = {"source": name, "offset_s": round(offset_s, 3)}
    if abs(offset_s) <= slack_s:
        log.info("the clock is right", extra=data)
        return
    try:
        clock.set(clock.now() + offset_s)
    except OSError as error:
        log.warning("the clock is wrong and could not be set", extra={**data, "why": str(error)})
        return
    log.warning("the clock was wrong and has been set", extra=data)
