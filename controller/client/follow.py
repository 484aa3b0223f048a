"""Waits until a node rests, and shows it meanwhile."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from controller.client.api import Api, Document
from controller.client.errors import NotReached, Unreachable

_POLL_S = 0.5
_HOLD_ON_S = 60.0
"""A controller that restarts is waited for this long."""
_LAST_LINES = 8
_ABORTED = "Aborted by request"
"""How ``last_error`` begins after an abort; what the agent said about the step may follow."""
_TIDYING_FAILED = "; tidying up failed: "


def follow(
    api: Api, ident: str, wanted: str | None, timeout_s: float, show: Callable[[Document], None]
) -> Document:
    """Wait until the node rests in the state ``wanted`` (``None`` = in any) and return it.

    Raises:
        NotReached: It rests elsewhere, with the reason and the last lines of its history; or time ran out.
        Unreachable: The controller has not answered for a minute.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        node = _node(api, ident)
        show(node)
        state = node["provision_state"]
        if rests(node):
            if wanted is None or state == wanted:
                return node
            raise NotReached(_why(api, ident, node, f"is {state!r}, not {wanted!r}"))
        if time.monotonic() > deadline:
            raise NotReached(_why(api, ident, node, f"is still {state!r} after {timeout_s:g} s"))
        time.sleep(_POLL_S)


def require_tidied_up(api: Api, ident: str, node: Document) -> None:
    """Check that nothing has failed since the node, which rests now, was aborted: its machine is off, or runs its own system.

    Raises:
        NotReached: Something has, with the reason and the last lines of its history.
    """
    error = str(node["last_error"] or "")
    is_ours = "stage" in node  # others say it in other words
    is_clean = not error or (error.startswith(_ABORTED) and _TIDYING_FAILED not in error)
    if is_ours and not is_clean:
        raise NotReached(_why(api, ident, node, "was aborted, but not all went well after that"))


def rests(node: Mapping[str, Any]) -> bool:
    """Tell whether the controller has nothing more to do for the node.

    A state alone does not tell: an aborted service is ``service failed`` until its machine is back, and a node is ``deploy failed`` while its
    machine is switched off. ``stage`` (ours, other servers have none) is what is being done.
    """
    state = str(node["provision_state"])
    is_held = state.endswith(" hold")
    stage = node.get("stage")
    if stage is not None and not (is_held and str(stage).endswith(".hold")):
        return False
    return (
        is_held
        or state.endswith(" failed")
        or state == "error"
        or not node["target_provision_state"]
    )


def _node(api: Api, ident: str) -> Document:
    deadline = time.monotonic() + _HOLD_ON_S
    while True:
        try:
            return api.node(ident)
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)


def _why(api: Api, ident: str, node: Document, what: str) -> str:
    events = api.history(ident)[-_LAST_LINES:]
    lines = [f"  {event['created_at'][11:19]}  {event['event']}" for event in events]
    name = node["name"] or node["uuid"]
    last_error = node["last_error"] or _default_reason(node, name)
    return "\n".join([f"node {name} {what}: {last_error}", "what happened last:", *lines])


def _default_reason(node: Document, name: str) -> str:
    if str(node["provision_state"]).endswith(" hold"):
        return f"a step holds it; `ingot node unhold {name}` goes on, `ingot node abort {name}` ends it"
    return "the controller gives no reason"
