"""``/v1/nodes/<ident>/sensors`` and ``/bmc_log``: what a node's BMC says of the machine; ours, Ironic has neither."""

from typing import Any

from flask import Response

from controller.api.call import Call, parse_boolean
from controller.api.replies import empty_reply, iso_date, json_reply
from controller.errors import Invalid
from controller.hardware.sensors import LogEntry
from controller.workflow import readings

_MOST_SHOWN = 50


def sensors(call: Call, ident: str) -> Response:
    """Show what the machine's sensors say, in the keys of Ironic's sensor data; ``now``: ask the BMC, also where they are read at intervals."""
    is_new = parse_boolean(call.query.get("now", "false"), "now")
    report = readings.sensors_of(call.services, ident, is_new=is_new)
    return json_reply(
        {
            "form": str(report.form),
            "collected_at": iso_date(report.collected_at),
            "health": report.health,
            "left_out": report.left_out,
            "sensors": report.readings,
        }
    )


def log(call: Call, ident: str) -> Response:
    """Show the newest entries of the log that the BMC keeps (IPMI: the SEL), newest first; ``limit``: so many."""
    found = readings.log_of(call.services, ident, _limit(call.query.get("limit")))
    return json_reply(
        {
            "entries": [_entry(one) for one in found.entries],
            "total": found.total,
            "is_full": found.is_full,
        }
    )


def clear_log(call: Call, ident: str) -> Response:
    """Empty that log."""
    readings.clear_log_of(call.services, ident)
    return empty_reply()


def _entry(one: LogEntry) -> dict[str, Any]:
    return {
        "id": one.id,
        "created_at": None if one.created_at is None else iso_date(one.created_at),
        "severity": one.severity,
        "sensor": one.sensor,
        "message": one.message,
    }


def _limit(said: str | None) -> int:
    if said is None:
        return _MOST_SHOWN
    if not said.isascii() or not said.isdigit() or len(said) > 6:  # noqa: PLR2004  # more than a log has
        raise Invalid(f"limit is {said!r:.40}; give a number from 1 to {readings.MOST_ENTRIES}")
    return int(said)
