"""How answers of Redfish services are judged: attributes, tasks, names, vendors."""

from typing import Any

import pytest

from controller.bmc.redfish_bios_steps import BiosState, plan_settings
from controller.bmc.redfish_components import device_of
from controller.bmc.redfish_document import address, dig, link, links, text
from controller.bmc.redfish_quirks import QUIRKS, Ways, ways_of
from controller.bmc.redfish_registry import parse_registry
from controller.bmc.redfish_task import Progress, is_order_for, judge

REGISTRY = {
    "RegistryEntries": {
        "Attributes": [
            {
                "AttributeName": "BootMode",
                "Type": "Enumeration",
                "Value": [{"ValueName": "Uefi"}, {"ValueDisplayName": "Bios"}, {}, 7],
                "ReadOnly": False,
            },
            {"AttributeName": "Retry", "Type": "Integer", "LowerBound": 1, "UpperBound": 9},
            {"AttributeName": "Quiet", "Type": "Boolean"},
            {"AttributeName": "Tag", "Type": "String", "MinLength": 2, "MaxLength": 4},
            {"AttributeName": "Model", "Type": "String", "ReadOnly": True},
            {"AttributeName": "Lock", "Type": "Password", "MaxLength": 8},
            {"AttributeName": 7},
            "nonsense",
        ]
    }
}
NOW: dict[str, Any] = {
    "BootMode": "Uefi", "Retry": 3, "Quiet": False, "Tag": "ab", "Model": "x", "Lock": None, "Old": 5,
}  # fmt: skip


def state(**waiting: Any) -> BiosState:
    return BiosState(attributes=NOW, waiting=waiting, known=parse_registry(REGISTRY))


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        ({"BootMode": "Bios"}, {"BootMode": "Bios"}),
        ({"BootMode": "Uefi", "Retry": "3", "Quiet": "false"}, {}),
        ({"Retry": "9"}, {"Retry": 9}),
        ({"Quiet": "True"}, {"Quiet": True}),
        ({"Tag": "abcd"}, {"Tag": "abcd"}),
        ({"Old": "6"}, {"Old": 6}),  # of which the registry knows nothing
        ({"Lock": "geheim"}, {"Lock": "geheim"}),  # which cannot be read back
        ({"Model": "x"}, {}),  # read only, and so already
        ({"Tag": "AB"}, {"Tag": "AB"}),
    ],
)
def test_only_what_differs_is_changed_in_the_types_of_the_bios(
    wanted: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert plan_settings(wanted, state()) == changes


def test_what_waits_for_the_next_start_counts() -> None:
    assert plan_settings({"Retry": 3}, state(Retry=7)) == {"Retry": 3}
    assert plan_settings({"Retry": 3}, state(Retry=3)) == {}
    assert plan_settings({"Retry": 7}, state(Retry=7)) == {"Retry": 7}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BootMode", "Legacy", "BootMode 'Legacy': it takes one of Uefi, Bios"),
        ("Retry", 10, "Retry '10': it takes 1 to 9"),
        ("Retry", True, "whole number"),
        ("Quiet", 1, "true or false"),
        ("Tag", "a", "2 to 4 characters"),
        ("Tag", "abcde", "2 to 4 characters"),
        ("Model", "y", "it can be read only"),
        ("None", "y", "None: the BIOS has no such setting"),
        ("BootMode", None, "it takes a text"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plan_settings({"Retry": 4, name: value}, state())


def test_a_password_does_not_show_in_an_error() -> None:
    with pytest.raises(ValueError, match="Lock: it takes 0 to 8") as raised:
        plan_settings({"Lock": "geheim-geheim"}, state())
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body", "progress"),
    [
        (202, {}, Progress.RUNS),
        (202, {"TaskState": "Running", "PercentComplete": 40}, Progress.RUNS),
        (200, {"TaskState": "Running"}, Progress.RUNS),
        (202, {"TaskState": "Starting", "PercentComplete": 0}, Progress.WAITS),
        (202, {"TaskState": "Starting", "PercentComplete": 5}, Progress.RUNS),
        (200, {"TaskState": "Pending"}, Progress.WAITS),
        (200, {"TaskState": "Completed", "TaskStatus": "OK"}, Progress.DONE),
        (200, {"TaskState": "Completed", "TaskStatus": "Critical"}, Progress.FAILED),
        (200, {"TaskState": "Exception"}, Progress.FAILED),
        (200, {"TaskState": "Killed"}, Progress.FAILED),
        (204, {}, Progress.DONE),
        (200, {"Id": "BIOS"}, Progress.DONE),
        (200, {"TaskState": 7, "Messages": 3}, Progress.DONE),
    ],
)
def test_a_task_is_judged_by_its_state(
    status: int, body: dict[str, Any], progress: Progress
) -> None:
    assert judge(status, body).progress is progress


def test_what_a_task_says_is_one_bounded_line() -> None:
    messages = [{"Message": f"{n} \n\x1b[2J" + "x" * 5000} for n in range(9)]
    words = judge(200, {"TaskState": "Exception", "Messages": messages}).words
    assert len(words) <= 300
    assert words.isprintable()


def test_a_document_of_another_shape_has_nothing() -> None:
    shapes: list[Any] = [None, 7, [], "x", {"a": [1]}, {"a": {"b": 7}}]
    for odd in shapes:
        assert text(odd, "a", "b") is None
        assert links(odd, "a") == []
        assert dig(odd, "a", "b", "c") is None


def test_a_part_keeps_its_name_when_its_version_changes() -> None:
    assert device_of("Installed-159-1.8.2__BIOS.Setup.1-1") == "BIOS.Setup.1-1"
    assert device_of("Current-0-2__NIC.Slot.5-1") == "NIC.Slot.5-1"
    assert device_of("UEFI") == "UEFI"


@pytest.mark.parametrize(
    ("vendor", "ways"),
    [
        ("Dell Inc.", Ways(names_have_versions=True, console_command="console com2")),
        ("Supermicro", Ways(wants_whole_boot=True, console_command="start /system1/sol1")),
        ("HPE", Ways(cards_fail=True, console_command="vsp")),
        ("Lenovo", Ways(console_command="console 1")),
        ("ACME", Ways()),
        (None, Ways()),
        (["x"], Ways()),
    ],
)
def test_a_vendor_has_its_ways(vendor: object, ways: Ways) -> None:
    assert ways_of({"Manufacturer": vendor, "Model": "any"}) == ways


def test_every_line_of_the_table_says_where_it_comes_from_and_changes_something() -> None:
    for one in QUIRKS:
        assert len(one.source) > 20
        assert ways_of({"Manufacturer": one.vendor, "Model": one.model}) != Ways()
        assert one.vendor == one.vendor.lower()


@pytest.mark.parametrize("odd", ["", "/a\n/b", "/\x1b[2J", "/" + "a" * 1024, 7, None, ["/a"]])
def test_addresses_that_cannot_be_kept_are_none(odd: Any) -> None:
    assert address(odd) is None
    assert link({"Tasks": {"@odata.id": odd}}, "Tasks") is None
    assert links({"Members": [{"@odata.id": odd}, {"@odata.id": "/good"}]}, "Members") == ["/good"]


@pytest.mark.parametrize(
    "told", [[], [{"AttributeName": "AdminPassword", "Type": "String", "MaxLength": 3}]]
)
def test_a_setting_that_sounds_like_a_secret_is_not_quoted(told: list[Any]) -> None:
    registry = parse_registry({"RegistryEntries": {"Attributes": told}})
    found = BiosState(attributes={"AdminPassword": 1, "Retry": 1}, waiting={}, known=registry)
    with pytest.raises(ValueError, match="AdminPassword: ") as refused:
        plan_settings({"AdminPassword": "geheim", "Retry": "geheim too"}, found)
    assert "'geheim'" not in str(refused.value)
    assert "'geheim too'" in str(refused.value)


@pytest.mark.parametrize(
    ("payload", "is_for"),
    [
        (r'{"ImageURI": "http:\/\/h\/a?x=1\u0026y=2"}', True),
        ('{"ImageURI": "http://h/a?x=1&y=2", "Targets": ["/other"]}', True),
        ('{"ImageURI": "http://h/a?x=1&y=22"}', False),
        ('{"Targets": ["/other", "/bios"]}', True),
        ('{"Targets": ["/bios2"]}', False),
        *((one, None) for one in ("{}", '{"Targets": []}', "[]", "x", "", None, {"ImageURI": "u"})),
        ("[" * 60_000, None),
        (f'{{"ImageURI": "{"u" * 70_000}"}}', None),
    ],
)
def test_an_order_is_known_by_its_image_or_what_it_is_for(
    payload: object, is_for: bool | None
) -> None:
    assert is_order_for(payload, "http://h/a?x=1&y=2", "/bios") is is_for


def test_where_the_bmc_finds_out_itself_what_an_image_is_for_a_push_does_not_tell() -> None:
    assert is_order_for('{"Targets": ["/bios"]}', "http://h/a", None) is None
