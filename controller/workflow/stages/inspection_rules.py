"""The stage of an inspection that carries its rules out, when the machine's result is stored. Nothing of it is stored unless all succeed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from controller.errors import Invalid, StepFailed
from controller.setting_words import networks
from controller.store.inspection_rules import InspectionRule
from controller.workflow.inspection_rules.actions import Tools
from controller.workflow.inspection_rules.allowance import Allowance
from controller.workflow.inspection_rules.built_in import built_in_rules
from controller.workflow.inspection_rules.calls import CallRules
from controller.workflow.inspection_rules.carrying_out import Rule, carry_out
from controller.workflow.inspection_rules.subject import (
    node_changes,
    port_changes,
    subject_of,
)
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.stage import Context


def apply_rules(context: Context) -> Outcome:
    """Carry the inspection rules out.

    Raises:
        StepFailed: One cannot be carried out, or fails the inspection.
    """
    settings = context.settings
    rules = (*_kept_rules(context), *built_in_rules(settings.inspection_built_in_rules))
    found = context.node.inventory
    if not rules or not found:
        return leave()
    subject = subject_of(context.node, context.ports, found)
    allowance = Allowance()
    calls = CallRules(
        networks=networks(settings.inspection_rule_call_networks, "inspection_rule_call_networks")
    )
    tools = Tools(subject=subject, allowance=allowance, calls=calls)
    applied = carry_out(rules, tools, settings.inspection_rule_mask_secrets)
    columns = node_changes(context.node, subject)
    _check_interfaces(context, columns)
    if subject.plugin_data != found["plugin_data"]:
        columns["inventory"] = {**found, "plugin_data": subject.plugin_data}
    text = f"inspection rules applied: {len(applied)} of {len(rules)}"
    note = Note(kind="agent", message=text, data={"applied": list(applied[:50])})
    ports = port_changes(context.ports, subject)
    return leave(columns=columns, ports=ports, notes=(*tools.notes, note))


def _kept_rules(context: Context) -> tuple[Rule, ...]:
    with context.services.store.read() as session:
        rows = session.scalars(select(InspectionRule).order_by(InspectionRule.id)).all()
    return tuple(
        Rule(
            uuid=row.uuid,
            description=row.description,
            priority=row.priority,
            sensitive=row.sensitive,
            conditions=row.conditions,
            actions=row.actions,
        )
        for row in rows
    )


def _check_interfaces(context: Context, columns: Mapping[str, Any]) -> None:
    """Refuse a driver or interfaces that this controller does not serve.

    Raises:
        StepFailed: The rules would leave the node with some.
    """
    if columns.keys().isdisjoint({"driver", "interfaces"}):
        return
    node = context.node
    driver, interfaces = columns.get("driver", node.driver), columns.get("interfaces")
    try:
        context.services.catalog.interfaces_of(driver, interfaces or node.interfaces)
    except Invalid as error:
        raise StepFailed(f"what inspection rules have set cannot be served: {error}") from error
