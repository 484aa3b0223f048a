"""Loads hardware managers that were written for ironic-python-agent."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

from agent.errors import PluginError
from agent.hardware.capabilities import HardwareManager
from agent.hardware.plugins import load_hardware
from agent.system.runner import Runner
from hardware_managers.ipa_compatibility import base_classes, import_names
from hardware_managers.ipa_compatibility.adapter import adapt
from hardware_managers.ipa_compatibility.native import Native, install

OWN_NAME = "ipa_compatibility"
"""Our own entry point, left out of the chain that plug-ins call."""


def load(runner: Runner, found: Iterable[EntryPoint]) -> list[HardwareManager]:
    """Return what the plug-ins of these entry points offer; the best first, none that does not know this machine.

    Raises:
        PluginError: One cannot be imported, or failed while it looked for its hardware.
    """
    import_names.provide()
    install(Native(runner, lambda: load_hardware(runner, without=(OWN_NAME,))))
    base_classes.use_managers(())
    ranked = sorted(
        ((plugin, support) for plugin, support in map(_load, found) if support > 0),
        key=lambda pair: -pair[1],
    )
    base_classes.use_managers([plugin for plugin, _ in ranked])
    for plugin, _ in ranked:
        _ask(plugin, "initialize")
    return [adapt(plugin, support) for plugin, support in ranked]


def _load(point: EntryPoint) -> tuple[base_classes.HardwareManager, int]:
    try:
        plugin = point.load()()
    except Exception as error:  # a foreign plug-in: whatever it raises is reported with its name
        raise PluginError(
            f"hardware manager {point.name} ({point.value}), written for ironic-python-agent, cannot be loaded: "
            f"{type(error).__name__}: {error}; what it imports has to be in the ramdisk too"
        ) from error
    return plugin, int(_ask(plugin, "evaluate_hardware_support"))


def _ask(plugin: base_classes.HardwareManager, method: str) -> Any:
    try:
        return getattr(plugin, method)()
    except Exception as error:  # as above
        raise PluginError(
            f"hardware manager {type(plugin).__name__}, written for ironic-python-agent, failed in {method}: "
            f"{type(error).__name__}: {error}"
        ) from error
