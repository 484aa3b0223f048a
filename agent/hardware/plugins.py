"""Finds hardware managers by their entry points.

An entry point is a function ``probe(runner)``. It returns a ``HardwareManager``, several, or ``None``: not my hardware. A plug-in that
cannot be loaded stops the agent with its name: a machine must not be cleaned by the wrong manager in silence.

There are two groups. What reads the machine is loaded before the lookup, for it is asked there; everything else is loaded after the
first heartbeat. A plug-in that does not know better names the first group: it is complete there, the machine only starts later.
"""

import logging
from collections.abc import Collection, Iterable
from importlib.metadata import EntryPoint
from typing import Any, NoReturn

from stevedore import ExtensionManager

from agent.errors import PluginError
from agent.hardware.capabilities import HardwareManager
from agent.hardware.registry import Hardware
from agent.system.runner import Runner

log = logging.getLogger(__name__)
GROUP = "ingot.hardware_managers"
LATE = ".late"
"""Ends the name of the group of those that the lookup does not need."""


def load_hardware(runner: Runner, group: str = GROUP, *, without: Collection[str] = ()) -> Hardware:
    """Load every plug-in but those named in ``without`` and ask it whether this is its hardware.

    Raises:
        PluginError: One cannot be imported, fails in its probe, or contradicts another; or there is none at all.
    """
    hardware = load_for_lookup(runner, group, without=without)
    hardware.complete()
    return hardware


def load_for_lookup(
    runner: Runner, group: str = GROUP, *, without: Collection[str] = ()
) -> Hardware:
    """Load the plug-ins that read the machine; the others come with ``complete`` of the chain that is returned.

    Raises:
        PluginError: As of ``load_hardware``.
    """
    managers = _load(runner, group, without)
    if not managers:
        raise PluginError(f"no hardware manager of group {group} is for this machine; install one")
    hardware = Hardware(managers, lambda: _load(runner, group + LATE, without))
    loaded = [f"{m.name} {m.version}" for m in hardware.managers]
    log.info("hardware managers for the lookup loaded", extra={"managers": ", ".join(loaded)})
    return hardware


def import_plugins(group: str = GROUP) -> ExtensionManager[Any]:
    """Import every plug-in of a group and ask none; the next call finds its modules loaded.

    Raises:
        PluginError: One cannot be imported.
    """
    return ExtensionManager(group, on_load_failure_callback=_refuse)


def _load(runner: Runner, group: str, without: Collection[str]) -> list[HardwareManager]:
    managers: list[HardwareManager] = []
    for extension in import_plugins(group):
        if extension.name in without:
            continue
        found = _probe(extension.entry_point_target, extension.plugin, runner)
        if not found:
            log.info("hardware manager not for this machine", extra={"plugin": extension.name})
        managers += found
    return managers


def _refuse(_manager: object, entry_point: EntryPoint, error: BaseException) -> NoReturn:
    raise PluginError(
        f"hardware manager {entry_point.name} ({entry_point.value}) cannot be loaded: "
        f"{type(error).__name__}: {error}; repair it or take it out of the ramdisk"
    ) from error


def _probe(target: str, probe: Any, runner: Runner) -> tuple[HardwareManager, ...]:
    try:
        found = probe(runner)
        if found is None or isinstance(found, HardwareManager):
            managers = () if found is None else (found,)
        else:
            is_several = isinstance(found, Iterable) and not isinstance(found, str)
            managers = tuple(found) if is_several else (found,)
    except Exception as error:  # a foreign plug-in: whatever it raises is reported with its name
        raise PluginError(
            f"hardware manager {target} failed while it looked for its hardware: {type(error).__name__}: {error}"
        ) from error
    for manager in managers:
        if not isinstance(manager, HardwareManager):
            raise PluginError(
                f"hardware manager {target} returned a {type(manager).__name__}, not a HardwareManager, several or None"
            )
    return managers
