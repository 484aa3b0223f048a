"""Asks Ironic's ``parse-lldp`` and ``local-link-connection`` hooks; runs in its environment (``build/peers/ironic``).

Standard input: raw TLVs of one interface, ``[[type, hexadecimal value], ...]``, or a list of such lists; standard output: what the hook
makes of each, as JSON.
"""

import importlib
import json
import sys
from typing import Any


def parsed_by(hook: Any, raw: list[list[Any]]) -> Any:
    """Return ``parsed_lldp`` of one interface, ``"failed"`` if the hook lets an error through."""
    try:
        return hook._parse_lldp_tlvs(raw, "node")  # the hook itself wants a task and a database
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return f"failed: {type(error).__name__}"


if __name__ == "__main__":
    theirs = importlib.import_module("ironic.drivers.modules.inspector.hooks.parse_lldp")
    hook = theirs.ParseLLDPHook()
    json.dump([parsed_by(hook, raw) for raw in json.load(sys.stdin)], sys.stdout)
