"""The entry point: every installed hardware manager for ironic-python-agent that knows this machine."""

from collections.abc import Iterable
from importlib.metadata import entry_points

from agent.hardware.capabilities import HardwareManager
from agent.system.runner import Runner

GROUP = "ironic_python_agent.hardware_managers"


def probe(runner: Runner) -> Iterable[HardwareManager] | None:
    """Return what the installed plug-ins offer; ``None`` = there is none, or none knows this machine.

    Raises:
        PluginError: One cannot be imported, or failed while it looked for its hardware.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    if not found:
        return None
    # Every machine's lookup waits for this module, and few ramdisks have such plug-ins.
    from hardware_managers.ipa_compatibility import plugins  # noqa: PLC0415

    return plugins.load(runner, found) or None
