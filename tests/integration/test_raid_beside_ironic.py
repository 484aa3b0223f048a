"""What can be wished of RAID, ours and real Ironic's: the same configurations are taken and refused."""

import json
import random
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.bench.servers import start
from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic

pytestmark = list(BESIDE_IRONIC)
_CONFIGS = 150
GOOD: dict[str, tuple[Any, ...]] = {
    "raid_level": ("JBOD", "0", "1", "2", "5", "6", "1+0", "5+0", "6+0"),
    "size_gb": (0, 1, 100, "MAX"),
    "volume_name": ("", "root"),
    "is_root_volume": (True, False),
    "share_physical_disks": (True, False),
    "disk_type": ("hdd", "ssd"),
    "interface_type": ("sata", "scsi", "sas"),
    "number_of_physical_disks": (1, 8),
    "controller": ("software", "x"),
    "physical_disks": (["a"], [{"size": ">= 1"}, {"size": "2"}], [{}, {}]),
}
WRONG: tuple[Any, ...] = (
    *(None, "", "max", "7", -1, 0, 1.5, True, [], {}, [{}], ["a", 1], [{}, "a"]),
    *({"a": 1}, "MAX", 1),
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with pytest.MonkeyPatch.context() as patch:
        line = r"enabled_raid_interfaces = .*"
        config = re.sub(line, "enabled_raid_interfaces = fake,no-raid", start.IRONIC_CONFIG)
        patch.setattr(start, "IRONIC_CONFIG", config)
        with beside_ironic(tmp_path_factory.mktemp("raid")) as found:
            yield found


def a_disk(chance: random.Random) -> Any:
    """Return a logical disk, right or with a mistake or two."""
    names = ["raid_level", "size_gb", *chance.sample(sorted(GOOD), k=chance.randrange(5))]
    disk = {name: chance.choice(GOOD[name]) for name in names}
    for _ in range(chance.choice((0, 0, 1, 2))):
        name = chance.choice((*GOOD, "colour"))
        if chance.random() < 0.3:
            disk.pop(name, None)
        else:
            disk[name] = chance.choice(WRONG)
    return disk if chance.random() < 0.95 else chance.choice(WRONG)


def test_the_same_configurations_are_taken(beside: Beside) -> None:
    node, chance = beside.node(raid_interface="fake"), random.Random(3)
    path = f"/v1/nodes/{node}/states/raid"
    for _ in range(_CONFIGS):
        disks = [a_disk(chance) for _ in range(chance.choice((1, 1, 2)))]
        said = beside.same("PUT", path, {"logical_disks": disks})
        if said.status < 300:
            assert said.status == 204
            for shown in (f"/v1/nodes/{node}?fields=target_raid_config",):
                beside.same("GET", shown)
    others: tuple[Any, ...] = ({}, {"logical_disks": None}, {"x": 1}, {"logical_disks": {}})
    for body in (*others, {"logical_disks": []}):
        beside.same("PUT", path, body)
    no_objects: tuple[Any, ...] = ([], "x", 1, [{}])
    for body in no_objects:
        beside.refused(400, "PUT", path, body)
    for minor in (1, 11, 12):
        beside.same("PUT", path, {}, minor=minor)


def test_a_node_without_raid_refuses_every_wish(beside: Beside) -> None:
    node = beside.node(raid_interface="no-raid")
    path = f"/v1/nodes/{node}/states/raid"
    for body in ({"logical_disks": [{"raid_level": "1", "size_gb": 1}]}, {"x": 1}, {}):
        beside.same("PUT", path, body)
    beside.refused(404, "PUT", f"/v1/nodes/{beside.uuid()}/states/raid", {})


def test_the_properties_of_logical_disks_are_told(beside: Beside) -> None:
    for driver, minor in product(("fake-hardware", "nope"), (1, 11, 12, 115)):
        path = f"/v1/drivers/{driver}/raid/logical_disk_properties"
        ours, theirs = beside.ask("GET", path, minor=minor)
        assert ours.status == theirs.status, f"{path} at 1.{minor}: {ours}, theirs {theirs}"
        if ours.status == 200:
            assert set(ours.document) == set(theirs.document) == set(GOOD)
            assert all(ours.document.values())


def test_validate_looks_at_what_is_wished(beside: Beside) -> None:
    node = beside.node(raid_interface="fake")
    good: dict[str, Any] = {"logical_disks": [{"raid_level": "1", "size_gb": 1}]}
    bad: dict[str, Any] = {"logical_disks": []}
    for wished in (good, bad, {}):
        beside.set_node(node, target_raid_config=json.dumps(wished))
        beside.ours.set_row(node, target_raid_config=wished)
        ours, theirs = beside.ask("GET", f"/v1/nodes/{node}/validate")
        assert ours.document["raid"]["result"] == theirs.document["raid"]["result"], wished
