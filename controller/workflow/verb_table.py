"""The provision verbs as one table: what a client may ask for, since when, with what, and where the work begins.

Which verb is possible in which state stands in ``controller/states.py``. A new verb is a row here, its checks in
``verb_checks.py`` and its stages in ``stages/``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.errors import Invalid, InvalidStateRequested
from controller.states import VERBS, Event, State
from controller.workflow import verb_checks as check
from controller.workflow.verb_request import ProvisionRequest

Data = Callable[[ProvisionRequest], Mapping[str, Any]]


def _nothing(_request: ProvisionRequest) -> Mapping[str, Any]:
    return {}


def _deploy_wishes(request: ProvisionRequest) -> Mapping[str, Any]:
    return {"wishes": request.deploy_steps} if request.deploy_steps else {}


def _rescue_password(request: ProvisionRequest) -> Mapping[str, Any]:
    return {"rescue_password": request.rescue_password}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One row: a value of ``target``."""

    name: str
    since: int = 1
    """Minor API version that brought it."""
    since_in: Mapping[State, int] = field(default_factory=dict)
    """A later one in these states."""
    arguments: tuple[str, ...] = ()
    """Arguments of the request that go with it."""
    required: str | None = None
    """The argument that must be there and not be empty."""
    checks: tuple[check.Check, ...] = ()
    """In this order, with the node's row locked."""
    begins: Mapping[State, str] = field(default_factory=dict)
    """The first stage by the state that the verb leads to; elsewhere nothing is to be done."""
    data: Data = _nothing
    """What the workflow knows from its begin; secrets are sealed under names that sound like one."""
    is_new_instance: bool = False
    """It gives the node a config drive."""

    @property
    def event(self) -> Event:
        """What the state table is told."""
        return VERBS[self.name]


_DEPLOY_CHECKS = (
    check.has_whole_deploy_steps,
    check.is_not_in_maintenance,
    check.can_deploy,
    check.has_bmc,
)


def _deploy(name: str, *more: check.Check, since: int = 1) -> Verb:
    return Verb(
        name=name,
        since=since,
        arguments=("configdrive", "deploy_steps"),
        checks=(*more, *_DEPLOY_CHECKS),
        begins={State.DEPLOYING: "deploy.begin"},
        data=_deploy_wishes,
        is_new_instance=True,
    )


def _delete(name: str, since: int = 1) -> Verb:
    return Verb(
        name=name,
        since=since,
        checks=(check.is_unprotected,),
        begins={State.DELETING: "delete.power_off"},
    )


_ROWS = (
    Verb(name="manage", since=4, begins={State.VERIFYING: "verify.credentials"}),
    Verb(
        name="provide",
        since=4,
        checks=(check.has_readable_hints, check.is_not_retired, check.has_bmc),
        begins={State.CLEANING: "clean.begin"},
    ),
    Verb(
        name="inspect",
        since=6,
        checks=(check.can_inspect, check.has_bmc),
        begins={State.INSPECTING: "inspect.begin"},
    ),
    Verb(
        name="abort",
        since=13,
        since_in={State.INSPECT_WAIT: 41, State.DEPLOY_WAIT: 110},
        begins={
            State.DEPLOY_FAILED: "aborted.power_off",
            State.CLEAN_FAILED: "aborted.power_off",
            State.INSPECT_FAILED: "aborted.power_off",
            State.RESCUE_FAILED: "aborted.power_off",
        },
    ),
    _deploy("active"),
    _deploy("deploy", since=73),
    _deploy("rebuild", check.is_unprotected),
    Verb(
        name="rescue",
        since=38,
        arguments=("rescue_password",),
        required="rescue_password",
        checks=(
            check.has_usable_password,
            check.is_not_in_maintenance,
            check.can_rescue,
            check.has_bmc,
        ),
        begins={State.RESCUING: "rescue.begin"},
        data=_rescue_password,
    ),
    Verb(
        name="unrescue",
        since=38,
        checks=(check.is_not_in_maintenance, check.has_bmc),
        begins={State.UNRESCUING: "unrescue.begin"},
    ),
    _delete("deleted"),
    _delete("undeploy", since=73),
)
TABLE: Mapping[str, Verb] = {verb.name: verb for verb in _ROWS}
"""By the name that a client writes; verbs of the state table without a row are not served yet."""


def verb_of(target: str) -> Verb:
    """Return the row of a verb.

    Raises:
        Invalid: Ironic has it, this controller has not.
        InvalidStateRequested: There is no such verb.
    """
    if target in TABLE:
        return TABLE[target]
    served = ", ".join(sorted(TABLE))
    if target in VERBS:
        raise Invalid(
            f'provision verb "{target}" is not served yet by this controller; it serves: {served}'
        )
    raise InvalidStateRequested(
        f'The requested action "{target}" is not a provision verb; possible: {served}'
    )


def check_arguments(verb: Verb, request: ProvisionRequest) -> None:
    """Refuse arguments that do not go with the verb, or that it lacks.

    Raises:
        Invalid: Names the argument.
    """
    for name in request.given():
        if name not in verb.arguments:
            known = ", ".join(verb.arguments) or "none"
            raise Invalid(
                f'{name} does not go with provision verb "{verb.name}"; it takes: {known}'
            )
    if verb.required and not getattr(request, verb.required):
        raise Invalid(
            f'"{verb.required}" is required when setting target provision state to {verb.name}'
        )
