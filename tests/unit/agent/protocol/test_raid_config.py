"""Ironic's schema of ``target_raid_config``: what it does not allow is named, before a configurator gets it."""

from typing import Any

import pytest

from agent.protocol.raid_config import check_raid_config
from agent.protocol.refusal import Refusal


def wanted(**changes: Any) -> dict[str, Any]:
    fields = {"raid_level": "1", "size_gb": 8, "controller": "software", **changes}
    return {name: value for name, value in fields.items() if value is not ...}


@pytest.mark.parametrize(
    "disk",
    [
        wanted(),
        wanted(size_gb="MAX", controller=...),
        wanted(physical_disks=["a"]),
        wanted(physical_disks=[{"size": "x"}, {}], number_of_physical_disks=2),
        wanted(disk_type="ssd", interface_type="sas", share_physical_disks=True),
    ],
)
def test_what_the_schema_allows_is_taken(disk: dict[str, Any]) -> None:
    check_raid_config({"logical_disks": [disk]})
    check_raid_config({})


@pytest.mark.parametrize(
    ("disk", "said"),
    [
        (wanted(size_gb=True), r"logical_disks\[0\]\.size_gb is True; give a whole number of GiB"),
        (wanted(size_gb=-1), "size_gb is -1"),
        (wanted(size_gb=...), "size_gb is missing"),
        (wanted(raid_level="7"), "raid_level is '7'; give one of JBOD, 0, 1"),
        (wanted(wish="x"), r"logical_disks\[0\]\.wish is unknown; known are raid_level, "),
        (wanted(share_physical_disks=None), "share_physical_disks is None; give true or false"),
        (wanted(is_root_volume="yes"), "is_root_volume is 'yes'"),
        (wanted(volume_name=3), "volume_name is 3; give text"),
        (wanted(physical_disks=[]), r"physical_disks is \[\]; give a list of names"),
        (wanted(physical_disks=["a", {}]), "physical_disks is "),
        (wanted(physical_disks=["a"], controller=...), "wants a controller too"),
        ("a mirror", "is no object but 'a mirror'"),
    ],
)
def test_what_it_does_not_is_named(disk: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        check_raid_config({"logical_disks": [disk]})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ([], "is no object"),
        ({"logical_disks": []}, "give a list of at least one"),
        ({"logical_disks": [wanted()], "more": 1}, "'more' is unknown"),
        (
            {"logical_disks": 2 * [wanted(is_root_volume=True)]},
            "logical_disks 0 and 1 both are the root volume",
        ),
    ],
)
def test_the_whole_is_checked_too(config: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        check_raid_config(config)
