"""What counts as burned in, and the words for what is missing."""

from typing import Any

import pytest

from controller.errors import Invalid, SettingsError
from controller.load_settings import load_settings
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.burnin import KEY, begun, missing, passed, required_of

DAY_S = 86400.0
NOW = 100 * DAY_S


def node(**facts: Any) -> Node:
    return Node(
        **{"uuid": "n-1", "properties": {}, "driver_internal_info": {}, "inventory": None, **facts}
    )


def result(kind: str, disks: Any = ("A", "B"), **system: str | None) -> dict[str, Any]:
    machine = {"disks": disks if disks is None else list(disks), "system": system}
    told = {"figures": 1} if disks is None else {"machine": machine, "figures": 1}
    return {"clean_step": {"interface": "deploy", "step": f"burnin_{kind}"}, "clean_result": told}


def run(one: Node, kind: str, at: float, disks: Any = ("A", "B"), **system: str | None) -> None:
    """Have ``one`` pass a burn-in."""
    one.driver_internal_info |= begun(one, "deploy", f"burnin_{kind}", at)
    one.driver_internal_info |= passed(one, "clean", result(kind, disks, **system), at)


def test_a_node_that_passed_all_lacks_nothing() -> None:
    one = node()
    run(one, "cpu", NOW - DAY_S)
    run(one, "disk", NOW)
    assert missing(one, ("cpu", "disk"), 30, NOW) == ()
    assert one.driver_internal_info[KEY]["cpu"]["figures"] == {"figures": 1}


def test_what_was_never_run_and_what_is_too_old_is_named() -> None:
    one = node()
    run(one, "cpu", NOW - 41 * DAY_S)
    assert missing(one, ("cpu", "disk"), 30, NOW) == (
        "burnin_cpu passed 41 days ago (30 are allowed)",
        "burnin_disk was never run",
    )
    assert missing(one, ("cpu",), 0, NOW) == ()


def test_a_burn_in_that_begins_takes_the_old_verdict_away() -> None:
    one = node()
    run(one, "cpu", NOW)
    one.driver_internal_info = begun(one, "deploy", "burnin_cpu", NOW)
    assert missing(one, ("cpu",), 0, NOW) == ("burnin_cpu did not pass or did not end",)


def test_other_disks_than_in_another_burn_in_or_in_the_inspection_are_named() -> None:
    one = node()
    run(one, "cpu", NOW - DAY_S)
    run(one, "disk", NOW, ("A", "C"))
    assert missing(one, ("cpu", "disk"), 0, NOW) == (
        "burnin_cpu passed with other disks (with B and without C) than burnin_disk",
    )
    run(one, "cpu", NOW, ("A", "C"))
    inventory = {"inventory": {"disks": [{"serial": "A"}, {"serial": None, "wwn": "0xC"}]}}
    one.inventory, one.inspection_finished_at = inventory, NOW + 1
    assert missing(one, ("cpu", "disk"), 0, NOW) == (
        "the inspection after burnin_cpu found other disks (with 0xC and without C)",
    )
    one.inspection_finished_at = NOW - 1
    assert missing(one, ("cpu", "disk"), 0, NOW) == ()


UUID, OTHER_UUID = "4c4c4544-0051-3610-8052-b7c04f4e4c31", "4c4c4544-0051-3610-8052-b7c04f4e4c32"


def test_the_part_of_the_system_that_was_exchanged_is_named() -> None:
    one = node()
    run(one, "cpu", NOW - DAY_S, uuid=UUID, serial="SN1")
    run(one, "disk", NOW, uuid=OTHER_UUID, serial="SN1")
    assert missing(one, ("cpu", "disk"), 0, NOW) == (
        f"burnin_cpu passed with another system UUID ({UUID} instead of {OTHER_UUID}) than burnin_disk",
    )
    run(one, "cpu", NOW, uuid=OTHER_UUID, serial="SN1")
    assert missing(one, ("cpu", "disk"), 0, NOW) == ()
    vendor = {"system_uuid": OTHER_UUID.upper(), "serial_number": "SN2"}
    disks = [{"serial": "A"}, {"serial": "B"}]
    one.inventory = {"inventory": {"disks": disks, "system_vendor": vendor}}
    one.inspection_finished_at = NOW + 1
    assert missing(one, ("cpu", "disk"), 0, NOW) == (
        "the inspection after burnin_cpu found another system serial number (SN2 instead of SN1)",
    )


def test_a_machine_without_disks_is_known_by_its_system() -> None:
    one = node()
    run(one, "cpu", NOW, (), uuid=UUID)
    assert missing(one, ("cpu",), 0, NOW) == ()
    one.inspection_finished_at = NOW + 1
    one.inventory = {"inventory": {"disks": [], "system_vendor": {"system_uuid": OTHER_UUID}}}
    assert missing(one, ("cpu",), 0, NOW) == (
        f"the inspection after burnin_cpu found another system UUID ({OTHER_UUID} instead of {UUID})",
    )


@pytest.mark.parametrize(
    "system",
    [
        {},
        {"uuid": None, "serial": ""},
        {"uuid": "00000000-0000-0000-0000-000000000000", "serial": "To be filled by O.E.M."},
        {"uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff", "serial": "Default string"},
    ],
)
def test_what_boards_without_numbers_say_is_no_machine_and_no_change(
    system: dict[str, Any],
) -> None:
    one = node()
    run(one, "cpu", NOW, (), **system)
    assert missing(one, ("cpu",), 0, NOW) == ("burnin_cpu does not say on which machine it passed",)
    run(one, "cpu", NOW, **system)
    run(one, "disk", NOW, uuid=UUID, serial="SN1")
    assert missing(one, ("cpu", "disk"), 0, NOW) == ()


def test_a_uuid_in_the_other_order_of_bytes_is_the_same() -> None:
    one = node()
    run(one, "cpu", NOW, uuid=UUID)
    run(one, "disk", NOW, uuid="44454c4c-5100-1036-8052-b7c04f4e4c31")
    assert missing(one, ("cpu", "disk"), 0, NOW) == ()


def test_what_an_older_controller_kept_counts() -> None:
    one = node()
    run(one, "cpu", NOW, uuid=UUID)
    kept = one.driver_internal_info[KEY]
    old = {key: value for key, value in kept["cpu"].items() if key != "system"}
    one.driver_internal_info = {KEY: {**kept, "disk": old}}
    assert missing(one, ("cpu", "disk"), 0, NOW) == ()


@pytest.mark.parametrize("disks", [None, "AB", [["A"]] * 300])
def test_an_agent_that_does_not_say_its_disks_does_not_validate(disks: Any) -> None:
    one = node()
    told = result("cpu", None)
    told["clean_result"]["machine"] = {"disks": disks}
    one.driver_internal_info = passed(one, "clean", told, NOW)
    assert missing(one, ("cpu",), 0, NOW) == ("burnin_cpu does not say on which machine it passed",)


@pytest.mark.parametrize(
    "other", [None, {}, {"clean_step": 5}, {"clean_step": {"interface": "raid", "step": "x"}}]
)
def test_other_steps_change_nothing(other: Any) -> None:
    assert passed(node(), "clean", other, NOW) == {}
    assert begun(node(), "deploy", "erase_devices", NOW) == {}
    assert begun(node(), "vendor", "burnin_cpu", NOW) == {}


def test_a_nodes_own_property_wins_over_the_setting() -> None:
    settings = Settings(burnin_required="cpu,memory")
    assert required_of(settings, node()) == ("cpu", "memory")
    assert required_of(settings, node(properties={"burnin_required": "none"})) == ()
    assert required_of(settings, node(properties={"burnin_required": "disk"})) == ("disk",)


@pytest.mark.parametrize("wanted", ["", "cpu,soul", 5, ["cpu"]])
def test_a_property_that_is_no_list_of_kinds_is_refused(wanted: Any) -> None:
    with pytest.raises(Invalid, match=r"properties.burnin_required .* give none, or some of"):
        required_of(Settings(), node(properties={"burnin_required": wanted}))


def test_a_setting_that_names_something_else_stops_the_controller() -> None:
    assert load_settings('burnin_required = "cpu, disk"', {}, {}).burnin_valid_days == 0
    with pytest.raises(SettingsError, match="setting burnin_required: there is no soul; possible"):
        load_settings('burnin_required = "cpu,soul"', {}, {})


def test_the_drives_that_a_bmc_tells_are_no_other_disks() -> None:
    one = node()
    run(one, "disk", NOW - DAY_S, uuid=UUID)
    drives = [{"serial": "S1"}, {"serial": "S2"}, {"serial": None, "wwn": "0x1"}]
    told = {"disks": drives, "system_vendor": {"system_uuid": UUID}}
    one.inspection_finished_at = NOW
    one.inventory = {"inventory": told, "plugin_data": {"told_by_bmc": True}}
    assert missing(one, ("disk",), 0, NOW) == ()
    one.inventory = {"inventory": told, "plugin_data": {}}
    assert len(missing(one, ("disk",), 0, NOW)) == 1
    other = {"disks": drives, "system_vendor": {"system_uuid": OTHER_UUID}}
    one.inventory = {"inventory": other, "plugin_data": {"told_by_bmc": True}}
    assert len(missing(one, ("disk",), 0, NOW)) == 1
