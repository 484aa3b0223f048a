"""What can be set for ``make simulate``, from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``speed`` divides the machines' times, not those between two heartbeats."""

    nodes: int = 10_000
    wave: int = 1_000
    """How many of them are cleaned and deployed at once; the others have an agent that waits."""
    controllers: int = 1
    postgres: bool = False
    kill: bool = False
    """Kill a controller in the middle of the deployments."""
    heartbeat_s: float = 60.0
    quiet_s: float = 60.0
    """How long only heartbeats are measured, before the wave."""
    longest_s: float = 3600.0
    speed: float = 1.0
    hanging_boots: float = 0.01
    failing_steps: float = 0.005
    callback_timeout_s: float = 600.0
    """How long a boot that hangs is waited for."""
    seed: int = 10
    agent_port: int = 9999
    """Of every agent; each has an address of its own."""


def read_options(environment: Mapping[str, str]) -> Options:
    """Return what ``SIMULATE_<FIELD>`` says; ``SIMULATE_NODES`` comes from ``make simulate NODES=...``.

    Raises:
        ValueError: A value is no number.
    """
    found = dict[str, Any]()
    for name, default in _defaults().items():
        text = environment.get(f"SIMULATE_{name.upper()}")
        if text:
            found[name] = (
                text in {"1", "true"} if isinstance(default, bool) else type(default)(text)
            )
    options = Options(**found)
    if options.wave > options.nodes:
        return read_options({**environment, "SIMULATE_WAVE": str(options.nodes)})
    return options


def _defaults() -> dict[str, bool | int | float]:
    plain = Options()
    return {name: getattr(plain, name) for name in Options.__slots__}
