"""Runs one stage of one claimed node and stores what came of it.

The stage function runs outside of any transaction. Its outcome is stored in one short transaction that
first checks that the claim is still held; a worker that lost its claim leaves no trace.

Whatever a stage raises or returns concerns its node alone: what is no outcome, or cannot be stored, fails the node with a
sentence.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from agent.protocol.foreign_text import clean_text
from controller.errors import (
    AgentUnreachable,
    ControllerError,
    StepFailed,
    StepUnfinished,
    TemporaryError,
)
from controller.store.claims import Claim, Subject, held, let_go, read_subject, remove_work
from controller.store.tables import BACKGROUND, WORKFLOW, Node, Work
from controller.workflow.failure import fail
from controller.workflow.graph import STAGES
from controller.workflow.locks import ask_node
from controller.workflow.machine import bmc_of
from controller.workflow.maintenance import is_paused, pause
from controller.workflow.outage import Outage
from controller.workflow.outcome import Outcome
from controller.workflow.power_sync import (
    MOST_LETTERS,
    jittered,
    may_look,
    note_answer,
    note_silence,
)
from controller.workflow.running import SLOW_S, Run, Running
from controller.workflow.services import Services
from controller.workflow.stage import Context, Stage
from controller.workflow.transition import (
    change_state,
    enter_stage,
    keep_certificates,
    merge,
    record_notes,
)

log = logging.getLogger(__name__)

_BMC_PAUSE_S = 30.0
_AGENT_PAUSE_S = 5.0
"""Longest pauses between tries."""
_LATER_S = 10.0
_TRACEBACK_LETTERS = 20_000
_COLUMNS = frozenset(inspect(Node).column_attrs.keys())

_Result = Outcome | ControllerError


class Advancer:
    """Does one run after the other for the lanes; holds nothing between two of them."""

    def __init__(
        self,
        services: Services,
        outage: Outage,
        wait: Callable[[float], bool],
        running: Running,
    ) -> None:
        """Prepare.

        Args:
            services: The controller's parts.
            outage: Where failures of the database are noted.
            wait: Sleeps for so many seconds; true = the controller stops.
            running: Tells how long a run took.
        """
        self._services = services
        self._outage = outage
        self._wait = wait
        self._running = running

    def run(self, run: Run) -> None:
        """Run the claimed work's stage once and let the work go."""
        claim, services = run.claim, self._services
        subject = self._database(lambda: read_subject(services.store, claim), is_write=False)
        if subject is None:
            self._database(lambda: _forget(services, claim))
            return
        node = subject.node
        run.label = node.name or node.uuid
        stage = STAGES.get(claim.work.stage)
        if stage is None:
            self._database(lambda: _leave_to_others(services, claim))
        elif claim.work.lane == WORKFLOW and is_paused(node, claim.work):
            self._database(lambda: _rest(services, claim))
        elif claim.work.lane == BACKGROUND and not may_look(node):
            self._database(lambda: _look_later(services, claim, stage))
        else:
            self._run_stage(run, subject, stage)

    def _run_stage(self, run: Run, subject: Subject, stage: Stage) -> None:
        services, claim = self._services, run.claim
        context = Context(
            services=services,
            node=subject.node,
            ports=subject.ports,
            work=claim.work,
            now=services.steady(),
        )
        result, is_silent = _result(context, stage)
        is_suspect = is_silent or self._running.seconds(run) > SLOW_S
        try:
            self._database(lambda: _store(context, claim, stage, result, is_suspect))
        except Exception as error:  # noqa: BLE001  # it fails the node
            _log_traceback(f"{run.label}: what {claim.work.stage} came to cannot be stored")
            self._fail(context, claim, _unstorable(context, error))

    def _fail(self, context: Context, claim: Claim, error: ControllerError) -> None:
        """Fail a node whose result cannot be stored; if its state does not allow even that, end its work."""
        try:
            self._database(lambda: _store_failure(context, claim, error))
        except Exception:  # noqa: BLE001  # it ends the node's work
            _log_traceback(f"{context.label}: the failure cannot be stored; its work ends here")
            self._database(lambda: _end(context, claim, error))

    def _database(self, do: Callable[[], Any], *, is_write: bool = True) -> Any:
        return self._outage.patiently(do, self._wait, is_write=is_write)


def _result(context: Context, stage: Stage) -> tuple[_Result, bool]:
    """Return what a stage came to, and whether a machine did not answer."""
    try:
        outcome: object = stage.run(context)
    except TemporaryError as error:
        return (_retry(context, error) if stage.again_s is None else error), True
    except ControllerError as error:
        return error, False
    except BaseException as error:  # noqa: BLE001  # whatever it is: it must not wedge the node or the worker
        _log_traceback(f"{context.label}: internal error in {context.stage_name}")
        return _internal(context, f"{type(error).__name__}: {error}"), False
    problem = _problem(outcome, stage)
    if problem or not isinstance(outcome, Outcome):
        log.error("%s: %s %s", context.label, context.stage_name, problem)
        return _internal(context, str(problem)), False
    if outcome.way is None and context.is_late and outcome.deadline_in_s is None:
        waited_s = context.now - context.entered_at
        text = f"{outcome.waiting_for} (waited {waited_s:.0f} s); {outcome.advice}"
        return StepUnfinished(text), False
    return outcome, False


def _log_traceback(what: str) -> None:
    """Log the current error; its text may be a stranger's."""
    log.error("%s: %s", what, clean_text(traceback.format_exc(), _TRACEBACK_LETTERS))


def _problem(outcome: object, stage: Stage) -> str | None:
    """Return why something is not the outcome of a stage; ``None`` = it is one."""
    if not isinstance(outcome, Outcome):
        return f"it returned {type(outcome).__name__}, which is no outcome"
    if outcome.way is not None and outcome.way not in stage.ways:
        return f"it left by {outcome.way!r}; its ways are {', '.join(stage.ways)}"
    unknown = set(outcome.columns) - _COLUMNS
    return f"it set {', '.join(sorted(unknown))}, which a node does not have" if unknown else None


def _internal(context: Context, what: str) -> ControllerError:
    return ControllerError(
        f"internal error in {context.stage_name}: {what}; this is a fault of the controller or of a plug-in, the "
        "controller's log has the details"
    )


def _unstorable(context: Context, error: Exception) -> ControllerError:
    first_line = str(error).strip().partition("\n")[0]
    return _internal(context, f"its result cannot be stored: {type(error).__name__}: {first_line}")


def _retry(context: Context, error: TemporaryError) -> _Result:
    """Try again later, for a bounded time, after an error that may pass."""
    data, settings = context.data, context.settings
    tries = int(data.get("_tries", 0)) + 1
    since = float(data.get("_failing_since", context.now))
    silent_s = context.now - since
    if isinstance(error, AgentUnreachable):
        if silent_s >= settings.agent_silence_timeout_s:
            order = data.get("order") or {}
            during = f" in the middle of {order['title']}" if order else ""
            return StepUnfinished(
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


def _store(context: Context, claim: Claim, stage: Stage, result: _Result, is_suspect: bool) -> None:
    """Store what a stage came to, unless the claim has been lost."""
    services = context.services
    with services.store.edit() as session:
        found = _held(session, claim, context.label)
        if found is None:
            return
        node, work = found
        let_go(work, due_at=None)
        work.is_suspect = is_suspect
        if isinstance(result, Outcome):
            _store_outcome(context, session, node, work, stage, result)
        elif stage.again_s is None:
            fail(services, session, node, work.stage, result)
        else:
            _fail_background(context, session, node, work, stage, result)


def _store_failure(context: Context, claim: Claim, error: ControllerError) -> None:
    """Fail the node because of a result that cannot be stored."""
    stage = STAGES[claim.work.stage]
    with context.services.store.edit() as session:
        found = _held(session, claim, context.label)
        if found is None:
            return
        node, work = found
        let_go(work, due_at=None)
        if stage.again_s is None:
            fail(context.services, session, node, work.stage, error)
        else:
            _fail_background(context, session, node, work, stage, error)


def _end(context: Context, claim: Claim, error: ControllerError) -> None:
    """End the work of a node whose state table has no way out."""
    with context.services.store.edit() as session:
        found = _held(session, claim, context.label)
        if found is not None:
            found[0].last_error = clean_text(error, MOST_LETTERS)
            found[0].target_power_state = None
            enter_stage(context.services, found[0], None)


def _held(session: Session, claim: Claim, label: str) -> tuple[Node, Work] | None:
    found = held(session, claim)
    if found is None or (claim.work.lane == BACKGROUND and found[0].work is not None):
        log.info(
            "%s: the claim of %s was taken away, its result is dropped", label, claim.work.stage
        )
        return None
    return found


def _store_outcome(
    context: Context, session: Session, node: Node, work: Work, stage: Stage, outcome: Outcome
) -> None:
    services, now = context.services, context.services.steady()
    for column, value in outcome.columns.items():
        setattr(node, column, value)
    node.driver_internal_info = merge(node.driver_internal_info, outcome.internal)
    retry = {"_tries": None, "_failing_since": None}
    work.data = merge(work.data, {**retry, **outcome.data})
    record_notes(session, node, outcome.notes, services.clock())
    keep_certificates(services, session, node, outcome.certificates)
    for asked in outcome.asked:
        ask_node(services, session, asked)
    if outcome.columns.get("power_state") is not None:
        note_answer(services, session, node)  # before a workflow would rest because of the fault
    if outcome.way is None:
        _stay(context, work, outcome, now)
        return
    to = stage.ways[outcome.way]
    for event in (to.event, to.then):
        if event is not None:
            change_state(session, node, event, services.clock())
    if stage.again_s is not None:
        work.tries, work.due_at = 0, now + jittered(stage.again_s(services.settings))
        return
    log.debug("%s: %s -> %s", context.label, work.stage, to.stage)
    enter_stage(services, node, to.stage)


def _stay(context: Context, work: Work, outcome: Outcome, now: float) -> None:
    if outcome.deadline_in_s is not None:
        work.deadline_at = now + outcome.deadline_in_s
    if outcome.due_in_s is None:
        return
    times = [now + outcome.due_in_s, work.due_at]
    if not context.is_late:  # a deadline that was past when the stage ran has had its effect
        times.append(work.deadline_at)
    work.due_at = min(at for at in times if at is not None)


def _fail_background(
    context: Context, session: Session, node: Node, work: Work, stage: Stage, error: ControllerError
) -> None:
    """Count a row of failures, and look again: at the usual pace until it counts, then after pauses that grow."""
    services, settings = context.services, context.settings
    work.tries += 1
    note_silence(services, session, node, work.tries, error)
    usual_s = _again_s(services, stage)
    longest_s = max(settings.power_recovery_interval_s, usual_s)
    doublings = max(0, min(work.tries - settings.power_sync_tries, 10))
    work.due_at = services.steady() + jittered(min(usual_s * 2.0**doublings, longest_s))


def _rest(services: Services, claim: Claim) -> None:
    """Leave the work alone until the node's maintenance ends, if that has not happened meanwhile."""
    with services.store.edit() as session:
        found = held(session, claim)
        if found is not None:
            node, work = found
            let_go(work, due_at=services.steady())
            if is_paused(node, work):
                pause(services, session, node, work)


def _look_later(services: Services, claim: Claim, stage: Stage) -> None:
    """Put a background look off: something else is at the node, or it must not be looked at now."""
    with services.store.edit() as session:
        found = held(session, claim)
        if found is not None:
            pause_s = jittered(_again_s(services, stage))
            let_go(found[1], due_at=services.steady() + pause_s)


def _again_s(services: Services, stage: Stage) -> float:
    """Return when background work begins again."""
    return _LATER_S if stage.again_s is None else stage.again_s(services.settings) or _LATER_S


def _leave_to_others(services: Services, claim: Claim) -> None:
    """Leave a stage that this version does not have to a controller that knows it."""
    with services.store.edit() as session:
        found = held(session, claim)
        if found is None:
            return
        node, work = found
        let_go(work, due_at=services.steady())
        work.conductor = None
        log.warning(
            "%s: stage %r is not known to this version of the controller; it is left to one that knows it",
            node.name or node.uuid,
            work.stage,
        )


def _forget(services: Services, claim: Claim) -> None:
    """Remove the work of a node that has gone."""
    with services.store.edit() as session:
        remove_work(session, claim.work.subject_id)
