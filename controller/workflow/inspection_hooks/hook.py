"""What an inspection hook is: a pure function of what is known, which says what it finds. Third parties bring their own by an entry point.

The result comes from a machine that nobody has logged in: whatever is taken from it is bounded and of the shape that is expected.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from controller.settings import Settings

GROUP = "ingot.inspection_hooks"
"""The entry point group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """A port that the node has before its inspection."""

    address: str
    pxe_enabled: bool
    physical_network: str | None
    local_link_connection: Mapping[str, Any]
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a hook sees: the result, and the node as the hooks before it have left it."""

    settings: Settings
    inventory: Mapping[str, Any]
    plugin_data: Mapping[str, Any]
    properties: Mapping[str, Any]
    ports: Mapping[str, PortFacts]
    """By MAC address, those that the ``ports`` hook makes among them."""
    disks_before: tuple[str, ...] | None
    """Serial numbers of the disks that the last inspection found; ``None`` = there was none."""
    is_told_by_bmc: bool = False
    """No ramdisk has looked: what is missing is not known, and fails nothing. BMCs do not know what a system calls its disks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a hook finds."""

    properties: Mapping[str, Any] = field(default_factory=dict)
    capabilities: Mapping[str, str] = field(default_factory=dict)
    """For ``properties.capabilities``, beside what stands there."""
    plugin_data: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    """Keys of plugin data that go."""
    new_ports: tuple[PortFacts, ...] = ()
    old_ports: tuple[str, ...] = ()
    """Ports that go, by MAC address."""
    ports: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Changes of ports, by MAC address."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """An inspection hook.

    ``prepare`` runs before ``run`` of all hooks, as Ironic's ``preprocess``. Both raise ``StepFailed`` where the inspection must fail.
    """

    run: Callable[[Seen], Found] | None = None
    prepare: Callable[[Seen], Found] | None = None
    after: tuple[str, ...] = ()
    """Hooks that must be enabled before it."""


def after(seen: Seen, found: Found) -> Seen:
    """Return what the next hook sees."""
    data = {**seen.plugin_data, **found.plugin_data}
    ports = {
        address: port for address, port in seen.ports.items() if address not in found.old_ports
    }
    ports |= {port.address: port for port in found.new_ports if port.address not in ports}
    ports |= {
        address: replace(ports[address], **changes)
        for address, changes in found.ports.items()
        if address in ports
    }
    return replace(
        seen,
        properties={**seen.properties, **found.properties},
        plugin_data={key: value for key, value in data.items() if key not in found.dropped},
        ports=ports,
    )
