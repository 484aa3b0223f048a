"""One order to a BMC and its end: told, told again, seen to be carried out.

A BMC's power state may be of the past. So what it was told last and has not shown since is kept with the node, and the opposite is
ordered even of a machine that is shown there already: a power on that came late must not outlive a power off that was asked for.
A refusal of that order counts as done only if it says that the machine is there (``AlreadySo``); after any other the machine may run.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from controller.errors import (
    AlreadySo,
    BmcAuthenticationFailed,
    BmcError,
    NobodySwitchesOff,
    TemporaryError,
)
from controller.hardware.bmc import PowerControl, PowerState, PressesButton, TellsWhatIsAsked
from controller.workflow.machine import power_of
from controller.workflow.outcome import ORDERED, Note, Outcome, leave, stay
from controller.workflow.stage import Context

log = logging.getLogger(__name__)

UNSEEN = "power_ordered_and_not_seen"
"""Key of ``driver_internal_info``: the power state that the BMC was told to bring about and has not shown since."""
_FIRST_LOOK_S = 0.1
_PRESSED = "_is_button_pressed"
"""Key of the stage's data: the order was a press of the button, or may have been."""
_ORDER_AGAIN_S = 15.0
"""A BMC that has done nothing for so long, or has refused, is told again."""
_REFUSED_AT, _REFUSED = "_refused_at", "_refused"
"""Keys of the work's data: when an order of what is shown already was refused for the first time, and in which words."""

Order = Callable[[PowerControl, float], None]


def ask(context: Context, bmc: PowerControl) -> PowerState:
    """Ask a BMC for the power state."""
    return bmc.power_state(timeout_s=context.settings.bmc_timeout_s)


def reach(
    context: Context, wanted: PowerState, order: Order | None, *, anew: Order | None = None
) -> Outcome:
    """Get the machine to a power state, one look at a time.

    Args:
        context: Of the stage.
        wanted: The state.
        order: Tells the BMC; ``None`` = another was told, the machine is watched only.
        anew: Tells it of a machine that is shown there though the opposite was ordered last; ``None`` = ``order`` does.

    Raises:
        NobodySwitchesOff: As ``order``; also of a machine that is shown there.
        BmcError: As ``order``; of a machine that is shown there, if it is refused twice and not for being there.
    """
    bmc = power_of(context.services, context.node)
    state = ask(context, bmc)
    if state == wanted and (order is None or not _is_opposed(context, wanted)):
        columns, notes = {"power_state": state}, changed_power(context, state)
        return leave(columns=columns, internal=seen(context, state), notes=notes)
    if state == wanted and order is not None:
        return _order_all_the_same(context, bmc, wanted, anew or order)
    return _order_and_wait(context, bmc, state, wanted, order)


def seen(context: Context, state: PowerState) -> Mapping[str, None]:
    """Return what ``driver_internal_info`` gets when the BMC shows this state: an order is unseen until it is shown."""
    return {UNSEEN: None} if context.node.driver_internal_info.get(UNSEEN) == state else {}


def changed_power(context: Context, state: PowerState) -> tuple[Note, ...]:
    """Return the event of a changed power state, if it has changed."""
    before = context.node.power_state
    if before == state:
        return ()
    data: Mapping[str, Any] = {"from": before, "to": str(state)}
    return (Note(kind="power", message=f"power: {before} -> {state}", data=data),)


def _is_opposed(context: Context, wanted: PowerState) -> bool:
    """Say whether the last order was the opposite, and the BMC has not shown yet that it came to that."""
    return context.node.driver_internal_info.get(UNSEEN) not in {None, str(wanted)}


def _order_all_the_same(
    context: Context, bmc: PowerControl, wanted: PowerState, order: Order
) -> Outcome:
    """Order what is shown already; a BMC that refuses, and does not say that the machine is there, is told once more, later."""
    refused_at = context.data.get(_REFUSED_AT)
    if refused_at is not None and context.now - refused_at < _ORDER_AGAIN_S:
        return _order_later(context, wanted, refused_at, str(context.data.get(_REFUSED)))
    opposite = context.node.driver_internal_info.get(UNSEEN)
    text = f"the BMC shows {str(wanted)!r}, but was told {opposite!r} last and never showed that: it was told to {wanted}"
    try:
        order(bmc, context.settings.bmc_timeout_s)
    except AlreadySo as error:
        text = f"{text}, and refused ({error}), which counts as done"
    except (TemporaryError, BmcAuthenticationFailed, NobodySwitchesOff):
        raise
    except BmcError as error:
        if refused_at is not None:
            raise
        return _order_later(context, wanted, context.now, str(error))
    note = Note(kind="power", message=text, data={ORDERED: str(wanted)})
    return leave(
        columns={"power_state": wanted},
        internal={UNSEEN: None},
        data={_REFUSED_AT: None, _REFUSED: None},
        notes=(*changed_power(context, wanted), note),
    )


def _order_later(context: Context, wanted: PowerState, refused_at: float, why: str) -> Outcome:
    """Wait with the next order; that the opposite was ordered and not seen stays known, and so does the stored power state."""
    opposite = context.node.driver_internal_info.get(UNSEEN)
    return stay(
        refused_at + _ORDER_AGAIN_S - context.now,
        waiting_for=(
            f"{context.label}: its BMC shows {str(wanted)!r}, but was told {opposite!r} last and never showed that, and it refuses"
            f" {str(wanted)!r}: {why}"
        ),
        advice="see whether the machine runs, check the BMC's own log, then try again",
        data={_REFUSED_AT: refused_at, _REFUSED: why},
    )


def _order_and_wait(
    context: Context, bmc: PowerControl, state: PowerState, wanted: PowerState, order: Order | None
) -> Outcome:
    notes = changed_power(context, state)
    ordered_at = context.data.get("_ordered_at")
    look_s = context.settings.power_poll_interval_s
    data: Mapping[str, Any] = {}
    internal: Mapping[str, Any] = seen(context, state)
    is_due = ordered_at is None or context.now - ordered_at >= _ORDER_AGAIN_S
    # a controller that was away for that long gives its first order late: the machine has as long as any from then on
    limit_s = context.work.timeout_s if context.is_late and ordered_at is None else None
    if order and is_due and not context.data.get(_PRESSED):
        is_pressed = _tell(context, bmc, order)
        data, internal = {"_ordered_at": context.now}, {UNSEEN: str(wanted)}
        text = f"the BMC was told to {'power on' if wanted == PowerState.ON else 'power off'}"
        if is_pressed:
            data = {**data, _PRESSED: True}
            text = f"{text} by a press of the power button, which is not repeated: it might switch the machine on"
        if isinstance(bmc, TellsWhatIsAsked):
            text = bmc.asked(wanted)
        notes = (*notes, Note(kind="power", message=text, data={ORDERED: str(wanted)}))
        look_s = min(look_s, _FIRST_LOOK_S)
    cause = f"its BMC accepted {str(wanted)!r}" if order else "its agent was told to power off"
    outcome = stay(
        context.services.paces.power_changes.pause_s(look_s),
        waiting_for=f"{context.label}: {cause}, but the machine stays at {str(state)!r}",
        advice="check the machine's power supply and the BMC's own log, then try again",
        columns={"power_state": state},
        data=data,
        deadline_in_s=limit_s if data else None,
        notes=notes,
    )
    return replace(outcome, internal=internal)


def _tell(context: Context, bmc: PowerControl, order: Order) -> bool:
    """Give the order; returns whether it was a press of the button, which counts as given though its answer was lost."""
    try:
        order(bmc, context.settings.bmc_timeout_s)
    except TemporaryError as error:
        if not (isinstance(bmc, PressesButton) and bmc.has_pressed_button()):
            raise
        log.info("%s: the power button may be pressed: %s", context.label, error)
    return isinstance(bmc, PressesButton) and bmc.has_pressed_button()
