"""Whether ports are where their administrator says, as far as switches have said it by LLDP in the last inspection. Pure.

What was entered is never changed by this. A port that is elsewhere is not attached: the change would hit somebody else's machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.errors import Invalid
from controller.workflow.inspection_hooks.switches import links, misplaced
from controller.workflow.networks.plan import Attachment, Moment, PortFacts

REFUSE, WARN, OFF = "refuse", "warn", "off"
"""The setting ``network_link_check``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A plan as it may be carried out."""

    plan: tuple[Attachment, ...]
    warnings: tuple[str, ...] = ()


def contradictions(
    ports: Sequence[PortFacts], inspected: Mapping[str, Any] | None
) -> Mapping[str, str]:
    """Return for each port that is elsewhere a sentence, by MAC address.

    Args:
        ports: Of one node.
        inspected: What its last inspection found (``nodes.inventory``); ``None`` = there was none.
    """
    inventory = (inspected or {}).get("inventory") or {}
    if not isinstance(inventory.get("interfaces"), list):
        return {}
    said = links(inventory, (inspected or {}).get("plugin_data") or {})
    found = {port.address: misplaced(port.link, said.get(port.address, {})) for port in ports}
    return {
        address: (
            f"port {address} is plugged in elsewhere than its local_link_connection says: {' and '.join(words)} (by LLDP, in the last "
            "inspection); look at the cable, or correct local_link_connection, and inspect the node again"
        )
        for address, words in found.items()
        if words
    }


def judge(
    plan: Sequence[Attachment],
    moment: Moment,
    found: Mapping[str, str],
    check: str,
    attached: Mapping[str, tuple[str, str]],
) -> Judged:
    """Say what of a plan may be carried out.

    Args:
        plan: Of one node.
        moment: Of the plan; during an inspection nothing is refused, as it finds out what is right.
        found: :func:`contradictions`.
        check: The setting ``network_link_check``.
        attached: The place at which a port was attached last, by the port's UUID: it is taken out there whatever LLDP says.

    Raises:
        Invalid: A port that is elsewhere was to be attached, and the setting refuses that.
    """
    if check == OFF:
        return Judged(plan=tuple(plan))
    kept, warnings = [], []
    for one in plan:
        text = found.get(one.address)
        if text is None:
            kept.append(one)
        elif check == WARN or moment is Moment.INSPECTION:
            kept.append(one)
            warnings.append(text)
        elif one.network != Moment.IDLE:
            raise Invalid(f"nothing was changed at switch {one.switch}: {text}")
        elif attached.get(one.uuid) == (one.switch, one.port):
            kept.append(one)
        else:
            warnings.append(f"{one} is left as it is: {text}")
    return Judged(plan=tuple(kept), warnings=tuple(warnings))
