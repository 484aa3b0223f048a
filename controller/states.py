"""The provision state machine as data: one table ``(State, Event) -> State`` and pure functions on it.

Source: Ironic's provision states and verbs; documentation and its picture are generated from this table.
"""

from collections.abc import Collection
from enum import StrEnum

from controller.errors import InvalidStateRequested


class State(StrEnum):
    """Provision states; the values are Ironic's."""

    ENROLL = "enroll"
    VERIFYING = "verifying"
    MANAGEABLE = "manageable"
    AVAILABLE = "available"
    ACTIVE = "active"
    DEPLOYING = "deploying"
    DEPLOY_WAIT = "wait call-back"
    DEPLOY_HOLD = "deploy hold"
    DEPLOY_FAILED = "deploy failed"
    DELETING = "deleting"
    ERROR = "error"
    CLEANING = "cleaning"
    CLEAN_WAIT = "clean wait"
    CLEAN_HOLD = "clean hold"
    CLEAN_FAILED = "clean failed"
    INSPECTING = "inspecting"
    INSPECT_WAIT = "inspect wait"
    INSPECT_FAILED = "inspect failed"
    ADOPTING = "adopting"
    ADOPT_FAILED = "adopt failed"
    RESCUE = "rescue"
    RESCUING = "rescuing"
    RESCUE_WAIT = "rescue wait"
    RESCUE_FAILED = "rescue failed"
    UNRESCUING = "unrescuing"
    UNRESCUE_FAILED = "unrescue failed"
    SERVICING = "servicing"
    SERVICE_WAIT = "service wait"
    SERVICE_HOLD = "service hold"
    SERVICE_FAILED = "service failed"


class Event(StrEnum):
    """What moves a node: verbs of the API and outcomes of the work."""

    MANAGE = "manage"
    PROVIDE = "provide"
    CLEAN = "clean"
    INSPECT = "inspect"
    ADOPT = "adopt"
    DEPLOY = "deploy"
    REBUILD = "rebuild"
    DELETE = "delete"
    RESCUE = "rescue"
    UNRESCUE = "unrescue"
    SERVICE = "service"
    ABORT = "abort"
    UNHOLD = "unhold"
    WAIT = "wait"
    RESUME = "resume"
    HOLD = "hold"
    DONE = "done"
    FAIL = "fail"


S, E = State, Event

VERBS: dict[str, Event] = {
    "manage": E.MANAGE,
    "provide": E.PROVIDE,
    "active": E.DEPLOY,
    "deploy": E.DEPLOY,
    "rebuild": E.REBUILD,
    "deleted": E.DELETE,
    "undeploy": E.DELETE,
    "abort": E.ABORT,
    "inspect": E.INSPECT,
    "clean": E.CLEAN,
    "adopt": E.ADOPT,
    "rescue": E.RESCUE,
    "unrescue": E.UNRESCUE,
    "service": E.SERVICE,
    "unhold": E.UNHOLD,
}
"""What a client may write as ``target``, by Ironic's names; of two names for one event the first is the usual one."""

TRANSITIONS: dict[tuple[State, Event], State] = {
    (S.ENROLL, E.MANAGE): S.VERIFYING,
    (S.VERIFYING, E.DONE): S.MANAGEABLE,
    (S.VERIFYING, E.FAIL): S.ENROLL,
    (S.MANAGEABLE, E.PROVIDE): S.CLEANING,
    (S.MANAGEABLE, E.CLEAN): S.CLEANING,
    (S.MANAGEABLE, E.INSPECT): S.INSPECTING,
    (S.MANAGEABLE, E.ADOPT): S.ADOPTING,
    (S.AVAILABLE, E.DEPLOY): S.DEPLOYING,
    (S.AVAILABLE, E.MANAGE): S.MANAGEABLE,
    (S.DEPLOYING, E.DONE): S.ACTIVE,
    (S.DEPLOYING, E.WAIT): S.DEPLOY_WAIT,
    (S.DEPLOYING, E.HOLD): S.DEPLOY_HOLD,
    (S.DEPLOYING, E.FAIL): S.DEPLOY_FAILED,
    (S.DEPLOY_WAIT, E.RESUME): S.DEPLOYING,
    (S.DEPLOY_WAIT, E.HOLD): S.DEPLOY_HOLD,
    (S.DEPLOY_WAIT, E.FAIL): S.DEPLOY_FAILED,
    (S.DEPLOY_WAIT, E.ABORT): S.DEPLOY_FAILED,
    (S.DEPLOY_WAIT, E.DELETE): S.DELETING,
    (S.DEPLOY_HOLD, E.UNHOLD): S.DEPLOY_WAIT,
    (S.DEPLOY_HOLD, E.ABORT): S.DEPLOY_FAILED,
    (S.DEPLOY_HOLD, E.FAIL): S.DEPLOY_FAILED,
    (S.DEPLOY_FAILED, E.DEPLOY): S.DEPLOYING,
    (S.DEPLOY_FAILED, E.REBUILD): S.DEPLOYING,
    (S.DEPLOY_FAILED, E.DELETE): S.DELETING,
    (S.ACTIVE, E.REBUILD): S.DEPLOYING,
    (S.ACTIVE, E.DELETE): S.DELETING,
    (S.ACTIVE, E.RESCUE): S.RESCUING,
    (S.ACTIVE, E.SERVICE): S.SERVICING,
    (S.DELETING, E.CLEAN): S.CLEANING,
    (S.DELETING, E.FAIL): S.ERROR,
    (S.ERROR, E.REBUILD): S.DEPLOYING,
    (S.ERROR, E.DELETE): S.DELETING,
    (S.CLEANING, E.DONE): S.AVAILABLE,
    (S.CLEANING, E.MANAGE): S.MANAGEABLE,
    (S.CLEANING, E.WAIT): S.CLEAN_WAIT,
    (S.CLEANING, E.HOLD): S.CLEAN_HOLD,
    (S.CLEANING, E.FAIL): S.CLEAN_FAILED,
    (S.CLEAN_WAIT, E.RESUME): S.CLEANING,
    (S.CLEAN_WAIT, E.HOLD): S.CLEAN_HOLD,
    (S.CLEAN_WAIT, E.FAIL): S.CLEAN_FAILED,
    (S.CLEAN_WAIT, E.ABORT): S.CLEAN_FAILED,
    (S.CLEAN_HOLD, E.UNHOLD): S.CLEAN_WAIT,
    (S.CLEAN_HOLD, E.ABORT): S.CLEAN_FAILED,
    (S.CLEAN_HOLD, E.FAIL): S.CLEAN_FAILED,
    (S.CLEAN_FAILED, E.MANAGE): S.MANAGEABLE,
    (S.INSPECTING, E.DONE): S.MANAGEABLE,
    (S.INSPECTING, E.WAIT): S.INSPECT_WAIT,
    (S.INSPECTING, E.FAIL): S.INSPECT_FAILED,
    (S.INSPECT_WAIT, E.DONE): S.MANAGEABLE,
    (S.INSPECT_WAIT, E.RESUME): S.INSPECTING,
    (S.INSPECT_WAIT, E.FAIL): S.INSPECT_FAILED,
    (S.INSPECT_WAIT, E.ABORT): S.INSPECT_FAILED,
    (S.INSPECT_FAILED, E.MANAGE): S.MANAGEABLE,
    (S.INSPECT_FAILED, E.INSPECT): S.INSPECTING,
    (S.ADOPTING, E.DONE): S.ACTIVE,
    (S.ADOPTING, E.FAIL): S.ADOPT_FAILED,
    (S.ADOPT_FAILED, E.ADOPT): S.ADOPTING,
    (S.ADOPT_FAILED, E.MANAGE): S.MANAGEABLE,
    (S.RESCUING, E.DONE): S.RESCUE,
    (S.RESCUING, E.WAIT): S.RESCUE_WAIT,
    (S.RESCUING, E.FAIL): S.RESCUE_FAILED,
    (S.RESCUE_WAIT, E.RESUME): S.RESCUING,
    (S.RESCUE_WAIT, E.FAIL): S.RESCUE_FAILED,
    (S.RESCUE_WAIT, E.ABORT): S.RESCUE_FAILED,
    (S.RESCUE_WAIT, E.DELETE): S.DELETING,
    (S.RESCUE, E.RESCUE): S.RESCUING,
    (S.RESCUE, E.UNRESCUE): S.UNRESCUING,
    (S.RESCUE, E.DELETE): S.DELETING,
    (S.RESCUE_FAILED, E.RESCUE): S.RESCUING,
    (S.RESCUE_FAILED, E.UNRESCUE): S.UNRESCUING,
    (S.RESCUE_FAILED, E.DELETE): S.DELETING,
    (S.UNRESCUING, E.DONE): S.ACTIVE,
    (S.UNRESCUING, E.FAIL): S.UNRESCUE_FAILED,
    (S.UNRESCUE_FAILED, E.RESCUE): S.RESCUING,
    (S.UNRESCUE_FAILED, E.UNRESCUE): S.UNRESCUING,
    (S.UNRESCUE_FAILED, E.DELETE): S.DELETING,
    (S.SERVICING, E.DONE): S.ACTIVE,
    (S.SERVICING, E.WAIT): S.SERVICE_WAIT,
    (S.SERVICING, E.HOLD): S.SERVICE_HOLD,
    (S.SERVICING, E.FAIL): S.SERVICE_FAILED,
    (S.SERVICE_WAIT, E.RESUME): S.SERVICING,
    (S.SERVICE_WAIT, E.HOLD): S.SERVICE_HOLD,
    (S.SERVICE_WAIT, E.FAIL): S.SERVICE_FAILED,
    (S.SERVICE_WAIT, E.ABORT): S.SERVICE_FAILED,
    (S.SERVICE_WAIT, E.DELETE): S.DELETING,
    (S.SERVICE_HOLD, E.UNHOLD): S.SERVICE_WAIT,
    (S.SERVICE_HOLD, E.SERVICE): S.SERVICING,
    (S.SERVICE_HOLD, E.FAIL): S.SERVICE_FAILED,
    (S.SERVICE_HOLD, E.ABORT): S.SERVICE_FAILED,
    (S.SERVICE_FAILED, E.SERVICE): S.SERVICING,
    (S.SERVICE_FAILED, E.RESCUE): S.RESCUING,
    (S.SERVICE_FAILED, E.WAIT): S.SERVICE_WAIT,
    (S.SERVICE_FAILED, E.HOLD): S.SERVICE_HOLD,
    (S.SERVICE_FAILED, E.DELETE): S.DELETING,
    (S.SERVICE_FAILED, E.ABORT): S.ACTIVE,
}

_NOT_FOR_CLIENTS = frozenset({(S.CLEANING, E.MANAGE), (S.DELETING, E.CLEAN)})
"""Steps with the name of a verb that only the work itself takes."""

UPDATE_ALLOWED = frozenset(
    {
        State.DEPLOY_FAILED,
        State.INSPECTING,
        State.INSPECT_FAILED,
        State.INSPECT_WAIT,
        State.CLEAN_FAILED,
        State.ERROR,
        State.VERIFYING,
        State.ADOPT_FAILED,
        State.RESCUE_FAILED,
        State.UNRESCUE_FAILED,
        State.SERVICE_HOLD,
        State.SERVICE_FAILED,
    }
)
"""In these a node may be changed while it is on its way somewhere; Ironic's ``UPDATE_ALLOWED_STATES``."""
HARDWARE_MAY_CHANGE = frozenset(
    {State.ENROLL, State.INSPECTING, State.INSPECT_WAIT, State.MANAGEABLE, State.AVAILABLE}
)
"""In these what belongs to the hardware may be changed: nobody uses the machine."""
STABLE = frozenset({S.ENROLL, S.MANAGEABLE, S.AVAILABLE, S.ACTIVE, S.ERROR, S.RESCUE})
RESCUED = frozenset({S.RESCUING, S.RESCUE_WAIT})
"""States in which a ramdisk is booted for a rescue."""
FAILED = frozenset(state for state in State if state.value.endswith(" failed"))

_TARGETS: dict[State, State] = {
    S.VERIFYING: S.MANAGEABLE,
    **dict.fromkeys((S.INSPECTING, S.INSPECT_WAIT, S.INSPECT_FAILED), S.MANAGEABLE),
    **dict.fromkeys((S.DEPLOYING, S.DEPLOY_WAIT, S.DEPLOY_HOLD, S.DEPLOY_FAILED), S.ACTIVE),
    **dict.fromkeys((S.ADOPTING, S.ADOPT_FAILED, S.UNRESCUING, S.UNRESCUE_FAILED), S.ACTIVE),
    **dict.fromkeys((S.SERVICING, S.SERVICE_WAIT, S.SERVICE_HOLD, S.SERVICE_FAILED), S.ACTIVE),
    **dict.fromkeys(
        (S.CLEANING, S.CLEAN_WAIT, S.CLEAN_HOLD, S.CLEAN_FAILED, S.DELETING), S.AVAILABLE
    ),
    **dict.fromkeys((S.RESCUING, S.RESCUE_WAIT, S.RESCUE_FAILED), S.RESCUE),
}


def after(state: State, event: Event) -> State:
    """Return the state that ``event`` leads to.

    Raises:
        InvalidStateRequested: The table has no such step; the message names the events that are possible.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        possible = ", ".join(sorted(e.value for s, e in TRANSITIONS if s == state)) or "none"
        message = (
            f'The requested action "{event}" can not be performed on a node in the state "{state}"; '
            f"possible there: {possible}"
        )
        raise InvalidStateRequested(message) from None


def check_verb(state: State, verb: str, served: Collection[str]) -> None:
    """Refuse a client's verb that the state does not allow.

    Args:
        state: The node's state.
        verb: One of ``VERBS``.
        served: The verbs to advise.

    Raises:
        InvalidStateRequested: The message names the verbs that are possible.
    """
    steps = {event for origin, event in TRANSITIONS if origin == state}
    allowed = {event for event in steps if (state, event) not in _NOT_FOR_CLIENTS}
    if VERBS[verb] in allowed:
        return
    usual = {event: name for name, event in reversed(VERBS.items()) if name in served}
    possible = ", ".join(sorted(name for event, name in usual.items() if event in allowed))
    raise InvalidStateRequested(
        f'The requested action "{verb}" can not be performed on a node in the state "{state}"; '
        f"possible there: {possible or 'none, wait for its end'}"
    )


_CLEANING = frozenset({S.CLEANING, S.CLEAN_WAIT, S.CLEAN_HOLD, S.CLEAN_FAILED})


def target_of(state: State, heading: str | None = None) -> State | None:
    """Return where a node in ``state`` is heading (``target_provision_state``); ``None`` in stable states.

    Args:
        state: The node's state.
        heading: Where it was heading before; a manual cleaning, which the verb sent to ``manageable``, keeps that.
    """
    is_manual = state in _CLEANING and heading == S.MANAGEABLE
    return S.MANAGEABLE if is_manual else _TARGETS.get(state)
