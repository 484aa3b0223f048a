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


def is_own(order: dict[str, Any] | None, *, is_alone: bool, place: str | None = None) -> bool:
    systems = [FIRST] if is_alone else [FIRST, SECOND]
    payload = {"JsonBody": json.dumps(order)} if order else {}
    payload |= {"TargetUri": place} if place else {}
    machine = {"Boot": {}, "SystemType": "Physical"}
    documents: dict[str, Any] = {
        "/redfish/v1": {
            "Systems": {"@odata.id": "/redfish/v1/Systems"},
            "UpdateService": {"@odata.id": "/redfish/v1/UpdateService"},
        },
        "/redfish/v1/UpdateService": {"HttpPushUri": "/cgi-bin/upload"},
        "/redfish/v1/Systems": {"Members": [{"@odata.id": one} for one in systems]},
        **{one: {"@odata.id": one, **machine} for one in systems},
        TASK: {"Payload": payload} if payload else {},
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


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate", True),
        ("https://bmc/cgi-bin/upload", True),
        ("/redfish/v1/Systems/1/Storage/1/Volumes", False),
        ("/redfish/v1/UpdateServiceOfOthers", False),
    ],
)
def test_nor_one_that_went_elsewhere_than_to_the_update_service(place: str, expected: bool) -> None:
    assert is_own(None, is_alone=True, place=place) is expected
