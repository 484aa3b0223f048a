"""Certificates of sanitization, made of what an agent reports of a step that erases disks. Pure.

The items are those that NIST SP 800-88 lists for a certificate (Rev. 1, section 4.8 and appendix G; Rev. 2 keeps the demand for
certificates, section 4): medium, what was done and with what, how it was verified, when and where. Names and signatures of people,
categories of confidentiality and the destination are the organization's; the printable page has blank lines for them.

What an agent says is foreign: it is cleaned and bounded here. Only a disk that an agent reports as erased at a level that was asked
for, with a read-back that shows it, is "sanitized"; everything else that concerns a disk is "failed", and so is a step whose end was
not seen.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import msgspec

from agent.protocol.erasure import STEP_KEY, DiskErasure, ErasureReport, ErasureState
from agent.protocol.foreign_text import Bounds, UnfitDocument, clean_document
from agent.protocol.masking import masked_value
from controller.store.tables import Node

KIND = "ingot sanitization certificate"
SANITIZED, FAILED, METADATA_ONLY = "sanitized", "failed", "metadata only"
ERASE_STEPS = frozenset({"erase_devices", "erase_devices_express"})
_ORDERED = (".send", ".watch")
"""Ends of the names of stages in which an order has been given, or may have been."""
_MOST_DISKS = 256
"""Two enclosures of a hundred drives, and the machine's own."""
_BOUNDS = Bounds(most_depth=8, most_parts=50 * _MOST_DISKS, most_chars=4000, most_key_chars=64)
_MOST_LEVELS = 8
_MOST_TOOLS = 32
"""Of these and of the bounds below a certificate is at most about 110 KB; ``store.certificates.MOST_BYTES`` is above it."""
_NAME, _COMMAND, _TOOL, _LEVEL = (Bounds(most_chars=chars) for chars in (255, 1000, 200, 64))
_NAMES = ("path", "vendor", "model", "serial", "wwn", "transport", "level_asked", "manager")
_MOST = dict.fromkeys(_NAMES, _NAME) | {"method": _NAME, "command": _COMMAND}
"""Bounds of a disk's texts; the others have those of the whole report."""
_VERIFICATION = (
    "Random bytes were written to the first and last MiB and to random places, read again, and looked for after the erasure; the"
    " drive's own log was read before and after"
)
Document = dict[str, Any]


class UnreadableReport(ValueError):
    """An agent sent a report of an erasure that cannot be read."""


def report_of(result: Any) -> ErasureReport | None:
    """Return the report in a command's result, cleaned and masked; ``None`` = there is none (other steps, other agents).

    Args:
        result: ``command_result`` of ``execute_clean_step`` or another ``execute_*_step``, also of one that failed.

    Raises:
        UnreadableReport: There is one, of another form or of too many disks.
    """
    if not isinstance(result, Mapping):
        return None
    for key in ("clean_result", "deploy_result", "service_result"):
        inner = result.get(key)
        if isinstance(inner, Mapping) and STEP_KEY in inner:
            try:
                document = masked_value("", clean_document(inner[STEP_KEY], _BOUNDS))
                report = msgspec.convert(document, ErasureReport, strict=False)
            except (UnfitDocument, msgspec.ValidationError) as error:
                raise UnreadableReport(str(error)) from error
            if len(report.disks) > _MOST_DISKS:
                raise UnreadableReport(f"it has {len(report.disks)} disks")
            return _bounded(report)
    return None


def _bounded(report: ErasureReport) -> ErasureReport:
    """Return the report with every text as long as it may be in each of its certificates, which all repeat the tools.

    Raises:
        UnreadableReport: A disk has more levels than there are.
    """
    tools = clean_document(dict(list(report.tools.items())[:_MOST_TOOLS]), _TOOL)
    return msgspec.structs.replace(
        report, tools=tools, disks=[_bounded_disk(disk) for disk in report.disks]
    )


def _bounded_disk(disk: DiskErasure) -> DiskErasure:
    if len(disk.levels) > _MOST_LEVELS:
        raise UnreadableReport(f"a disk has {len(disk.levels)} levels")
    texts = {key: clean_document(getattr(disk, key), bounds) for key, bounds in _MOST.items()}
    seen = disk.read_back
    if seen is not None:
        seen = msgspec.structs.replace(seen, expected=clean_document(seen.expected, _LEVEL))
    levels = clean_document(disk.levels, _LEVEL)
    return msgspec.structs.replace(disk, **texts, levels=levels, read_back=seen)


def certificates_of(
    report: ErasureReport, node: Node, *, ordered: str, controller: str, at: float
) -> tuple[Document, ...]:
    """Return a certificate for each disk that should have been erased; disks that were left alone on purpose have none.

    ``ordered`` is the level that this controller ordered, whatever the agent says that it was asked for.
    """
    head = _head(node, controller=controller, at=at, step=report.step)
    return tuple(
        {
            **head,
            "verdict": verdict(disk, ordered),
            "media": _media(disk),
            "sanitization": _sanitization(disk, report, ordered),
            "verification": _verification(disk),
        }
        for disk in report.disks
        if disk.state is not ErasureState.LEFT_ALONE
    )


def unseen(node: Node, step: str, reason: str, *, controller: str, at: float) -> Document:
    """Return the certificate of a step that was begun and not seen to succeed: nothing of it counts as erased."""
    return {
        **_head(node, controller=controller, at=at, step=step),
        "verdict": FAILED,
        "media": {"path": "all disks of the machine that the step concerned"},
        "sanitization": {"levels": [], "detail": reason[:4000]},
        "verification": {"method": "none: the end of the step was not seen"},
    }


def of_interrupted(
    node: Node, stage: str, reason: str, *, controller: str, at: float
) -> tuple[Document, ...]:
    """Return what is certified when a workflow leaves a stage by failure or abort: an erasure that had been ordered counts as failed."""
    step = str((node.clean_step or node.service_step or node.deploy_step or {}).get("step", ""))
    if step not in ERASE_STEPS or not stage.endswith(_ORDERED):
        return ()
    return (unseen(node, step, reason, controller=controller, at=at),)


def verdict(disk: DiskErasure, ordered: str) -> str:
    """Say what a report of a disk amounts to where the level ``ordered`` had to be reached."""
    if disk.state is not ErasureState.ERASED:
        return FAILED
    if disk.level_asked is None:
        return METADATA_ONLY
    seen = disk.read_back
    is_shown = (
        seen is not None and seen.blocks > 0 and not (seen.same or seen.unknown or seen.unreadable)
    )
    is_reached = ordered in disk.levels and disk.level_asked in disk.levels
    return SANITIZED if is_shown and is_reached else FAILED


def summary(verdicts: Sequence[str]) -> str:
    """Return a sentence for the node's history."""
    counts = [
        f"{sum(one == word for one in verdicts)} {word}"
        for word in (SANITIZED, METADATA_ONLY, FAILED)
        if word in verdicts
    ]
    return f"sanitization certificates: {', '.join(counts) or 'none'}"


def _head(node: Node, *, controller: str, at: float, step: str) -> Document:
    return {
        "kind": KIND,
        "version": 1,
        "issued_at": _date(at),
        "step": step[:64],
        "node": {"uuid": node.uuid, "name": node.name},
        "controller": {"hostname": controller, "version": version("ingot")},
    }


def _media(disk: DiskErasure) -> Document:
    kind = "magnetic" if disk.is_rotational else "flash, or other without rotation"
    return {
        "manufacturer": disk.vendor,
        "model": disk.model,
        "serial": disk.serial,
        "wwn": disk.wwn,
        "type": kind,
        "size_bytes": disk.size_bytes,
        "sector_bytes": disk.sector_bytes,
        "transport": disk.transport,
        "path": disk.path,
    }


def _sanitization(disk: DiskErasure, report: ErasureReport, ordered: str) -> Document:
    is_erased = disk.state is ErasureState.ERASED
    return {
        "level_ordered": ordered[: _LEVEL.most_chars],
        "level_asked": disk.level_asked,
        "levels": sorted(disk.levels) if is_erased else [],
        "method": disk.method,
        "command": disk.command,
        "tools": report.tools,
        "manager": disk.manager,
        "detail": disk.detail,
        "log_before": disk.log_before,
        "log_after": disk.log_after,
        "started_at": _date(disk.started_at),
        "ended_at": _date(disk.ended_at),
    }


def _verification(disk: DiskErasure) -> Document:
    if disk.read_back is None:
        return {"method": "none"}
    return {"method": _VERIFICATION, "read_back": msgspec.to_builtins(disk.read_back)}


def _date(seconds: float | None) -> str | None:
    """Return a date; one beyond the calendar is not known."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None
