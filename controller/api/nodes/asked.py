"""The node that a query names, where the path names none."""

from controller.api.call import Call
from controller.errors import Invalid
from controller.store.identity import is_uuid


def asked_node(call: Call) -> str:
    """Return the argument ``node`` or ``node_uuid``.

    Raises:
        Invalid: Neither is there, or ``node_uuid`` is no UUID.
    """
    uuid = call.query.get("node_uuid")
    if uuid is not None and not is_uuid(uuid):
        raise Invalid(f"Expected UUID for node_uuid: {uuid}")
    ident = uuid or call.query.get("node")
    if not ident:
        raise Invalid("Say which node: give ?node= (a UUID or name) or ?node_uuid=")
    return ident
