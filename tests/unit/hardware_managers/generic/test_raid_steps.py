"""Logical disks go to those who know their controller; one RAID program that does not answer costs only its own."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.errors import InvalidRequest, RaidError
from agent.hardware.capabilities import HardwareManager, StepContext
from agent.hardware.devices import BlockDevice
from agent.hardware.raiding import RaidConfig, RaidPlan, RaidRequest
from agent.hardware.registry import Hardware
from agent.hardware.tools import StepTools
from hardware_managers.generic import raid_answers
from hardware_managers.generic.raid_steps import (
    apply_configuration,
    create_configuration,
    delete_configuration,
)
from tests.unit.fakes import FakeRunner, Tools
from tests.unit.hardware_managers.software_raid.md_machine import MdMachine


class Paper:
    """A configurator that writes down what it is told."""

    def __init__(
        self, name: str, *controllers: str, trouble: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self.disks: list[Mapping[str, Any]] = []
        self.trouble = trouble or (lambda: None)
        self._controllers = controllers

    def controllers(self) -> Sequence[str]:
        self.trouble()
        return self._controllers

    def plan(self, request: RaidRequest) -> RaidPlan:
        self._wanted = request.logical_disks
        return RaidPlan(lines=tuple(str(disk) for disk in request.logical_disks))

    def create(self, plan: RaidPlan, tools: StepTools) -> RaidConfig:
        self.disks += self._wanted
        return self.read()

    def delete(self, request: RaidRequest, tools: StepTools) -> RaidConfig:
        self.trouble()
        self.disks.clear()
        return self.read()

    def read(self) -> RaidConfig:
        self.trouble()
        return {"logical_disks": list(self.disks)}

    def attach(self, node: Mapping[str, Any]) -> tuple[BlockDevice, ...]:
        return ()


def wanted(**fields: Any) -> dict[str, Any]:
    return {"raid_level": "1", "size_gb": "MAX", **fields}


def take(
    step: Callable[[StepContext], dict[str, Any]],
    folder: Path,
    *configurators: Paper,
    args: Mapping[str, Any] | None = None,
    **node: Any,
) -> dict[str, Any]:
    machine = MdMachine(folder, ("sda", "sdb"))
    manager = HardwareManager(
        name="paper",
        version="1",
        support=1,
        disk_lister=machine,
        metadata_eraser=machine,
        raid_configurators=configurators,
    )
    context = StepContext(
        node={"boot_mode": "bios", **node},
        ports=(),
        args=args or {},
        hardware=Hardware([manager]),
        tools=Tools(FakeRunner({}), folder / "work").tools,
        remember=lambda _: None,
    )
    return step(context)


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Give what never answers, until the test is over."""
    monkeypatch.setattr(raid_answers, "LIMIT_S", 0.2)
    is_over = threading.Event()

    def wait() -> None:
        is_over.wait()

    yield wait
    is_over.set()


def fail() -> None:
    raise RaidError("storcli: no end after 120 s")


def crash() -> None:
    raise KeyError("Controllers")


@pytest.fixture(params=["hangs", "fails", "crashes"])
def trouble(
    request: pytest.FixtureRequest, hang: Callable[[], None]
) -> tuple[Callable[[], None], str]:
    return {
        "hangs": (hang, "no answer within 0.2 s"),
        "fails": (fail, "storcli: no end after 120 s"),
        "crashes": (crash, "KeyError: 'Controllers'"),
    }[request.param]


def test_a_program_that_does_not_answer_costs_only_its_own_logical_disks(
    tmp_path: Path, trouble: tuple[Callable[[], None], str]
) -> None:
    storcli, software = Paper("storcli", "storcli/c0", trouble=trouble[0]), Paper("md", "software")
    target = {"logical_disks": [wanted(controller="software")]}
    made = take(create_configuration, tmp_path, storcli, software, target_raid_config=target)
    assert made["logical_disks"] == target["logical_disks"]
    assert made["unanswered"] == {"storcli": trouble[1]}
    applied = take(apply_configuration, tmp_path, storcli, software, args={"raid_config": target})
    assert (applied["logical_disks"], len(software.disks)) == (target["logical_disks"], 1)
    left = take(delete_configuration, tmp_path, storcli, software, raid_config=made)
    assert (left["logical_disks"], left["unanswered"]) == ([], {"storcli": trouble[1]})


def test_its_own_logical_disks_are_refused_with_its_name(
    tmp_path: Path, trouble: tuple[Callable[[], None], str]
) -> None:
    storcli, software = Paper("storcli", "storcli/c0", trouble=trouble[0]), Paper("md", "software")
    target = {"logical_disks": [wanted(controller="storcli/c0")]}
    with pytest.raises(InvalidRequest) as refused:
        take(create_configuration, tmp_path, storcli, software, target_raid_config=target)
    assert "'storcli/c0' is not there; this machine has: software" in str(refused.value)
    assert f"; storcli did not answer: {trouble[1]}" in str(refused.value)


def test_a_deletion_is_not_called_done_if_the_node_has_logical_disks_there(
    tmp_path: Path, trouble: tuple[Callable[[], None], str]
) -> None:
    storcli, software = Paper("storcli", "storcli/c0", trouble=trouble[0]), Paper("md", "software")
    software.disks.append(wanted(controller="software"))
    recorded = {"logical_disks": [wanted(controller="storcli/c0"), wanted(controller="software")]}
    with pytest.raises(RaidError, match="logical disks of storcli/c0 may stand still: storcli did"):
        take(delete_configuration, tmp_path, storcli, software, raid_config=recorded)
    assert software.disks == []


def test_a_report_without_trouble_names_nobody(tmp_path: Path) -> None:
    target = {"logical_disks": [wanted(controller="software")]}
    made = take(create_configuration, tmp_path, Paper("md", "software"), target_raid_config=target)
    assert set(made) == {"logical_disks", "last_updated"}


def test_a_logical_disk_without_a_controller_goes_to_the_only_one(tmp_path: Path) -> None:
    storcli, software = Paper("storcli", "storcli/c0"), Paper("md", "software")
    target = {"logical_disks": [wanted(), wanted(controller="software")]}
    take(create_configuration, tmp_path, storcli, software, target_raid_config=target)
    assert storcli.disks == [wanted(controller="storcli/c0")]
    assert software.disks == [wanted(controller="software")]


@pytest.mark.parametrize(
    ("controllers", "why", "there"),
    [
        (
            ("storcli/c0", "storcli/c1"),
            "the machine has several RAID controllers; name one",
            "software, storcli/c0, storcli/c1",
        ),
        ((), "no RAID controller was found; name one, or 'software' for software RAID", "software"),
    ],
)
def test_a_logical_disk_without_a_controller_is_refused_where_there_is_a_choice(
    tmp_path: Path, controllers: tuple[str, ...], why: str, there: str
) -> None:
    storcli, software = Paper("storcli", *controllers), Paper("md", "software")
    args = {"raid_config": {"logical_disks": [wanted()]}}
    with pytest.raises(InvalidRequest) as refused:
        take(apply_configuration, tmp_path, storcli, software, args=args)
    words = f"logical_disks[0].controller: missing, and {why}; this machine has: {there} ("
    assert words in str(refused.value)


def test_nothing_is_chosen_while_somebody_does_not_answer(tmp_path: Path) -> None:
    configurators = Paper("storcli", "storcli/c0"), Paper("ssacli", trouble=fail)
    target = {"logical_disks": [wanted()]}
    with pytest.raises(InvalidRequest, match=r"it is not known whether .*; ssacli did not answer"):
        take(create_configuration, tmp_path, *configurators, target_raid_config=target)
