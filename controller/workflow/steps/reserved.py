"""Steps that every node has, whatever its machine: power, ``hold`` and ``wait``. Pure.

Source: Ironic's reserved step names (``RESERVED_STEP_HANDLER_MAPPING``, ``use_reserved_step_handler``); their interface does
not matter, so what an agent offers under one of these names is left out of every plan. Ironic's conductor sleeps in ``wait`` and so allows 30 seconds; here nobody does.
"""

from collections.abc import Mapping

from agent.protocol.steps import RESERVED_NAMES
from controller.hardware.steps import Argument, Kind, StepSpec, Where

_WAIT: Mapping[str, Argument] = {
    "seconds": Argument(
        description="How long to wait; without it until the agent's next heartbeat.", type="number"
    )
}
PAUSES = ("hold", "wait")


def reserved(kind: Kind, step: str, interface: str) -> StepSpec | None:
    """Return the reserved step of this name; ``None`` = it is none."""
    if step not in RESERVED_NAMES:
        return None
    return StepSpec(
        step=step,
        interface=interface,
        kind=kind,
        argsinfo=dict(_WAIT) if step == "wait" else None,
        abortable=True,
        requires_ramdisk=False,
        where=Where.CONTROLLER,
        runs_as=step,
    )
