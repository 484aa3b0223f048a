"""Asks the matcher of ironic-python-agent; runs in its environment (``build/peers/ipa``), cases in, verdicts out, as JSON.

A case is ``{"hints": {...}, "devices": [...]}``; a verdict the names of the devices that match, in order, ``"refused"`` if the
hints are, or ``"undecided"`` if the matcher fails while it compares.
"""

import importlib
import json
import sys
from typing import Any


def verdict_of(matcher: Any, case: dict[str, Any]) -> Any:
    """Return the verdict of the real matcher about one case."""
    try:
        matcher.parse_root_device_hints(case["hints"])
    except Exception:  # noqa: BLE001  # it lets errors of its parser library through
        return "refused"
    try:
        found = matcher.find_devices_by_hints(case["devices"], case["hints"])
        return [device["name"] for device in found]
    except Exception:  # noqa: BLE001  # and those of Python's literal reader
        return "undecided"


if __name__ == "__main__":
    theirs = importlib.import_module("ironic_python_agent.device_hints")
    json.dump([verdict_of(theirs, case) for case in json.load(sys.stdin)], sys.stdout)
