"""What the BMC's log says of the time in which a workflow failed: a machine that did not come often has its reason there."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from controller.errors import ControllerError
from controller.hardware.abilities import Health
from controller.hardware.sensors import HasLog, LogEntry
from controller.workflow.machine import management_of
from controller.workflow.outcome import Note
from controller.workflow.stage import Context

log = logging.getLogger(__name__)

_READ, _TOLD = 20, 5
_LOOKS_BACK_S = 3600.0
_BAD = frozenset({Health.WARNING, Health.CRITICAL})


def hardware_notes(context: Context) -> Sequence[Note]:
    """Return what went wrong in the machine within the last hour, by the BMC's clock; a BMC that does not tell is passed over."""
    try:
        bmc = management_of(context.services, context.node)
        if not isinstance(bmc, HasLog):
            return ()
        found = bmc.log(_READ, timeout_s=context.settings.bmc_timeout_s).dated(context.wall_now)
    except ControllerError as error:
        log.info("%s: its BMC's log could not be read: %s", context.label, error)
        return ()
    bad = bad_entries(found.entries, context.wall_now)
    if not bad:
        return ()
    text = f"the BMC's log says of the last hour: {'; '.join(map(_words, bad[:_TOLD]))}"
    if len(bad) > _TOLD:
        text += f"; and {len(bad) - _TOLD} more (ingot node sel)"
    return (Note(kind="health", message=text, severity="WARNING"),)


def bad_entries(entries: Sequence[LogEntry], now: float) -> Sequence[LogEntry]:
    """Return those of the last hour that tell of something bad, newest first; what has no time is not known to be new."""
    begin = now - _LOOKS_BACK_S
    return [
        one
        for one in entries
        if one.severity in _BAD and one.created_at is not None and one.created_at >= begin
    ]


def _words(entry: LogEntry) -> str:
    time = datetime.fromtimestamp(entry.created_at or 0, UTC).strftime("%H:%M:%S")
    what = f"{entry.sensor}: {entry.message}" if entry.sensor else entry.message
    return f"{time} {what} ({entry.severity})"
