"""Asks real Ironic which port or port group gets a VIF; runs in its environment (``build/peers/ironic``), cases in, choices out, as JSON.

A case is ``{"ports": [...], "groups": [...], "wanted": {...}, "physical_network": ...}`` with the columns of the rows; a choice is the UUID of the place, or the
name of the exception.
"""

import importlib
import json
import sys
from types import SimpleNamespace
from typing import Any


def choice_of(common: Any, objects: Any, case: dict[str, Any]) -> str:
    """Return the choice of the real function for one case."""
    node = SimpleNamespace(uuid="n", get_interface=lambda _kind: "flat")
    task = SimpleNamespace(
        node=node,
        ports=[objects.Port(None, **values) for values in case["ports"]],
        portgroups=[objects.Portgroup(None, **values) for values in case["groups"]],
    )
    try:
        networks = {name for name in (case["physical_network"],) if name}
        found = common.get_free_port_like_object(task, "vif", networks, case["wanted"])
    except Exception as error:  # noqa: BLE001  # whichever it is, is the answer
        return type(error).__name__
    return str(found.uuid)


if __name__ == "__main__":
    all_objects = importlib.import_module("ironic.objects")
    all_objects.register_all()
    theirs = importlib.import_module("ironic.drivers.modules.network.common")
    cases = json.load(sys.stdin)
    json.dump([choice_of(theirs, all_objects, case) for case in cases], sys.stdout)
