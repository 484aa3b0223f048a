"""What a step of the interface ``raid`` says stands now, as the node keeps it in ``raid_config``. Pure but for the context's data."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.protocol.device_hints import parse_hints
from agent.protocol.foreign_text import Bounds, UnfitDocument, clean_document, clean_line
from agent.protocol.masking import masked
from agent.protocol.refusal import Refusal
from controller.errors import StepFailed
from controller.workflow.outcome import Note
from controller.workflow.stage import Context

_MOST_DISKS = 256
_BOUNDS = Bounds(most_depth=8, most_parts=50 * _MOST_DISKS, most_chars=1000, most_key_chars=64)
"""The node's row has it, and every order to the agent and every list of nodes with details too."""
_MOST_UNANSWERED = 8
_STEPS = ("create_configuration", "delete_configuration", "apply_configuration")


def columns_of(context: Context, kind: str, result: Any) -> dict[str, Any]:
    """Return the columns of the node that the result of the current step changes; none if it is no step of RAID.

    Args:
        context: What the stage function was given.
        kind: ``clean``, ``deploy`` or ``service``.
        result: The command's result: the step below ``<kind>_step``, what it says below ``<kind>_result``.

    Raises:
        StepFailed: The agent says that it succeeded, but not what stands.
    """
    if not isinstance(result, Mapping):
        return {}
    step = result.get(f"{kind}_step")
    if not isinstance(step, Mapping) or step.get("interface") != "raid":
        return {}
    if step.get("step") not in _STEPS:
        return {}
    return _columns(context, result.get(f"{kind}_result"), "agent")


def columns_at_bmc(context: Context, interface: str, told: Any) -> dict[str, Any]:
    """Return the columns of the node that the end of a BMC's step changes; none if it is no step of RAID, or has nothing to say.

    Raises:
        StepFailed: What the BMC's driver says stands cannot be kept.
    """
    return {} if interface != "raid" or told is None else _columns(context, told, "BMC")


def _columns(context: Context, told: Any, who: str) -> dict[str, Any]:
    kept = _kept(context.label, told, context.wall_now, who)
    hint = root_hint(kept["logical_disks"])
    properties = {} if hint is None else {"properties": {**context.node.properties, **hint}}
    return {"raid_config": kept, **properties}


def root_hint(disks: Sequence[Any]) -> dict[str, Any] | None:
    """Return ``root_device`` for the node's properties, as Ironic sets it: the hint of the one root volume; ``None`` = there is none.

    Volumes of RAID controllers have one, as the operating system sees them as disks; arrays of md are found by ``raid_config`` itself.
    """
    roots = [disk for disk in disks if disk.get("is_root_volume") is True]
    hint = roots[0].get("root_device_hint") if len(roots) == 1 else None
    if not isinstance(hint, Mapping) or not hint:
        return None
    try:
        parse_hints(hint)
    except Refusal:
        return None
    return {"root_device": dict(hint)}


def _kept(label: str, told: Any, now: float, who: str) -> dict[str, Any]:
    """Return ``raid_config``; the time is this controller's, as an agent's clock may be anything.

    Raises:
        StepFailed: It is no configuration, or a larger one than a machine has.
    """
    disks = told.get("logical_disks") if isinstance(told, Mapping) else None
    is_list = isinstance(disks, list) and all(isinstance(disk, Mapping) for disk in disks)
    if told is not None and (not is_list or len(disks or ()) > _MOST_DISKS):
        raise StepFailed(
            f"{label}: the RAID step ended, but the {who} does not say which logical disks stand now"
            f" ({told!r:.200}); look at the {who}'s log, and clean the node again"
        )
    try:
        kept = clean_document({"logical_disks": list(disks or ())}, _BOUNDS)
    except UnfitDocument as error:
        raise StepFailed(
            f"{label}: the RAID step ended, but what the {who} says stands now cannot be kept: {error}; look at the"
            f" {who}'s log, and clean the node again"
        ) from error
    updated = datetime.fromtimestamp(now, UTC).replace(tzinfo=None).isoformat()
    return {**masked(kept), "last_updated": updated}


def notes_of(result: Any) -> tuple[Note, ...]:
    """Return a warning for each RAID program that an agent of ours says could not be asked: what its controllers have is not known."""
    told = result.get("unanswered") if isinstance(result, Mapping) else None
    named = list(told.items())[:_MOST_UNANSWERED] if isinstance(told, Mapping) else []
    return tuple(
        Note(
            kind="step",
            message=f"RAID: {clean_line(name, 100)} did not answer, so its logical disks are not known: {clean_line(why, 500)}",
            severity="WARNING",
        )
        for name, why in named
    )


def has_software_raid(config: Any) -> bool:
    """Tell whether a ``raid_config`` has arrays of md."""
    disks = config.get("logical_disks") if isinstance(config, Mapping) else None
    return any(isinstance(d, Mapping) and d.get("controller") == "software" for d in disks or ())
