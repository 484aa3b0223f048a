"""Collectors of inspection data: named functions, so that plug-ins add their own (``ipa-inspection-collectors``)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.hardware.reading import MachineView
from agent.system.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectContext:
    """What a collector may use: the chain as far as it reads, and a runner of programs."""

    hardware: MachineView
    runner: Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """One collector; what it returns is added to the body of the inspection. ``is_default`` = it runs unless others are named.

    After ``timeout_s`` seconds nobody waits for it any longer, and more than ``most_bytes`` of JSON are not sent; either is told as the
    collector's failure, and everybody else's part is sent.
    """

    name: str
    collect: Callable[[CollectContext], Mapping[str, Any]]
    is_default: bool = False
    timeout_s: float = 60.0
    most_bytes: int = 1 << 20
