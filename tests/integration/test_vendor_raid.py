"""RAID controllers of vendors: stand-ins answer as storcli and ssacli do, keep a controller, and lie; ssacli's own output as proliantutils recorded it."""

import importlib.util
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agent.errors import DiskInUse, InvalidRequest, RaidError
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import MetadataEvidence
from agent.hardware.raiding import RaidRequest
from agent.hardware.tools import ProgressSink
from agent.system.runner import HostRunner
from agent.system.sysfs import SysRoot
from hardware_managers.generic.raid_answers import ask_each
from hardware_managers.software_raid.configurator import SoftwareRaid
from hardware_managers.vendor_raid.configurator import VendorRaid
from hardware_managers.vendor_raid.drives import RaidController
from hardware_managers.vendor_raid.manager import probe
from hardware_managers.vendor_raid.ssacli import SsaCli
from hardware_managers.vendor_raid.storcli import StorCli
from hardware_managers.vendor_raid.tool import RaidTool
from tests.integration.raid_programs import SSACLI, STORCLI, raid_program
from tests.unit.fakes import FakeRunner, Tools, disk

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / "build/peers/plugins/lib/python3.11/site-packages"
RECORDED = PEER / "proliantutils/tests/hpssa/raid_constants.py"
STOR_DRIVES = [f"252:{number}" for number in range(8)]
SSA_DRIVES = [f"5I:1:{number}" for number in range(8)]
FAMILIES = ("storcli", "ssacli")


class NoEraser:
    """Is never asked: a controller's drives have no metadata that the kernel would see."""

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        raise AssertionError(disk, progress, wipe_shared)


class Busy:
    """A releaser that finds everything in use."""

    def release(self, disks: Collection[Path], kept: Collection[Path] = ()) -> tuple[str, ...]:
        raise DiskInUse(f"{list(disks)} is mounted, kept are {list(kept)}")


class Bench:
    """A configurator with its stand-in."""

    def __init__(self, folder: Path, family: str, *, timeout_s: float = 20.0) -> None:
        runner = HostRunner()
        if family == "storcli":
            self.program = raid_program(folder, "storcli64", STORCLI, STOR_DRIVES)
            path = str(self.program.path)
            self.tool: RaidTool = StorCli(runner, path, "storcli", timeout_s=timeout_s)
            self.name = "storcli/c0"
        else:
            self.program = raid_program(folder, "ssacli", SSACLI, SSA_DRIVES)
            self.tool = SsaCli(runner, str(self.program.path), timeout_s=timeout_s)
            self.name = "Smart Array P822 in Slot 2"
        self.drives = STOR_DRIVES if family == "storcli" else SSA_DRIVES
        self.raid = VendorRaid(self.tool, runner)
        self.tools = Tools(runner, folder).tools

    def request(self, *wanted: Mapping[str, Any], **facts: Any) -> RaidRequest:
        disks = tuple({"controller": self.name, "size_gb": "MAX", **one} for one in wanted)
        return RaidRequest(
            **{"node": {}, "logical_disks": disks, "disks": (), "eraser": NoEraser(), **facts}
        )

    def create(self, *wanted: Mapping[str, Any], **facts: Any) -> list[Mapping[str, Any]]:
        plan = self.raid.plan(self.request(*wanted, **facts))
        return list(self.raid.create(plan, self.tools)["logical_disks"])

    def delete(self, **facts: Any) -> list[Mapping[str, Any]]:
        return list(self.raid.delete(self.request(**facts), self.tools)["logical_disks"])


@pytest.fixture(params=FAMILIES)
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    return Bench(tmp_path, request.param)


def seen_as(one: Mapping[str, Any], path: str = "/dev/sda") -> BlockDevice:
    """Return the disk that the kernel would show for a logical disk."""
    return replace(disk(path), wwn=one["root_device_hint"]["wwn"])


def test_logical_drives_are_made_and_read_back_with_the_hint_for_the_root_disk(
    bench: Bench,
) -> None:
    made = bench.create(
        {"raid_level": "5", "size_gb": 400},
        {"raid_level": "1", "size_gb": 100, "is_root_volume": True},
    )
    assert [(d["raid_level"], d["size_gb"], d["is_root_volume"]) for d in made] == [
        ("5", 400, False),
        ("1", 100, True),
    ]
    assert made[0]["physical_disks"] == bench.drives[:3]
    assert made[1]["physical_disks"] == bench.drives[3:5]
    assert made[1]["root_device_hint"]["wwn"].startswith("0x600605b0")
    assert all(d["controller"] == bench.name for d in made)
    node = {"raid_config": {"logical_disks": made}}
    assert [d["is_root_volume"] for d in bench.delete(node=node, kept=(seen_as(made[1]),))] == [
        True
    ]


@pytest.mark.parametrize("level", ["1+0", "6+0"])
def test_the_levels_with_spans_and_parities_are_made(bench: Bench, level: str) -> None:
    (made,) = bench.create({"raid_level": level})
    assert made["raid_level"] == level
    assert bench.delete() == []


def test_drives_are_shared_within_one_request(bench: Bench) -> None:
    both = {"raid_level": "1", "share_physical_disks": True}
    made = bench.create({**both, "size_gb": 100}, both)
    assert [(d["size_gb"], d["physical_disks"]) for d in made] == [
        (100, bench.drives[:2]),
        (400, bench.drives[:2]),
    ]


def test_drives_in_use_are_refused_unless_they_will_have_been_deleted(bench: Bench) -> None:
    bench.create({"raid_level": "6+0"})
    with pytest.raises(InvalidRequest, match="is in use"):
        bench.raid.plan(bench.request({"raid_level": "1"}))
    plan = bench.raid.plan(bench.request({"raid_level": "1"}, after_delete=True))
    assert bench.delete() == []
    assert len(bench.raid.create(plan, bench.tools)["logical_disks"]) == 1


def test_a_protected_logical_drive_is_neither_deleted_nor_its_drives_used(bench: Bench) -> None:
    first, _ = bench.create({"raid_level": "1"}, {"raid_level": "1"})
    kept = (seen_as(first),)
    plan = bench.raid.plan(bench.request({"raid_level": "1"}, after_delete=True, kept=kept))
    assert bench.drives[0] not in plan.lines[0]
    assert [d["physical_disks"] for d in bench.delete(kept=kept)] == [bench.drives[:2]]


def test_a_logical_drive_that_is_in_use_stands_still(bench: Bench) -> None:
    (made,) = bench.create({"raid_level": "1"})
    raid = VendorRaid(bench.tool, HostRunner(), Busy())
    with pytest.raises(DiskInUse, match="is mounted"):
        raid.delete(bench.request(disks=(seen_as(made),)), bench.tools)
    assert len(bench.raid.read()["logical_disks"]) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("create", "was told to make it and it is not there"),
        ("level", "has level 0 instead of 5; it was removed again"),
        ("refuse", "(already in use|not supported)"),
    ],
)
def test_a_program_that_makes_nothing_or_something_else_is_found_out(
    bench: Bench, fault: str, words: str
) -> None:
    plan = bench.raid.plan(bench.request({"raid_level": "5"}))
    bench.program.change(fault=fault)
    with pytest.raises(RaidError, match=words):
        bench.raid.create(plan, bench.tools)
    assert bench.raid.read()["logical_disks"] == []


def test_what_was_made_before_a_failure_is_removed_again(bench: Bench) -> None:
    plan = bench.raid.plan(bench.request({"raid_level": "0", "size_gb": 9}, {"raid_level": "5"}))
    bench.program.change(fault="level")
    with pytest.raises(RaidError, match="what was made before it was removed again"):
        bench.raid.create(plan, bench.tools)
    assert bench.raid.read()["logical_disks"] == []


def test_a_program_that_deletes_nothing_is_found_out(bench: Bench) -> None:
    bench.create({"raid_level": "1"})
    bench.program.change(fault="delete")
    with pytest.raises(RaidError, match=r"is still there after .* removed it"):
        bench.delete()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("garbage", "(no JSON of its own kind|does not tell of its controllers)"),
        ("endless", "printed more than"),
        ("hang", "no end after 2 s"),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_program_that_does_not_answer_is_an_error_in_time(
    tmp_path: Path, family: str, fault: str, words: str
) -> None:
    bench = Bench(tmp_path, family, timeout_s=20.0 if fault == "endless" else 2.0)
    bench.program.change(fault=fault)
    with pytest.raises(RaidError, match=words):
        bench.raid.controllers()


def test_a_program_that_hangs_leaves_software_raid_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "storcli", timeout_s=1.0)
    bench.program.change(fault="hang")
    answers = ask_each(
        [bench.raid, SoftwareRaid(HostRunner(), SysRoot())], lambda one: one.controllers()
    )
    assert answers.given == {"software": ("software",)}
    assert "no end after 1 s" in answers.silent["storcli"]


def test_plain_disks_and_names_of_storcli(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "storcli")
    named = {"raid_level": "1", "size_gb": 10, "volume_name": "root"}
    made = bench.create({"raid_level": "JBOD", "physical_disks": ["252:7"]}, named)
    assert [(d["raid_level"], d["volume_name"]) for d in made] == [("1", "root"), ("JBOD", None)]
    with pytest.raises(InvalidRequest, match=r"252:7' is a plain disk .*/s7 set good force"):
        bench.raid.plan(bench.request({"raid_level": "0", "physical_disks": ["252:7"]}))
    assert [d["raid_level"] for d in bench.delete()] == ["JBOD"]


def test_drives_of_another_controller_stop_a_deletion_before_it_begins(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "storcli")
    bench.create({"raid_level": "1"})
    bench.program.change(foreign=["252:6"], old=True)
    with pytest.raises(RaidError, match=r"252:6 hold the configuration .* /c0/fall import"):
        bench.delete()
    assert len(bench.raid.read()["logical_disks"]) == 1


def test_an_older_storcli_without_logical_drives_fails_in_words_and_is_understood(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, "storcli")
    bench.program.change(old=True)
    assert bench.raid.read()["logical_disks"] == []


def test_the_manager_is_there_if_a_program_is(tmp_path: Path) -> None:
    path = str(raid_program(tmp_path, "perccli64", STORCLI, STOR_DRIVES).path)
    found = probe(HostRunner(), lambda name: path if name == "perccli64" else None)
    assert found is not None
    assert [one.name for one in found.raid_configurators] == ["perccli"]
    assert found.raid_configurators[0].controllers() == ("perccli/c0",)
    assert probe(HostRunner(), lambda _name: None) is None


def test_a_package_that_goes_into_a_ramdisk_is_found_there_and_asked(tmp_path: Path) -> None:
    """``build-ramdisk --vendor-tools`` lays a package out with ``image-build/vendor-tools``; here its tree is looked at without a ramdisk."""
    package = tmp_path / "package"
    folder = package / "opt/MegaRAID/storcli"
    folder.mkdir(parents=True)
    raid_program(folder, "storcli64", STORCLI, STOR_DRIVES)
    (package / "DEBIAN").mkdir()
    fields = "Package: storcli\nVersion: 1\nArchitecture: all\nMaintainer: n <n@example.org>\nDescription: x\n"
    (package / "DEBIAN/control").write_text(fields)
    tools, tree = tmp_path / "tools", tmp_path / "tree"
    tools.mkdir()
    runner = HostRunner()
    runner.run("dpkg-deb", "--build", str(package), str(tools / "storcli.deb"), timeout_s=60)
    runner.run(str(ROOT / "image-build/vendor-tools"), str(tools), str(tree), timeout_s=60)

    def in_tree(name: str) -> str | None:
        link = tree / "usr/local/sbin" / name
        return str(tree / link.readlink().relative_to("/")) if link.is_symlink() else None

    found = probe(runner, in_tree)
    assert found is not None
    assert found.raid_configurators[0].controllers() == ("storcli/c0",)


@pytest.fixture(scope="module")
def recorded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("raid_constants", RECORDED)
    if spec is None or spec.loader is None or not RECORDED.is_file():
        pytest.skip("proliantutils is not installed; make peers")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_recorded(text: str) -> RaidController:
    line = "ssacli controller all show config detail"
    (controller,) = SsaCli(FakeRunner({line: text}), "ssacli").read()
    return controller


@pytest.mark.interop
@pytest.mark.parametrize(
    ("name", "levels", "members", "free"),
    [
        ("HPSSA_ONE_DRIVE", ["1"], 2, 5),
        ("HPSSA_ONE_DRIVE_RAID_50", ["5+0"], 6, 1),
        ("HPSSA_ONE_DRIVE_100GB_RAID_5", ["5"], 3, 4),
        ("HPSSA_TWO_DRIVES_100GB_RAID5_50GB_RAID1", ["5", "1"], 5, 2),
        ("HPSSA_NO_DRIVES", [], 0, 7),
        ("HPSSA_HBA_MODE", [], 0, 0),
    ],
)
def test_what_ssacli_printed_on_real_controllers_is_understood(
    recorded: ModuleType, name: str, levels: list[str], members: int, free: int
) -> None:
    controller = read_recorded(getattr(recorded, name))
    assert [one.level for one in controller.logical_drives] == levels
    assert sum(len(one.drives) for one in controller.logical_drives) == members
    assert len([one for one in controller.drives if one.obstacle is None]) == free
    assert all(one.wwn and len(one.wwn) == 34 for one in controller.logical_drives)
    assert all(one.serial for one in controller.drives)
