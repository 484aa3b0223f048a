"""An agent that came back in the same boot's place: the machine was reset, or the agent crashed.

It has no token, so it takes no orders, and it knows nothing of what the one before it did.
"""

from controller.workflow.stage import Context


def has_restarted(context: Context) -> bool:
    """Say whether the agent of this boot looked its node up once more without its token."""
    return isinstance(context.node.driver_internal_info.get("agent_restarted_at"), float)


def restart_words(context: Context) -> str:
    """Say what that means for the order that the agent was at, or for the next one."""
    order = context.data.get("order") or {}
    is_at_it = order.get("id") is not None
    what = (
        f"in the middle of {order['title']} and no longer knows of it"
        if is_at_it
        else "while it had nothing to do, and takes no orders any more"
    )
    loss = "; what it was writing is incomplete" if is_at_it else ""
    return (
        f"the agent on {context.label} restarted {what}: the machine was reset, lost power, or the agent crashed{loss}; look at "
        "the machine's console, then try again"
    )
