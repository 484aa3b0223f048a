"""What an inspection's result comes to when all hooks have seen it. Pure.

A hook that fails, fails the inspection with its name; a third party's that breaks does so, too.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.protocol.foreign_text import clean_line
from controller.errors import StepFailed
from controller.workflow.inspection_hooks.hook import Found, Hook, PortFacts, Seen, after

log = logging.getLogger(__name__)

_LONGEST_WARNING = 2000
_MOST_WARNINGS = 20
_NOT_KEPT = frozenset({"inventory", "logs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """An accepted result."""

    inventory: Mapping[str, Any]
    plugin_data: Mapping[str, Any]
    properties: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, str] = field(default_factory=dict)
    """For ``properties.capabilities``, beside what stands there."""
    new_ports: tuple[PortFacts, ...] = ()
    old_ports: tuple[str, ...] = ()
    """Ports that go, by MAC address."""
    ports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Changes of ports, by MAC address."""
    incomplete: tuple[str, ...] = ()
    """What the ramdisk could not find out, in its words."""
    warnings: tuple[str, ...] = ()
    """What hooks want people to know."""

    @property
    def summary(self) -> str:
        """Return the machine in one line."""
        lists = [
            f"{len(self.inventory.get(name) or ())} {name}" for name in ("interfaces", "disks")
        ]
        facts = [f"{name} {value}" for name, value in self.properties.items()]
        return clean_line(", ".join(lists + facts), _LONGEST_WARNING)


def read_findings(document: Mapping[str, Any], hooks: Mapping[str, Hook], seen: Seen) -> Findings:
    """Read a result that has ``inventory.interfaces``.

    Args:
        document: The body of ``continue_inspection``.
        hooks: Those that are enabled, by name, in their order.
        seen: The node as it is; inventory and plugin data are taken from ``document``.

    Raises:
        StepFailed: A hook refuses it.
    """
    inventory = document["inventory"]
    data = {key: value for key, value in document.items() if key not in _NOT_KEPT}
    seen = replace(seen, inventory=inventory, plugin_data=data)
    found = Findings(
        inventory=inventory, plugin_data=data, incomplete=_warnings(document.get("warnings"))
    )
    parts = [(name, hook.prepare) for name, hook in hooks.items()]
    for name, part in (*parts, *((name, hook.run) for name, hook in hooks.items())):
        if part is not None:
            made = _made(name, part, seen)
            seen = after(seen, made)
            found = _with(found, made)
    return replace(found, plugin_data={k: v for k, v in seen.plugin_data.items() if k != "error"})


def _made(name: str, part: Any, seen: Seen) -> Found:
    try:
        made = part(seen)
    except StepFailed:
        raise
    except Exception as error:
        log.exception("the inspection hook %s broke", name)
        raise StepFailed(f"the inspection hook {name} broke: {type(error).__name__}") from error
    if not isinstance(made, Found):
        raise StepFailed(f"the inspection hook {name} found nothing of the right kind")
    return made


def _with(found: Findings, made: Found) -> Findings:
    ports = {mac: dict(changes) for mac, changes in found.ports.items()}
    for mac, changes in made.ports.items():
        ports[mac] = {**ports.get(mac, {}), **changes}
    return replace(
        found,
        properties={**found.properties, **made.properties},
        capabilities={**found.capabilities, **made.capabilities},
        new_ports=(*found.new_ports, *made.new_ports),
        old_ports=(*found.old_ports, *made.old_ports),
        ports=ports,
        warnings=(*found.warnings, *made.warnings)[:_MOST_WARNINGS],
    )


def _warnings(told: Any) -> tuple[str, ...]:
    listed = told[:_MOST_WARNINGS] if isinstance(told, list) else []
    return tuple(
        clean_line(one, _LONGEST_WARNING) for one in listed if isinstance(one, str) and one
    )
