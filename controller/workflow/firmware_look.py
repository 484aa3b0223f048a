"""Looks at the firmware of a machine when a workflow has come so far: what is kept is what the BMC says then.

As Ironic's ``node_update_cache``: no workflow fails because of it; a BMC that does not tell is noted in the history.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import wraps
from typing import Any

from sqlalchemy.orm import Session

from agent.protocol.foreign_text import clean_line
from controller.errors import ControllerError
from controller.hardware.firmware import (
    BiosSetting,
    Firmware,
    FirmwareComponent,
    TellsBiosSettings,
    TellsFirmware,
)
from controller.hardware.interface import Connects
from controller.store.firmware import keep_bios, keep_components
from controller.store.tables import Node
from controller.workflow.machine import connection_of, interfaces_of
from controller.workflow.outcome import Note, Outcome
from controller.workflow.stage import Context

KINDS = ("bios", "firmware")
_MOST = 5000
"""Settings or parts of one machine; large servers have a few hundred."""
_LONGEST_NAME, _LONGEST_VALUE = 255, 4096
_MOST_CHOICES = 1000
_HIGHEST = 2**63 - 1

_StageFunction = Callable[[Context], Outcome]


def and_firmware(run: _StageFunction) -> _StageFunction:
    """Return a stage function that looks at the firmware, too, when it leaves its stage."""

    @wraps(run)
    def both(context: Context) -> Outcome:
        outcome = run(context)
        return outcome if outcome.way is None else with_firmware(context, outcome, KINDS)

    return both


def with_firmware(context: Context, outcome: Outcome, kinds: Iterable[str]) -> Outcome:
    """Add what the BMC says of its settings (``bios``) and its parts (``firmware``); one call each."""
    found: dict[str, Any] = {}
    notes: list[Note] = []
    for kind in kinds:
        try:
            found |= _ask(context, kind)
        except ControllerError as error:
            text = f"{kind}: what the BMC has could not be read, and is kept as it was: {error}"
            notes.append(Note(kind="step", message=text, severity="WARNING"))
    return replace(outcome, firmware=Firmware(**found), notes=(*outcome.notes, *notes))


def store_firmware(session: Session, node: Node, found: Firmware | None, *, at: float) -> None:
    """Keep what was found; the node's row is locked."""
    if found is None:
        return
    if found.bios is not None:
        keep_bios(session, node.id, [_columns(one) for one in found.bios], at=at)
    if found.components is not None:
        keep_components(session, node.id, [asdict(one) for one in found.components], at=at)


def bounded_settings(told: Sequence[BiosSetting]) -> tuple[BiosSetting, ...]:
    """Return settings as they may be stored: each name once, texts of a bounded length, no passwords."""
    found = {}
    for one in told[:_MOST]:
        name = clean_line(one.name, _LONGEST_NAME)
        choices = one.allowable_values
        found[name] = replace(
            one,
            name=name,
            value=None if one.is_password else _text(one.value, _LONGEST_VALUE),
            attribute_type=_text(one.attribute_type, _LONGEST_NAME),
            allowable_values=choices
            and tuple(clean_line(choice, _LONGEST_VALUE) for choice in choices[:_MOST_CHOICES]),
            lower_bound=_number(one.lower_bound),
            upper_bound=_number(one.upper_bound),
            min_length=_number(one.min_length),
            max_length=_number(one.max_length),
        )
    return tuple(found.values())


def bounded_components(told: Sequence[FirmwareComponent]) -> tuple[FirmwareComponent, ...]:
    """Return the parts of a machine as they may be stored."""
    found = {}
    for one in told[:_MOST]:
        name = clean_line(one.component, _LONGEST_NAME)
        found[name] = FirmwareComponent(
            component=name,
            current_version=_text(one.current_version, _LONGEST_NAME),
            vendor=_text(one.vendor, _LONGEST_NAME),
            model=_text(one.model, _LONGEST_NAME),
            serial_number=_text(one.serial_number, _LONGEST_NAME),
        )
    return tuple(found.values())


def _ask(context: Context, kind: str) -> dict[str, Any]:
    interfaces = interfaces_of(context.services, context.node)
    if not isinstance(interfaces.of(kind), Connects):
        return {}
    bmc = connection_of(context.services, interfaces, kind, context.node)
    limit_s = context.settings.bmc_timeout_s
    if kind == "bios" and isinstance(bmc, TellsBiosSettings):
        return {"bios": bounded_settings(bmc.bios_settings(timeout_s=limit_s))}
    if kind == "firmware" and isinstance(bmc, TellsFirmware):
        return {"components": bounded_components(bmc.firmware_components(timeout_s=limit_s))}
    return {}


def _columns(one: BiosSetting) -> dict[str, Any]:
    choices = one.allowable_values
    return {**asdict(one), "allowable_values": None if choices is None else list(choices)}


def _text(text: str | None, longest: int) -> str | None:
    return None if text is None else clean_line(text, longest)


def _number(value: int | None) -> int | None:
    return value if isinstance(value, int) and abs(value) <= _HIGHEST else None
