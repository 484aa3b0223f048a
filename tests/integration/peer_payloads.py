"""Gives the payloads of real Ironic's notifications; runs in its environment (``build/peers/ironic``), rows in, payloads out, as JSON.

A row is ``{"word": "port", "values": {...}, "more": {...}}``: columns of Ironic's object, and what its payload is told beside.
"""

import importlib
import json
import sys
from typing import Any


def payload_of(utils: Any, notification: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Return the payload as it goes on the bus, with its event type's object."""
    _, payload_class = utils.CRUD_NOTIFY_OBJ[row["word"]]
    module = importlib.import_module(payload_class.__module__)
    made = getattr(module, payload_class.__name__.removesuffix("CRUDPayload"))(None)
    for name, value in row["values"].items():
        if name in made.fields:
            setattr(made, name, value)
    payload = payload_class(made, **row["more"])
    notification.mask_secrets(payload)
    found: dict[str, Any] = payload.obj_to_primitive()
    return {key: found[key] for key in found if key != "ironic_object.changes"}


if __name__ == "__main__":
    importlib.import_module("ironic.objects").register_all()
    theirs = importlib.import_module("ironic.api.controllers.v1.notification_utils")
    kinds = sorted(word for word in theirs.CRUD_NOTIFY_OBJ if word != "node")
    module_of_all = importlib.import_module("ironic.objects.notification")
    rows = json.load(sys.stdin)
    payloads = [payload_of(theirs, module_of_all, row) for row in rows]
    json.dump({"kinds": kinds, "payloads": payloads}, sys.stdout)
