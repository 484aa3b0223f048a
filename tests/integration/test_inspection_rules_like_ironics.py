"""Generated families of rules, carried out by us and by real Ironic's engine for the same machines: equal results.

Different on purpose, and made alike here: a capability that is set again stands once, not twice; none is left as none and not as an
empty text; and a secret is shown by another mask.
"""

import json
import os
from typing import Any

from controller.errors import StepFailed
from controller.workflow.inspection_rules.actions import Tools
from controller.workflow.inspection_rules.allowance import Allowance
from controller.workflow.inspection_rules.calls import CallRules
from controller.workflow.inspection_rules.carrying_out import Rule, carry_out
from controller.workflow.machine import capabilities
from tests.integration.ironics_own import NEEDS_IRONIC, answers
from tests.unit.controller.workflow.rule_families import cases
from tests.unit.controller.workflow.rule_subjects import subject_of_case

pytestmark = [*NEEDS_IRONIC]
_SEED = int(os.environ.get("INGOT_RULES_SEED", "10"))
_COUNT = int(os.environ.get("INGOT_RULES_COUNT", "400"))
_THEIR_MASK, _OUR_MASK = "***", "******"


def _ours(case: dict[str, Any]) -> dict[str, Any]:
    subject = subject_of_case(case)
    rules = [Rule(uuid=str(number), **rule) for number, rule in enumerate(case["rules"])]
    failed = None
    try:
        carry_out(rules, Tools(subject=subject, allowance=Allowance(), calls=CallRules()), "always")
    except StepFailed as error:
        failed = str(error)
    return {
        "node": subject.node.values,
        "ports": [port.values for port in subject.ports],
        "plugin_data": subject.plugin_data,
        "failed": failed,
    }


def _comparable(found: dict[str, Any], mask: str) -> dict[str, Any]:
    if found["failed"]:
        return {"failed": True}
    text = json.dumps(found, sort_keys=True).replace(f"{mask:>9}", mask)
    result: dict[str, Any] = json.loads(text.replace(mask, "(mask)"))
    node = result["node"]
    names = ("name", "description", "extra", "driver_info", "resource_class")
    properties = dict(node["properties"])
    properties["capabilities"] = dict(capabilities(properties.get("capabilities")))
    return {
        **{name: node[name] for name in names},
        "properties": properties,
        "traits": sorted(node["traits"]),
        "ports": [
            {name: port[name] for name in ("uuid", "extra", "local_link_connection")}
            for port in result["ports"]
        ],
        "plugin_data": result["plugin_data"],
    }


def test_families_of_rules_come_to_what_they_come_to_in_ironic() -> None:
    asked = list(cases(_SEED, _COUNT))
    theirs = answers("peer_inspection_rules.py", asked)
    differences = []
    succeeded = 0
    for case, their in zip(asked, theirs, strict=True):
        our = _ours(case)
        one, other = _comparable(our, _OUR_MASK), _comparable(their, _THEIR_MASK)
        succeeded += "failed" not in other
        if one != other:
            differences.append(
                f"{json.dumps(case['rules'])}\n ours {one} {our['failed']}\n theirs {other} {their['failed']}"
            )
    assert not differences, f"{len(differences)} of {len(asked)}:\n" + "\n".join(differences[:5])
    assert len(asked) // 4 < succeeded < len(asked)
