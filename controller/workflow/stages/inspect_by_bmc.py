"""The stage of an inspection that asks the BMC: one part of the inventory in each run, then what the agent's result would go through as well."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.protocol.foreign_text import UnfitDocument, clean_document, clean_line
from controller.errors import BmcError, StepFailed, TemporaryError
from controller.hardware.interface import Connects
from controller.hardware.inventory import LLDP_BY_MAC, InventoryPart, TellsInventory
from controller.workflow.findings import Findings
from controller.workflow.inspection_storing import read_result
from controller.workflow.machine import connection_of, interfaces_of
from controller.workflow.node_secrets import secrets_of
from controller.workflow.outcome import Outcome, leave, stay
from controller.workflow.stage import Context

_KEY = "bmc_inventory"
"""Key of the work's data: what was told so far."""
_MOST_INTERFACES, _MOST_OF_A_KIND = 1024, 4096
_LONGEST_WARNING = 500
_FIELDS = ("inventory", "plugin_data", "properties", "capabilities")


def is_told_by_bmc(context: Context) -> bool:
    """Say whether the node's inspection is done by asking its BMC."""
    return isinstance(interfaces_of(context.services, context.node).inspect, Connects)


def ask_bmc(context: Context) -> Outcome:
    """Ask for the next part; with the last, leave with what the hooks make of all.

    Raises:
        BmcError: The BMC does not tell a part without which there is no inspection.
        StepFailed: A hook refuses the result.
    """
    interfaces = interfaces_of(context.services, context.node)
    bmc: TellsInventory = connection_of(context.services, interfaces, "inspect", context.node)
    told: dict[str, Any] = dict(context.data.get(_KEY) or _nothing(bmc.inventory_parts))
    parts = {part.name: part for part in bmc.inventory_parts}
    name, *left = told["left"]
    if name in parts:
        told = _with_part(context, bmc, parts[name], told)
    told["left"] = left
    if left:
        return stay(
            0.0,
            waiting_for=f"{context.label}: its BMC has not told {left[0]}",
            advice="look at the BMC's own page",
            data={_KEY: told},
        )
    return replace(leave(data={_KEY: None}), findings=_findings(context, told))


def _nothing(parts: Sequence[InventoryPart]) -> dict[str, Any]:
    return {
        "left": [part.name for part in parts],
        "warnings": [],
        **{field: {} for field in _FIELDS},
    }


def _with_part(
    context: Context, bmc: TellsInventory, part: InventoryPart, told: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is told with one part more, or with a warning.

    Raises:
        BmcError: The part is needed.
        TemporaryError: It may be told the next time: the engine asks again before anything is left out.
    """
    try:
        found = bmc.inventory_part(part.name, timeout_s=context.settings.bmc_timeout_s)
    except (BmcError, TemporaryError) as error:
        if part.is_needed or (isinstance(error, TemporaryError) and not context.is_last_try):
            raise
        text = clean_line(f"{part.name} are not known: {error}", _LONGEST_WARNING)
        return {**told, "warnings": [*told["warnings"], text]}
    more = {field: {**told[field], **getattr(found, field)} for field in _FIELDS}
    return {**told, **_bounded(more), "warnings": [*told["warnings"], *found.warnings]}


def _bounded(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was told as it may be kept.

    Raises:
        StepFailed: It is more of anything than a machine has.
    """
    try:
        kept: dict[str, Any] = clean_document(told)
    except UnfitDocument as error:
        raise StepFailed(f"what the BMC tells of the machine cannot be stored: {error}") from error
    for name, listed in kept["inventory"].items():
        most = _MOST_INTERFACES if name == "interfaces" else _MOST_OF_A_KIND
        if isinstance(listed, list) and len(listed) > most:
            raise StepFailed(f"the BMC tells of {len(listed)} {name}; at most {most} are taken")
    return kept


def _findings(context: Context, told: Mapping[str, Any]) -> Findings:
    """Return what the hooks make of everything.

    Raises:
        StepFailed: One refuses it.
    """
    inventory, data = dict(told["inventory"]), dict(told["plugin_data"])
    heard = data.pop(LLDP_BY_MAC, {})
    data["lldp_raw"] = {
        one["name"]: heard[one["mac_address"]]
        for one in inventory["interfaces"]
        if one["mac_address"] in heard
    }
    secrets = secrets_of(context.node)
    warnings = list(told["warnings"])
    if not inventory["interfaces"]:
        warnings.append("the BMC tells of no network interface, so that the ports stay as they are")
    document = {
        **secrets.document({"inventory": inventory, **data}),
        "warnings": secrets.texts(warnings),
    }
    found = read_result(
        context.services,
        context.node,
        document,
        with_ports=bool(inventory["interfaces"]),
        is_told_by_bmc=True,
    )
    if isinstance(found, StepFailed):
        raise StepFailed(f"{context.label}: {found}")
    return replace(
        found,
        properties={**found.properties, **told["properties"]},
        capabilities={**found.capabilities, **told["capabilities"]},
    )
