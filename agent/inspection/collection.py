"""Runs collectors: all at once, each with a deadline and a limit of bytes; one that hangs or fails loses its own part only.

What they return comes from firmware, switches and disks: it is cleaned before it is sent.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agent.errors import AgentError
from agent.hardware.collecting import CollectContext, Collector
from agent.protocol.foreign_text import Bounds, UnfitDocument, clean_document, clean_line

log = logging.getLogger(__name__)
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What came of it: the parts of the document, and for each collector that failed why."""

    parts: Mapping[str, Any]
    failures: Mapping[str, str]


def told(failures: Mapping[str, str]) -> list[str]:
    """Return failures by the names of collectors in words."""
    return [f"collector {name}: {why}" for name, why in failures.items()]


@dataclass(slots=True)
class _Run:
    """One collector at work in its own thread."""

    collector: Collector
    part: dict[str, Any] | None = None
    failure: str | None = None
    thread: threading.Thread = field(init=False)

    def start(self, context: CollectContext) -> None:
        name = f"collect {self.collector.name}"
        self.thread = threading.Thread(
            target=self._collect, args=(context,), name=name, daemon=True
        )
        try:
            self.thread.start()
        except RuntimeError as error:
            self.failure = f"not begun: {error}"

    def _collect(self, context: CollectContext) -> None:
        try:
            self.part = _checked(self.collector, self.collector.collect(context))
        except AgentError as error:
            self.failure = str(error)
        except Exception as error:  # a foreign plug-in: whatever it raises is its failure
            log.exception("collector failed", extra={"collector": self.collector.name})
            self.failure = f"{type(error).__name__}: {error}"

    def end(self, deadline: float) -> None:
        """Wait for it, at most until ``deadline`` on the monotonic clock."""
        if self.thread.ident is not None:
            self.thread.join(max(deadline - time.monotonic(), 0))
        if self.part is None and self.failure is None:
            self.failure = f"no end after {self.collector.timeout_s:g} s"


def select(
    wanted: Iterable[str], offered: Mapping[str, Collector]
) -> tuple[tuple[Collector, ...], Mapping[str, str]]:
    """Return the collectors that run, and failures of names that nobody offers.

    Args:
        wanted: Names, in any order; empty: those that run by default.
        offered: All collectors by name.
    """
    names = tuple(dict.fromkeys(wanted)) or tuple(n for n, c in offered.items() if c.is_default)
    known = ", ".join(sorted(offered))
    failures = {
        clean_line(name, _LONGEST_REASON): f"there is none of this name; there are {known}"
        for name in names
        if name not in offered
    }
    return tuple(offered[name] for name in names if name in offered), failures


def run(collectors: Iterable[Collector], context: CollectContext) -> Collection:
    """Run collectors side by side and return what all of them found; a key that two of them give is the first one's."""
    began = time.monotonic()
    runs = [_Run(collector) for collector in collectors]
    for one in runs:
        one.start(context)
    parts: dict[str, Any] = {}
    failures: dict[str, str] = {}
    for one in runs:
        one.end(began + one.collector.timeout_s)
        name = one.collector.name
        if one.failure is not None:
            failures[name] = clean_line(one.failure, _LONGEST_REASON)
            log.warning("nothing collected", extra={"collector": name, "why": failures[name]})
            continue
        part = one.part or {}
        if taken := sorted(set(part) & set(parts)):
            failures[name] = f"{', '.join(taken)} comes from another collector already"
        parts |= {key: value for key, value in part.items() if key not in parts}
    return Collection(parts=parts, failures=failures)


def _checked(collector: Collector, part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part as it may be sent.

    Raises:
        AgentError: It is no document, or too long.
    """
    try:
        bounds = Bounds(most_chars=collector.most_bytes)
        document = clean_document(msgspec.to_builtins(part, str_keys=True), bounds)
        length = len(msgspec.json.encode(document))
    except (UnfitDocument, msgspec.EncodeError, TypeError) as error:
        raise AgentError(f"what it found cannot be sent: {error}") from error
    if length > collector.most_bytes:
        raise AgentError(
            f"it found {length} bytes, more than the {collector.most_bytes} that are sent of it"
        )
    return dict(document)
