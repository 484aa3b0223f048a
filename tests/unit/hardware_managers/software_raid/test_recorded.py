"""Which array ``raid_config`` means: what it names, and without a name only what is certain."""

from pathlib import Path
from typing import Any

import pytest

from agent.errors import RaidError
from hardware_managers.software_raid.present import PresentArray
from hardware_managers.software_raid.recorded import find_all, recorded_arrays


def array(name: str, level: str = "raid1", uuid: str = "") -> PresentArray:
    return PresentArray(
        uuid=uuid or f"uuid-{name}", name=name, level=level, members=(Path("/dev/sda2"),)
    )


def entry(level: str = "1", **more: Any) -> dict[str, Any]:
    return {"controller": "software", "raid_level": level, "size_gb": 8, **more}


def found(present: list[PresentArray], *entries: Any) -> list[str]:
    known = recorded_arrays({"raid_config": {"logical_disks": list(entries)}})
    return [one.name for one in find_all(known, present)]


def test_arrays_that_ironics_agent_made_without_names_are_found_in_its_order() -> None:
    present = [array("md0"), array("md1"), array("esp")]
    assert found(present, entry(size_gb="MAX", is_root_volume=True), entry()) == ["md1", "md0"]


def test_the_only_array_that_fits_is_meant() -> None:
    present = [array("volume0"), array("scratch", "raid0"), array("esp"), array("", "imsm")]
    assert found(present, entry()) == ["volume0"]
    assert found(present, entry("0"), entry()) == ["scratch", "volume0"]
    assert found([array("a"), array("b")], entry(), entry(volume_name="a")) == ["b", "a"]


def test_of_two_arrays_of_one_name_the_uuid_tells_which() -> None:
    present = [array("root", uuid="1"), array("root", uuid="2")]
    known = recorded_arrays(
        {"raid_config": {"logical_disks": [entry(volume_name="root", uuid="2")]}}
    )
    assert find_all(known, present)[0].uuid == "2"
    with pytest.raises(RaidError, match=r"'root', but 2 of that name"):
        found(present, entry(volume_name="root"))


@pytest.mark.parametrize("present", [[], [array("a"), array("b")], [array("esp")]])
def test_nothing_is_guessed(present: list[PresentArray]) -> None:
    with pytest.raises(RaidError, match=r"number 1 \(without a name\), but [02] arrays .* may be"):
        found(present, entry())


def test_one_array_is_not_two_of_them() -> None:
    with pytest.raises(RaidError, match=r"number 1 .* and number 2 .* only volume0 is on"):
        found([array("volume0")], entry(), entry())


@pytest.mark.parametrize(
    "config", [None, [], {"logical_disks": 1}, {"logical_disks": [1, {"controller": "RAID.1"}]}]
)
def test_what_is_no_array_of_md_is_passed_over(config: Any) -> None:
    assert recorded_arrays({"raid_config": config}) == ()
