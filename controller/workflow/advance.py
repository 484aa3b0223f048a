"""Runs one stage of one claimed node and has stored what came of it.

The stage function runs outside of any transaction; ``storing`` keeps its outcome.

Whatever a stage raises or returns concerns its node alone: what is no outcome, or cannot be stored, fails the node with a
sentence.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from agent.protocol.foreign_text import clean_text
from controller.errors import (
    AgentRefused,
    AgentUnreachable,
    ClaimLost,
    ControllerError,
    StepFailed,
    StepUnfinished,
    TemporaryError,
)
from controller.store.claims import Claim, Subject, read_subject, still_holds
from controller.store.node_documents import DOCUMENTS
from controller.store.still_held import holding
from controller.store.tables import BACKGROUND, WORKFLOW, Node
from controller.workflow.agent_restart import has_restarted, restart_words
from controller.workflow.graph import STAGES
from controller.workflow.machine import power_of
from controller.workflow.maintenance import is_paused
from controller.workflow.outage import Outage, is_outage
from controller.workflow.outcome import Outcome
from controller.workflow.power_sync import may_look
from controller.workflow.put_off import forget, leave_to_others, look_later, rest
from controller.workflow.running import SLOW_S, Run, Running
from controller.workflow.services import Services
from controller.workflow.stage import Context, Stage
from controller.workflow.storing import end_work, store_failure, store_result

log = logging.getLogger(__name__)

_BMC_PAUSE_S = 30.0
_AGENT_PAUSE_S = 5.0
"""Longest pauses between tries."""
_AFTER_OUTAGE_S = 1.0
_TRIES = ("_tries", "_failing_since")
"""Keys of the work's data: how often in a row the stage has met an error that may pass, and since when."""
_TRACEBACK_LETTERS = 20_000
_COLUMNS = DOCUMENTS | frozenset(inspect(Node).column_attrs.keys())

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
            self._database(lambda: forget(services, claim))
            return
        node = subject.node
        run.label = node.name or node.uuid
        stage = STAGES.get(claim.work.stage)
        if stage is None:
            self._database(lambda: leave_to_others(services, claim))
        elif claim.work.lane == WORKFLOW and is_paused(node, claim.work):
            self._database(lambda: rest(services, claim))
        elif claim.work.lane == BACKGROUND and not may_look(node):
            self._database(lambda: look_later(services, claim, stage))
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
        with holding(lambda: self._require(claim)):
            result, is_silent = _result(context, stage)
        is_suspect = is_silent or self._running.seconds(run) > SLOW_S
        try:
            self._database(
                lambda: store_result(context, claim, stage, result, is_suspect=is_suspect)
            )
        except Exception as error:  # noqa: BLE001  # it fails the node
            _log_traceback(f"{run.label}: what {claim.work.stage} came to cannot be stored")
            self._fail(context, claim, stage, _unstorable(context, error))

    def _fail(self, context: Context, claim: Claim, stage: Stage, error: ControllerError) -> None:
        """Fail a node whose result cannot be stored; if its state does not allow even that, end its work."""
        try:
            self._database(lambda: store_failure(context, claim, stage, error))
        except Exception:  # noqa: BLE001  # it ends the node's work
            _log_traceback(f"{context.label}: the failure cannot be stored; its work ends here")
            self._database(lambda: end_work(context, claim, error))

    def _require(self, claim: Claim) -> None:
        """Raise ``ClaimLost`` if the claim was taken away; while the database does not answer, that is waited for."""
        held = self._database(lambda: still_holds(self._services.store, claim), is_write=False)
        if not held:
            raise ClaimLost(f"{claim.work.stage}: others go on with it; nothing more is ordered")

    def _database(self, do: Callable[[], Any], *, is_write: bool = True) -> Any:
        return self._outage.patiently(do, self._wait, is_write=is_write)


def _result(context: Context, stage: Stage) -> tuple[_Result, bool]:
    """Return what a stage came to, and whether a machine did not answer."""
    try:
        outcome: object = stage.run(context)
    except ControllerError as error:
        return _after_error(context, stage, error)
    except BaseException as error:  # noqa: BLE001  # whatever it is: it must not wedge the node or the worker
        if isinstance(error, SQLAlchemyError) and is_outage(error):
            return _begin_again(context), False
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


def _begin_again(context: Context) -> Outcome:
    """Have a stage that the database left in the middle run again from its start: no try of anything, and no fault of the node's."""
    log.info("%s: %s: the database did not answer; once more", context.label, context.stage_name)
    tries = {key: context.data[key] for key in _TRIES if key in context.data}
    return Outcome(way=None, due_in_s=_AFTER_OUTAGE_S, data=tries)


def _after_error(context: Context, stage: Stage, error: ControllerError) -> tuple[_Result, bool]:
    """Return what an error comes to, and whether a machine did not answer."""
    if stage.again_s is not None:
        return error, isinstance(error, TemporaryError)
    if isinstance(error, AgentRefused | AgentUnreachable) and has_restarted(context):
        return StepFailed(restart_words(context)), False
    return (_retry(context, error), True) if isinstance(error, TemporaryError) else (error, False)


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
    tries = context.silences + 1
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
    elif context.is_last_try:
        return StepFailed(f"{error} (tried {tries} times)")
    log.info("%s: %s: %s; trying again", context.label, context.stage_name, error)
    longest_s = _AGENT_PAUSE_S if isinstance(error, AgentUnreachable) else _BMC_PAUSE_S
    pause_s = min(error.delay_s * 2.0 ** (min(tries, 6) - 1), longest_s)
    return Outcome(way=None, due_in_s=pause_s, data={"_tries": tries, "_failing_since": since})


def _power_now(context: Context) -> str:
    """Ask the BMC whether a silent machine is on, for the person who reads of it."""
    settings = context.settings
    try:
        bmc = power_of(context.services, context.node)
        return f"its BMC says {bmc.power_state(timeout_s=settings.bmc_timeout_s)!s}"
    except ControllerError as error:
        return f"its BMC does not tell whether the machine is on: {error}"
