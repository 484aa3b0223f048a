"""The collectors that every Linux machine offers, by the names of Ironic's agent; ``default`` and ``logs`` are the agent's own."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from agent.hardware.collecting import CollectContext, Collector
from agent.hardware.wishes import CollectWishes
from agent.system.sysfs import SysRoot
from hardware_managers.generic.collectors.buses import pci_devices, usb_devices
from hardware_managers.generic.collectors.dmi import dmi
from hardware_managers.generic.collectors.extra_hardware import LONGEST_BENCHMARKS_S, extra_hardware
from hardware_managers.generic.collectors.lldp import lldp
from hardware_managers.generic.collectors.numa import numa_topology

_SLACK_S = 15.0
"""Beside the wait for frames, and for the listing of the cards."""


def offered_collectors(root: SysRoot, wishes: CollectWishes) -> tuple[Collector, ...]:
    """Return the collectors as the agent's settings want them."""
    return (
        Collector(name="pci-devices", collect=_of_sysfs(pci_devices, root)),
        Collector(name="usb-devices", collect=_of_sysfs(usb_devices, root)),
        Collector(name="numa-topology", collect=_of_sysfs(numa_topology, root)),
        Collector(name="dmi-decode", collect=lambda context: dmi(context.runner)),
        Collector(
            name="lldp",
            collect=lambda context: lldp(context.hardware.nics(), wishes.lldp_timeout_s),
            timeout_s=wishes.lldp_timeout_s + _SLACK_S,
        ),
        Collector(
            name="extra-hardware",
            collect=lambda context: extra_hardware(context.hardware, root, wishes.benchmarks),
            timeout_s=LONGEST_BENCHMARKS_S if wishes.benchmarks else 60.0,
        ),
    )


def _of_sysfs(
    read: Callable[[SysRoot], Mapping[str, Any]], root: SysRoot
) -> Callable[[CollectContext], Mapping[str, Any]]:
    bound = partial(read, root)
    return lambda _context: bound()
