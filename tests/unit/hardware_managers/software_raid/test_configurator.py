"""Arrays are made as planned, read back, taken away again after a failure, and started for a deployment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Declined, InvalidRequest, NoSuitableDisk, RaidError
from agent.hardware.capabilities import HardwareManager, StepContext
from agent.hardware.registry import Hardware
from hardware_managers.generic.raid_steps import (
    apply_configuration,
    create_configuration,
    delete_configuration,
)
from hardware_managers.software_raid.configurator import SoftwareRaid
from hardware_managers.software_raid.present import parse_scan
from hardware_managers.software_raid.root_volume import RootVolume
from tests.unit.fakes import Tools
from tests.unit.hardware_managers.software_raid.md_machine import MdMachine

ROOT = {
    "raid_level": "1",
    "size_gb": 8,
    "controller": "software",
    "volume_name": "root",
    "is_root_volume": True,
}
DATA = {"raid_level": "0", "size_gb": "MAX", "controller": "software", "volume_name": "data"}


@pytest.fixture
def machine(tmp_path: Path) -> MdMachine:
    return MdMachine(tmp_path, ("sda", "sdb"))


def raid_of(machine: MdMachine) -> SoftwareRaid:
    return SoftwareRaid(machine, machine.sys_root, machine)


def take(
    step: Callable[[StepContext], dict[str, Any]], machine: MdMachine, **node: Any
) -> dict[str, Any]:
    """Run a step on the machine; ``args`` are those of the step, the rest the node's."""
    args = node.pop("args", {})
    hardware = Hardware(
        [
            HardwareManager(
                name="md",
                version="1",
                support=1,
                disk_lister=machine,
                metadata_eraser=machine,
                raid_configurators=(raid_of(machine),),
            )
        ]
    )
    tools = Tools(machine, machine.root / "work").tools
    return step(
        StepContext(
            node={"boot_mode": "bios", **node},
            ports=(),
            args=args,
            hardware=hardware,
            tools=tools,
            remember=lambda _: None,
        )
    )


def create(machine: MdMachine, *wanted: dict[str, Any], **node: Any) -> dict[str, Any]:
    target = {"logical_disks": list(wanted)}
    return take(create_configuration, machine, target_raid_config=target, **node)


def test_what_was_made_is_read_back_from_the_arrays(machine: MdMachine) -> None:
    config = create(machine, DATA, ROOT)
    data, root = config["logical_disks"]
    assert root == {
        "raid_level": "1",
        "size_gb": 8,
        "controller": "software",
        "volume_name": "root",
        "is_root_volume": True,
        "number_of_physical_disks": 2,
        "physical_disks": [
            {"name": "/dev/sda", "serial": "S-sda"},
            {"name": "/dev/sdb", "serial": "S-sdb"},
        ],
        "uuid": "00000002:00000002:00000002:00000002",
        "state": "clean",
    }
    assert (data["raid_level"], data["size_gb"], data["is_root_volume"]) == ("0", 111, False)
    assert config["last_updated"]


def test_an_array_that_mdadm_only_says_to_have_made_is_an_error_and_nothing_is_left(
    machine: MdMachine,
) -> None:
    machine.broken = ("data",)
    with pytest.raises(RaidError, match=r"it does not run.*nothing of it stands any more"):
        create(machine, ROOT, DATA)
    assert machine.arrays == []
    assert machine.wiped[-2:] == ["sda", "sdb"]


def test_what_cannot_be_taken_away_after_a_failure_is_named(machine: MdMachine) -> None:
    machine.failing = ("sfdisk",)
    with pytest.raises(RaidError, match=r"sfdisk: exit status 1.*sda, /dev/sdb are empty"):
        create(machine, ROOT)
    machine.failing = ("wipe",)
    with pytest.raises(RaidError, match=r"/dev/sda could not be cleared.*/dev/sdb could not"):
        create(machine, ROOT)


def test_disks_that_hold_something_are_refused_before_anything_is_written(
    machine: MdMachine,
) -> None:
    create(machine, ROOT)
    machine.wiped.clear()
    with pytest.raises(InvalidRequest, match=r"/dev/sda is in the array root; run delete_conf"):
        create(machine, DATA)
    assert machine.wiped == []


def test_apply_plans_first_then_deletes_then_makes(machine: MdMachine) -> None:
    create(machine, ROOT)
    machine.wiped.clear()
    wish = {"logical_disks": [{**ROOT, "size_gb": 100}]}
    with pytest.raises(InvalidRequest, match=r"missing on /dev/sda"):
        take(apply_configuration, machine, args={"raid_config": wish})
    assert machine.wiped == []
    wish = {"logical_disks": [{**ROOT, "volume_name": "new"}]}
    config = take(apply_configuration, machine, args={"raid_config": wish})
    assert [disk["volume_name"] for disk in config["logical_disks"]] == ["new"]
    args = {"raid_config": wish, "delete_existing": False}
    with pytest.raises(InvalidRequest, match=r"in the array new"):
        take(apply_configuration, machine, args=args)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({}, "target_raid_config: has no logical disks"),
        ({"target_raid_config": {"logical_disks": [{"size_gb": 1}]}}, "raid_level is missing"),
        (
            {"target_raid_config": {"logical_disks": [{**ROOT, "controller": "RAID.1"}]}},
            r"\[0\]\.controller: 'RAID.1' is not there; this machine has: software",
        ),
        (
            {"target_raid_config": {"logical_disks": [{"raid_level": "1", "size_gb": 1}]}},
            r"controller: missing",
        ),
    ],
)
def test_a_request_that_nobody_can_carry_out_is_refused(
    machine: MdMachine, node: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        take(create_configuration, machine, **node)


def test_delete_leaves_kept_arrays_and_says_what_stands(tmp_path: Path) -> None:
    machine = MdMachine(tmp_path, ("sda", "sdb", "sdc", "sdd"))
    mine = [{"serial": "S-sda"}, {"serial": "S-sdb"}]
    rest = [{"serial": "S-sdc"}, {"serial": "S-sdd"}]
    create(machine, {**ROOT, "physical_disks": mine}, {**DATA, "physical_disks": rest})
    keep = {"skip_block_devices": [{"serial": "s== S-sdc"}, {"serial": "s== S-sdd"}]}
    config = take(delete_configuration, machine, properties=keep)
    assert [disk["volume_name"] for disk in config["logical_disks"]] == ["data"]
    wanted = ({**ROOT, "physical_disks": mine}, {**DATA, "physical_disks": rest})
    config = create(machine, *wanted, properties=keep)  # the kept one is not made again
    assert {disk["volume_name"] for disk in config["logical_disks"]} == {"root", "data"}
    config = take(delete_configuration, machine)
    assert config["logical_disks"] == []


def test_the_root_volume_is_started_and_wins_over_hints(machine: MdMachine) -> None:
    config = create(machine, DATA, ROOT)
    machine.stop_all()
    node = {"raid_config": config, "properties": {"root_device": {"serial": "S-sda"}}}
    choice = RootVolume(raid_of(machine)).choose(node, machine.disks())
    assert choice.disk.path == Path("/dev/md1")
    assert choice.disk.below == (Path("/dev/sda"), Path("/dev/sdb"))
    assert "the root volume of raid_config, 'root'" in choice.reasons[choice.disk.path]
    machine.stop_all()
    machine.arrays.clear()
    with pytest.raises(RaidError, match=r"raid_config has the array 'data', but 0"):
        RootVolume(raid_of(machine)).choose(node, machine.disks())


def test_without_a_root_volume_the_first_array_is_taken_unless_there_are_hints(
    machine: MdMachine,
) -> None:
    config = create(machine, {**ROOT, "is_root_volume": False})
    chooser = RootVolume(raid_of(machine))
    assert chooser.choose({"raid_config": config}, machine.disks()).disk.path == Path("/dev/md0")
    hinted = {"raid_config": config, "properties": {"root_device": {"serial": "S-sda"}}}
    with pytest.raises(Declined):
        chooser.choose(hinted, machine.disks())
    with pytest.raises(Declined, match=r"no software RAID"):
        chooser.choose({}, machine.disks())


def test_a_root_volume_without_a_name_is_recognised(machine: MdMachine) -> None:
    create(machine, {**DATA, "volume_name": "md1"}, {**ROOT, "volume_name": "md0"})
    machine.stop_all()
    data = {key: value for key, value in DATA.items() if key != "volume_name"}
    root = {key: value for key, value in ROOT.items() if key != "volume_name"}
    node = {"raid_config": {"logical_disks": [data, root]}}  # as Ironic's agent leaves it
    choice = RootVolume(raid_of(machine)).choose(node, machine.disks())
    assert choice.disk.size_bytes == 8 << 30
    again = take(
        delete_configuration,
        machine,
        **node,
        properties={"skip_block_devices": [{"serial": "S-sda"}]},
    )
    assert [disk["is_root_volume"] for disk in again["logical_disks"]] == [True, False]


def test_a_root_volume_on_a_protected_disk_is_refused(machine: MdMachine) -> None:
    config = create(machine, ROOT)
    properties = {"skip_block_devices": [{"serial": "S-sda"}]}
    with pytest.raises(NoSuitableDisk, match=r"'root' .* is on /dev/sda, which"):
        RootVolume(raid_of(machine)).choose(
            {"raid_config": config, "properties": properties}, machine.disks()
        )


def test_a_scan_names_containers_of_firmware_and_leaves_their_volumes_out() -> None:
    text = (
        "ARRAY metadata=imsm UUID=1:2:3:4 \n   devices=/dev/vdc,/dev/vdd\n"
        "ARRAY /dev/md/v container=1:2:3:4 member=0 UUID=5:6:7:8 \n"
        "ARRAY /dev/md/data  level=raid1 metadata=1.2 num-devices=2 UUID=9:a:b:c name=old:data\n"
        "   devices=/dev/vdb1,/dev/vda1\n"
    )
    found = parse_scan(text)
    assert [(array.level, array.name, len(array.members)) for array in found] == [
        ("imsm", "", 2),
        ("raid1", "data", 2),
    ]
