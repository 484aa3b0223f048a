"""Under which names plug-ins for ironic-python-agent find their base classes."""

import sys
import types
from importlib.util import find_spec

from agent.errors import PluginError
from hardware_managers.ipa_compatibility import base_classes, errors, programs

PACKAGE = "ironic_python_agent"
_MODULES = {
    "hardware": base_classes,
    "errors": errors,
    "exceptions": errors,  # the project's own example for disks imports this name
    "utils": programs,
}


def provide() -> None:
    """Make ``ironic_python_agent`` and its modules importable in this process.

    Raises:
        PluginError: The real one is installed: two agents in one ramdisk would be confused with each other.
    """
    if PACKAGE in sys.modules:
        return
    if find_spec(PACKAGE) is not None:
        raise PluginError(
            "ironic-python-agent itself is installed beside this agent; take it out of the ramdisk, its "
            "hardware managers need only the element ingot-ipa-managers"
        )
    package = types.ModuleType(
        PACKAGE, "Stands in for ironic-python-agent, for its hardware managers."
    )
    package.__path__ = []
    sys.modules[PACKAGE] = package
    for name, module in _MODULES.items():
        sys.modules[f"{PACKAGE}.{name}"] = module
        setattr(package, name, module)
