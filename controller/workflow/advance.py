"""Runs one stage of one claimed node and stores what came of it.

The stage function runs outside of any transaction. Its outcome is stored in one short transaction that
first checks that the claim is still held; a worker that lost its claim leaves no trace.
"""

import logging

from sqlalchemy.orm import Session

from controller.errors import AgentUnreachable, ControllerError, StepFailed, TemporaryError
from controller.store.claims import Claim, held, let_go
from controller.store.events import record_event
from controller.store.tables import Node
from controller.workflow.graph import STAGES, workflow_of
from controller.workflow.machine import bmc_of
from controller.workflow.outcome import Outcome
from controller.workflow.services import Services
from controller.workflow.stage import Context, Stage
from controller.workflow.transition import change_state, enter_stage, merge, record_notes

log = logging.getLogger(__name__)

_BMC_PAUSE_S = 30.0
_AGENT_PAUSE_S = 5.0
"""Longest pauses between tries."""


def advance(services: Services, claim: Claim) -> None:
    """Run the claimed node's stage once and let the node go."""
    node = claim.node
    context = Context(services=services, node=node, ports=claim.ports, now=services.clock())
    stage = STAGES.get(node.stage or "")
    result = _run(context, stage) if stage else _unknown(node)
    now = services.clock()
    with services.store.edit() as session:
        row = held(session, claim)
        if row is None:
            log.warning(
                "%s: claim lost during %s, its result is dropped", context.label, node.stage
            )
            return
        let_go(row, due_at=None)
        if isinstance(result, ControllerError):
            _fail(services, session, row, result, now)
        elif result is not None and stage is not None:
            _store(context, session, row, stage, result, now)


def _run(context: Context, stage: Stage) -> Outcome | ControllerError:
    try:
        outcome = stage.run(context)
    except TemporaryError as error:
        return _retry(context, error)
    except ControllerError as error:
        return error
    except Exception as error:  # a fault of ours must not wedge the node or the worker
        log.exception("%s: internal error in %s", context.label, context.stage_name)
        return ControllerError(
            f"internal error in {context.stage_name}: {type(error).__name__}: {error}; "
            "this is a fault of the controller, its log has the details"
        )
    if outcome.way is None and context.is_late:
        waited_s = context.now - (context.entered_at or context.now)
        return StepFailed(f"{outcome.waiting_for} (waited {waited_s:.0f} s); {outcome.advice}")
    return outcome


def _unknown(node: Node) -> ControllerError | None:
    if node.stage is None:
        return None
    return ControllerError(f"stage {node.stage!r} is not known to this version of the controller")


def _retry(context: Context, error: TemporaryError) -> Outcome | ControllerError:
    """Try again later, for a bounded time, after an error that may pass."""
    data, settings = context.data, context.settings
    tries = int(data.get("_tries", 0)) + 1
    since = float(data.get("_failing_since", context.now))
    silent_s = context.now - since
    if isinstance(error, AgentUnreachable):
        if silent_s >= settings.agent_silence_timeout_s:
            order = data.get("order") or {}
            during = f" in the middle of {order['title']}" if order else ""
            return StepFailed(
                f"{error}{during}, for {silent_s:.0f} s now; {_power_now(context)}; look at the machine's "
                "console and the network between"
            )
    elif tries >= settings.bmc_tries:
        return StepFailed(f"{error} (tried {tries} times)")
    log.info("%s: %s: %s; trying again", context.label, context.stage_name, error)
    longest_s = _AGENT_PAUSE_S if isinstance(error, AgentUnreachable) else _BMC_PAUSE_S
    pause_s = min(error.delay_s * 2.0 ** (min(tries, 6) - 1), longest_s)
    return Outcome(way=None, due_in_s=pause_s, data={"_tries": tries, "_failing_since": since})


def _power_now(context: Context) -> str:
    """Ask the BMC whether a silent machine is on, for the person who reads of it."""
    settings = context.settings
    try:
        bmc = bmc_of(context.services, context.node)
        return f"its BMC says {bmc.power_state(timeout_s=settings.bmc_timeout_s)!s}"
    except ControllerError as error:
        return f"its BMC does not tell whether the machine is on: {error}"


def _store(
    context: Context, session: Session, row: Node, stage: Stage, outcome: Outcome, now: float
) -> None:
    for column, value in outcome.columns.items():
        setattr(row, column, value)
    row.driver_internal_info = merge(row.driver_internal_info, outcome.internal)
    retry = {"_tries": None, "_failing_since": None}
    row.stage_data = merge(row.stage_data, {**retry, **outcome.data})
    record_notes(session, row, outcome.notes, now)
    if outcome.way is None:
        if outcome.due_in_s is not None:
            times = [now + outcome.due_in_s, row.due_at, row.stage_deadline_at]
            if context.is_late:  # a deadline that was past when the stage ran has had its effect
                times.pop()
            row.due_at = min(time for time in times if time is not None)
        return
    to = stage.ways[outcome.way]
    if to.event is not None:
        change_state(session, row, to.event, now)
    log.debug("%s: %s -> %s", row.name or row.uuid, row.stage, to.stage)
    enter_stage(row, to.stage, context.settings, now)


def _fail(
    services: Services, session: Session, row: Node, error: ControllerError, now: float
) -> None:
    stage = str(row.stage)
    workflow = workflow_of(stage)
    message = f"{workflow.title} failed: {error}"
    severity = "ERROR" if workflow.sets_error else "WARNING"
    log.log(logging.getLevelName(severity), "%s: %s", row.name or row.uuid, message)
    record_event(session, row, "error", message, severity=severity, data={"stage": stage}, at=now)
    if workflow.sets_error:
        row.last_error = message
        row.target_power_state = None
    for step, fault in workflow.faults.items():
        if getattr(row, step):
            row.maintenance, row.maintenance_reason, row.fault = True, message, fault
    if workflow.fails_with is not None:
        change_state(session, row, workflow.fails_with, now)
    enter_stage(row, None, services.settings, now)
    if not _is_untouched(row, stage):
        enter_stage(row, workflow.after_failure, services.settings, now)


def _is_untouched(row: Node, stage: str) -> bool:
    """Say whether the machine still does what it did before the workflow, which may be somebody's work.

    One that still runs the ramdisk of an earlier attempt is tidied up as after any failure.
    """
    is_early = stage in STAGES and STAGES[stage].is_before_touch
    return is_early and row.driver_internal_info.get("boot_target") != "ramdisk"
