"""RAID by Redfish: planned on what the BMC tells, carried out one volume after the other, and read back."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from controller.bmc import redfish_raid_moves, redfish_raid_steps
from controller.bmc.redfish_raid import RedfishRaid, StorageOfSystem
from controller.errors import BmcError
from controller.hardware.bmc import NODE, BmcStep, BmcStepLook
from tests.integration.redfish_doubles import RedfishLab, driver_info, finished, redfish_lab
from tests.integration.waiting import wait_until
from tests.lab.redfish.faults import RedfishFaults

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0
STORAGE = "Systems/1/Storage/RAID.1"
TWO = {
    "logical_disks": [
        {"raid_level": "1", "size_gb": 2, "is_root_volume": True, "volume_name": "root"},
        {"raid_level": "5", "size_gb": "MAX"},
    ]
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedfishLab]:
    with redfish_lab(tmp_path_factory.mktemp("lab")) as made:
        made.machine.drives = 6
        yield made


@pytest.fixture
def lab(shared: RedfishLab) -> Iterator[RedfishLab]:
    with shared.as_new() as made:
        for volume in volumes(made):
            finished(made.client(), made.client().ask("DELETE", volume["@odata.id"]))
        made.machine.power_on()
        yield made


@pytest.fixture
def driver() -> RedfishRaid:
    return RedfishRaid()


@pytest.fixture
def bmc(lab: RedfishLab, driver: RedfishRaid) -> StorageOfSystem:
    return driver.connect(driver_info(lab))


def volumes(lab: RedfishLab) -> list[dict[str, Any]]:
    client = lab.client()
    listed = client.get(f"{STORAGE}/Volumes")["Members"]
    return [client.get(one["@odata.id"]) for one in listed]


def step(driver: RedfishRaid, name: str) -> BmcStep:
    (found,) = [one for one in driver.steps({}) if one.name == name]
    return found


def given(target: Any = None, **arguments: Any) -> dict[str, Any]:
    node = {"target_raid_config": target or {}, "raid_config": {}, "properties": {}}
    return {**arguments, NODE: node}


def follow(
    lab: RedfishLab,
    bmc: StorageOfSystem,
    one: BmcStep,
    begun: BmcStepLook,
    until: Callable[[BmcStepLook], bool],
) -> BmcStepLook:
    """Look on as the workflow does, with the starts that the step wants."""
    looks = [begun]

    def is_so() -> bool:
        if looks[-1].restarts:
            lab.machine.reset()
        if not until(looks[-1]):
            assert looks[-1].state is not None
            looks.append(one.look(bmc, looks[-1].state, S))
        return until(looks[-1])

    wait_until(is_so, 60, "the end of the step")
    return looks[-1]


def run(
    lab: RedfishLab, bmc: StorageOfSystem, one: BmcStep, arguments: Mapping[str, Any]
) -> BmcStepLook:
    """Carry a step out to its end."""
    begun = one.begin(bmc, arguments, S)
    return follow(lab, bmc, one, begun, until=lambda look: look.state is None)


def kept(look: BmcStepLook) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (look.result or {})["logical_disks"]
    return found


def make(lab: RedfishLab, kind: str, *drives: int) -> None:
    paths = [{"@odata.id": f"/redfish/v1/{STORAGE}/Drives/{one}"} for one in drives]
    client, order = lab.client(), {"RAIDType": kind, "Links": {"Drives": paths}}
    finished(client, client.ask("POST", f"{STORAGE}/Volumes", order))


@pytest.mark.parametrize(
    "faults",
    [
        RedfishFaults(),
        RedfishFaults(old_volumes=True),
        RedfishFaults(volumes_at_start=True),
        RedfishFaults(forgets_tasks=True, without_optional=True),
    ],
    ids=["good", "old", "at start", "bare"],
)
def test_volumes_are_made_and_deleted_and_read_back(
    lab: RedfishLab,
    driver: RedfishRaid,
    bmc: StorageOfSystem,
    faults: RedfishFaults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redfish_raid_moves, "_SCHEDULED_S", 0.1)
    lab.bmc.set_faults(faults)
    boots = lab.machine.boots
    look = run(lab, bmc, step(driver, "create_configuration"), given(TWO))
    assert look.message.startswith("RAID.1: RAID 1, 2 GiB, on 0, 1; RAID.1: RAID 5, all, on 2, ")
    root, other = kept(look)
    assert (root["raid_level"], root["size_gb"], root["is_root_volume"]) == ("1", 2, True)
    assert (root["volume_name"], root["physical_disks"]) == ("root", ["0", "1"])
    assert root["root_device_hint"]["wwn"].startswith("0x600508b1001c")
    assert (other["raid_level"], other["is_root_volume"]) == ("5", False)
    assert len(volumes(lab)) == 2
    look = run(lab, bmc, step(driver, "delete_configuration"), given())
    assert kept(look) == []
    assert volumes(lab) == []
    assert lab.machine.boots == boots + 4 * faults.volumes_at_start
    again = step(driver, "delete_configuration").begin(bmc, given(), S)
    assert (again.state, again.message, kept(again)) == (None, "nothing is to be done", [])


def test_drives_in_use_are_refused_before_anything_is_changed(
    lab: RedfishLab, driver: RedfishRaid, bmc: StorageOfSystem
) -> None:
    make(lab, "RAID0", 0, 1, 2)
    before = volumes(lab)
    words = r"^BMC https.*: RAID, create_configuration: logical_disks\[1\].*; 0 is in use by the volume \d+ \(RAID0\)|in use.*nothing was changed$"
    with pytest.raises(BmcError, match=words):
        step(driver, "create_configuration").begin(bmc, given(TWO), S)
    assert volumes(lab) == before
    look = run(
        lab, bmc, step(driver, "apply_configuration"), given(raid_config=TWO, delete_existing=True)
    )
    assert [one["raid_level"] for one in kept(look)] == ["1", "5"]
    assert len(volumes(lab)) == 2


def test_a_protected_volume_stays(
    lab: RedfishLab, driver: RedfishRaid, bmc: StorageOfSystem
) -> None:
    make(lab, "RAID0", 0)
    make(lab, "RAID1", 1, 2)
    first = volumes(lab)[0]
    wwn = f"0x{first['Identifiers'][0]['DurableName'].lower()}"
    arguments = given()
    arguments[NODE]["properties"] = {"skip_block_devices": [{"wwn": wwn}]}
    look = run(lab, bmc, step(driver, "delete_configuration"), arguments)
    assert [one["raid_level"] for one in kept(look)] == ["0"]
    assert volumes(lab) == [first]


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (
            {"volume_tasks_fail": True},
            r"RAID 1, 2 GiB, on 0, 1: the BMC's task ended badly: the controller does not carry it out",
        ),
        ({"loses_volumes": True}, r"took the order, and .* later the volume is not there"),
        (
            {"other_volumes": True},
            r"was made, but is RAID0, not RAID 1, and has 1.0 GiB instead of 2.0; delete it",
        ),
        ({"bare_400": True}, r"make a volume: answered 400.*\(RAID.1: RAID 1"),
    ],
)
def test_what_does_not_come_is_told_with_the_bmcs_words(
    lab: RedfishLab,
    driver: RedfishRaid,
    bmc: StorageOfSystem,
    faults: dict[str, Any],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redfish_raid_moves, "_SETTLES_S", 0.2)
    lab.bmc.set_faults(RedfishFaults(**faults))
    with pytest.raises(BmcError, match=words) as raised:
        run(lab, bmc, step(driver, "create_configuration"), given(TWO))
    assert lab.bmc.url in str(raised.value)


def test_the_second_of_two_that_fails_names_the_first(
    lab: RedfishLab, driver: RedfishRaid, bmc: StorageOfSystem
) -> None:
    one = step(driver, "create_configuration")
    begun = one.begin(bmc, given(TWO), S)
    half = follow(lab, bmc, one, begun, until=lambda look: bool(look.state and look.state["done"]))
    lab.bmc.set_faults(RedfishFaults(volume_tasks_fail=True))
    words = r"RAID 5.*ended badly.*before that was done: RAID.1: RAID 1, 2 GiB"
    with pytest.raises(BmcError, match=words):
        follow(lab, bmc, one, half, until=lambda _look: False)
    assert len(volumes(lab)) == 1


def test_a_look_that_was_killed_orders_nothing_twice(
    lab: RedfishLab, driver: RedfishRaid, bmc: StorageOfSystem
) -> None:
    """What the dead controller ordered is found by its task, and later by its volume."""
    lab.bmc.set_faults(RedfishFaults(task_s=1.0))
    one = step(driver, "create_configuration")
    begun = one.begin(bmc, given(TWO), S)
    assert begun.state is not None
    noted = one.look(bmc, begun.state, S)
    assert noted.state is not None
    first = one.look(bmc, noted.state, S)
    again = one.look(bmc, noted.state, S)
    assert first.state is not None
    assert again.state is not None
    assert (again.state["phase"], again.state["task"].rsplit("/", 1)[-1]) == (
        "task",
        first.state["task"].rsplit("/", 1)[-1],
    )
    wait_until(lambda: len(volumes(lab)) == 1, 10, "the volume")
    late = one.look(bmc, noted.state, S)
    follow(lab, bmc, one, late, until=lambda look: bool(look.state and look.state["done"]))
    assert len(volumes(lab)) == 1


def test_a_volume_may_get_the_number_and_the_name_of_one_that_was_deleted_before(
    lab: RedfishLab, driver: RedfishRaid, bmc: StorageOfSystem
) -> None:
    """The lab derives the WWN from the number, so that only the deletion tells the old root from the new volume."""
    lab.bmc.set_faults(RedfishFaults(reuses_numbers=True))
    one = step(driver, "create_configuration")
    root = {"raid_level": "1", "size_gb": 2, "is_root_volume": True}
    before = run(lab, bmc, one, given({"logical_disks": [root]}))
    other = {"raid_level": "1", "size_gb": 2, "is_root_volume": False}
    arguments = given({"logical_disks": [other]}, delete_existing=True)
    arguments[NODE]["raid_config"] = before.result
    (now,) = kept(run(lab, bmc, one, arguments))
    assert now["id"] == kept(before)[0]["id"]
    assert [disk["is_root_volume"] for disk in (*kept(before), now)] == [True, False]


def test_a_job_that_hangs_keeps_the_step_where_it_is(
    lab: RedfishLab, driver: RedfishRaid, bmc: StorageOfSystem
) -> None:
    """Nothing moves, so that the workflow's limit for steps without progress ends it."""
    lab.bmc.set_faults(RedfishFaults(task_s=1000.0))
    one = step(driver, "create_configuration")
    look = one.begin(bmc, given(TWO), S)
    for _ in range(3):
        assert look.state is not None
        look = one.look(bmc, look.state, S)
    assert look.state is not None
    assert "Running 0 %" in look.message
    assert one.look(bmc, look.state, S).state == look.state


def test_a_silence_is_waited_for(
    lab: RedfishLab,
    driver: RedfishRaid,
    bmc: StorageOfSystem,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = step(driver, "create_configuration")
    begun = one.begin(bmc, given(TWO), S)
    assert begun.state is not None
    lab.bmc.stop()
    silent = one.look(bmc, begun.state, S)
    assert silent.state is not None
    assert "refused the connection" in silent.message
    monkeypatch.setattr(redfish_raid_steps, "_SILENT_S", 0.0)
    with pytest.raises(BmcError, match="refused the connection"):
        one.look(bmc, silent.state, S)
    lab.bmc.start()


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("create_configuration", given(), "target_raid_config has no logical disks; set it"),
        ("apply_configuration", given(raid_config={"logical_disks": 1}), "raid_config: logical_d"),
        ("create_configuration", given(TWO, delete_existing="yes"), "delete_existing is 'yes'"),
    ],
)
def test_malformed_arguments_are_refused(
    driver: RedfishRaid, bmc: StorageOfSystem, name: str, arguments: Mapping[str, Any], words: str
) -> None:
    with pytest.raises(BmcError, match=words):
        step(driver, name).begin(bmc, arguments, S)
