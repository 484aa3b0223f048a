"""Which new task of a Redfish service may be that of an update that a controller ordered before it died."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from controller.bmc.redfish_firmware import FirmwareOfSystem
from tests.unit.controller.bmc.redfish_tree import Tree

TASK, URL, TARGET = "/redfish/v1/TaskService/Tasks/1", "http://h/ours.bin", "/bios"
FIRST, SECOND = "/redfish/v1/Systems/1", "/redfish/v1/Systems/2"


class System(Tree):
    path = FIRST


class Calls:
    """Asks the documents instead of a BMC."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.refusal = None

    def ask(self, _what: str, _timeout_s: float, do: Callable[[Any], bool]) -> bool:
        return do(self._system)


def is_own(order: dict[str, Any] | None, *, is_alone: bool) -> bool:
    systems = [FIRST] if is_alone else [FIRST, SECOND]
    machine = {"Boot": {}, "SystemType": "Physical"}
    documents: dict[str, Any] = {
        "/redfish/v1": {"Systems": {"@odata.id": "/redfish/v1/Systems"}},
        "/redfish/v1/Systems": {"Members": [{"@odata.id": one} for one in systems]},
        **{one: {"@odata.id": one, **machine} for one in systems},
        TASK: {"Payload": {"JsonBody": json.dumps(order)}} if order else {},
    }
    calls: Any = Calls(System(documents, FIRST))
    pushes: Any = None
    return FirmwareOfSystem(calls, pushes).is_own(TASK, URL, TARGET, timeout_s=1)


@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"ImageURI": URL}, True),
        ({"ImageURI": "http://h/another.bin", "Targets": [TARGET]}, False),
        ({"Targets": [TARGET]}, True),
        ({"Targets": ["/bmc"]}, False),
    ],
)
def test_an_order_that_the_bmc_tells_decides(
    order: dict[str, Any], expected: bool, is_alone: bool
) -> None:
    assert is_own(order, is_alone=is_alone) is expected


@pytest.mark.parametrize("is_alone", [True, False])
def test_one_that_it_does_not_tell_is_no_neighbours_where_there_is_none(is_alone: bool) -> None:
    assert is_own(None, is_alone=is_alone) is is_alone
