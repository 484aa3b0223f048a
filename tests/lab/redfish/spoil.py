"""What faults make of an answer that was good."""

from dataclasses import replace
from typing import Any

from tests.lab.redfish.answers import Answer, error
from tests.lab.redfish.documents.names import ROOT
from tests.lab.redfish.faults import RedfishFaults


def spoiled(answer: Answer, path: str, faults: RedfishFaults) -> Answer:
    """Return the answer as a BMC with these faults gives it. Pure."""
    if path.startswith(f"{ROOT}/Systems/"):
        if faults.refuses_systems:
            return Answer(status=faults.refuses_systems, body=error("InsufficientPrivilege"))
        if faults.nonsense:
            return replace(answer, body={"Id": ["no", "text"], "Boot": 7, "Actions": [1]})
    if not faults.points_to:
        return answer
    headers = {
        name: faults.points_to.get(name, "") + value for name, value in answer.headers.items()
    }
    return replace(answer, headers=headers, body=_led_astray(answer.body, faults))


def _led_astray(document: Any, faults: RedfishFaults) -> Any:
    if isinstance(document, list):
        return [_led_astray(one, faults) for one in document]
    if not isinstance(document, dict):
        return document
    return {
        name: faults.points_to[name] + value
        if name in faults.points_to and isinstance(value, str)
        else _led_astray(value, faults)
        for name, value in document.items()
    }
