"""The provision verbs as one table: what a client may ask for, since when, with what, and where the work begins.

Which verb is possible in which state stands in ``controller/states.py``. A new verb is a row here, its checks in
``verb_checks.py`` and its stages in ``stages/``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.errors import Invalid, InvalidStateRequested
from controller.hardware.steps import Kind
from controller.states import VERBS, Event, State
from controller.workflow import verb_checks as check
from controller.workflow.concurrency import CLEANINGS, DEPLOYMENTS
from controller.workflow.steps.course import DISABLE_RAMDISK, WISHES
from controller.workflow.stored_steps import Order
from controller.workflow.verb_request import ProvisionRequest

Data = Callable[[Order], Mapping[str, Any]]


def _nothing(_request: Order) -> Mapping[str, Any]:
    return {}


def _wishes(kind: Kind) -> Data:
    """Return what hands the steps of a request to their workflow."""

    def data(request: Order) -> Mapping[str, Any]:
        steps = request.steps(kind)
        found = {WISHES: steps} if steps else {}
        return {**found, DISABLE_RAMDISK: True} if request.disable_ramdisk else found

    return data


def _rescue_password(request: Order) -> Mapping[str, Any]:
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
    argument_since: Mapping[str, int] = field(default_factory=dict)
    """Of arguments that came to this verb later than to the API (``ARGUMENT_SINCE``)."""
    required: str | None = None
    """The argument that must be there and not be empty, unless a runbook stands for it."""
    checks: tuple[check.Check, ...] = ()
    """In this order, with the node's row locked."""
    begins: Mapping[State, str] = field(default_factory=dict)
    """The first stage by the state that the verb leads to; elsewhere nothing is to be done."""
    steps: Kind | None = None
    """Which steps it takes."""
    data: Data = _nothing
    """What the workflow knows from its begin; secrets are sealed under names that sound like one."""
    is_new_instance: bool = False
    """It gives the node a config drive."""
    target: State | None = None
    """Where the node is heading, if its state does not say that."""
    moves_last: frozenset[State] = frozenset()
    """In these states the node stays until the workflow's last stage takes the verb's step of the state table."""
    goes_on: bool = False
    """The workflow that waits goes on with what it knows."""

    @property
    def event(self) -> Event:
        """What the state table is told."""
        return VERBS[self.name]


_DEPLOY_CHECKS = (
    check.is_not_in_maintenance,
    check.can_deploy,
    check.has_bmc,
    check.possible_steps(Kind.DEPLOY),
)


def _deploy(name: str, *more: check.Check, since: int = 1) -> Verb:
    return Verb(
        name=name,
        since=since,
        arguments=("configdrive", "deploy_steps"),
        checks=(DEPLOYMENTS, *more, *_DEPLOY_CHECKS),
        begins={State.DEPLOYING: "deploy.begin"},
        steps=Kind.DEPLOY,
        data=_wishes(Kind.DEPLOY),
        is_new_instance=True,
    )


def _delete(name: str, since: int = 1) -> Verb:
    return Verb(
        name=name,
        since=since,
        checks=(CLEANINGS, check.is_unprotected),
        begins={State.DELETING: "delete.power_off"},
    )


_ROWS = (
    Verb(name="manage", since=4, begins={State.VERIFYING: "verify.credentials"}),
    Verb(
        name="provide",
        since=4,
        checks=(
            check.has_readable_hints,
            check.is_not_retired,
            check.is_burned_in,
            check.has_bmc,
        ),
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
        checks=(check.is_not_left_on_by_a_service,),
        begins={
            State.DEPLOY_FAILED: "aborted.eject_medium",
            State.CLEAN_FAILED: "aborted.eject_medium",
            State.INSPECT_FAILED: "aborted.eject_medium",
            State.RESCUE_FAILED: "aborted.eject_medium",
            State.SERVICE_FAILED: "unservice.begin",
        },
        moves_last=frozenset({State.SERVICE_FAILED}),
    ),
    Verb(
        name="clean",
        since=15,
        arguments=("clean_steps", "disable_ramdisk", "runbook"),
        required="clean_steps",
        checks=(
            CLEANINGS,
            check.is_not_in_maintenance,
            check.has_readable_hints,
            check.has_bmc,
            check.possible_steps(Kind.CLEAN),
        ),
        begins={State.CLEANING: "clean.begin"},
        steps=Kind.CLEAN,
        data=_wishes(Kind.CLEAN),
        target=State.MANAGEABLE,
    ),
    Verb(
        name="service",
        since=87,
        arguments=("service_steps", "disable_ramdisk", "runbook"),
        argument_since={"disable_ramdisk": 108, "runbook": 108},
        required="service_steps",
        checks=(
            check.is_not_in_maintenance,
            check.has_bmc,
            check.possible_steps(Kind.SERVICE),
        ),
        begins={State.SERVICING: "service.begin"},
        steps=Kind.SERVICE,
        data=_wishes(Kind.SERVICE),
    ),
    Verb(
        name="adopt",
        since=17,
        checks=(check.has_bmc,),
        begins={State.ADOPTING: "adopt.check"},
    ),
    Verb(
        name="unhold",
        since=85,
        begins={
            State.CLEAN_WAIT: "clean.unheld",
            State.DEPLOY_WAIT: "deploy.unheld",
            State.SERVICE_WAIT: "service.unheld",
        },
        goes_on=True,
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
"""By the name that a client writes; the state table's verbs, all of them."""


def verb_of(target: str) -> Verb:
    """Return the row of a verb.

    Raises:
        InvalidStateRequested: There is no such verb.
    """
    if target in TABLE:
        return TABLE[target]
    served = ", ".join(sorted(TABLE))
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
    has_required = not verb.required or bool(getattr(request, verb.required))
    if has_required and verb.required and request.runbook:
        raise Invalid(f'give either "{verb.required}" or a runbook, not both')
    if not has_required and not request.runbook:
        raise Invalid(
            f'"{verb.required}" is required when setting target provision state to {verb.name}'
        )
