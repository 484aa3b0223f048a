"""Asks all RAID configurators the same thing at once, each with its own deadline: one that hangs costs only its own logical disks.

Only for questions that change nothing: who does not answer in time is left behind with its question.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.errors import AgentError
from agent.hardware.raiding import RaidConfigurator

log = logging.getLogger(__name__)
LIMIT_S = 150.0
"""A vendor's program has 120 s for a controller with a busy drive."""
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers(Generic[_Answer]):
    """What each said by name, and why others said nothing."""

    given: Mapping[str, _Answer]
    silent: Mapping[str, str]

    def silence(self) -> str:
        """Return who did not answer and why, for a sentence; empty = all did."""
        return "; ".join(f"{name} did not answer: {why}" for name, why in self.silent.items())


def ask_each(
    configurators: Sequence[RaidConfigurator],
    question: Callable[[RaidConfigurator], _Answer],
    limit_s: float | None = None,
) -> Answers[_Answer]:
    """Ask all of them; ``limit_s`` ``None`` = :data:`LIMIT_S`."""
    limit_s = LIMIT_S if limit_s is None else limit_s
    given: dict[str, _Answer] = {}
    failed: dict[str, str] = {}

    def ask(one: RaidConfigurator) -> None:
        try:
            given[one.name] = question(one)
        except AgentError as error:
            failed[one.name] = str(error)
        except Exception as error:
            log.exception("a RAID configurator has a fault", extra={"configurator": one.name})
            failed[one.name] = f"{type(error).__name__}: {error}"

    threads = [
        threading.Thread(target=ask, args=(one,), name=f"raid-{one.name}", daemon=True)
        for one in configurators
    ]
    for thread in threads:
        thread.start()
    give_up_at = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, give_up_at - time.monotonic()))
    in_time = dict(given)
    answers = {one.name: in_time[one.name] for one in configurators if one.name in in_time}
    late = f"no answer within {limit_s:g} s"
    silent = {
        one.name: failed.get(one.name, late) for one in configurators if one.name not in answers
    }
    for name, why in silent.items():
        log.warning("a RAID configurator does not answer", extra={"configurator": name, "why": why})
    return Answers(given=answers, silent=silent)
