from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.errors import Declined, PluginError
from agent.hardware.capabilities import HardwareManager, Phase, Support
from agent.hardware.collecting import CollectContext, Collector
from agent.hardware.devices import BlockDevice, BmcAddresses
from agent.hardware.erasing import EraseEvidence, EraseLevel, ErasePlan, EraseWish
from agent.hardware.image_rules import ImageRules
from agent.hardware.plugins import load_hardware
from agent.hardware.registry import Hardware, rank
from agent.hardware.tools import ProgressSink, StepTools
from agent.hardware.wishes import Wishes
from agent.hardware.writing import WrittenImage
from agent.protocol.image import ImageInfo
from agent.protocol.steps import RESERVED_NAMES
from agent.system.stop_signal import StopSignal
from tests.unit.fakes import FakeRunner, OneDisk, disk, manager, step


def test_better_support_comes_first_then_the_name() -> None:
    ranked = rank(
        [
            manager("b"),
            manager("c", Support.SERVICE_PROVIDER),
            manager("a"),
            manager("d", Support.MAINLINE),
        ]
    )
    assert [m.name for m in ranked] == ["c", "d", "a", "b"]


def test_two_managers_of_one_name_are_an_error() -> None:
    with pytest.raises(PluginError, match="two hardware managers are called 'a'"):
        rank([manager("a"), manager("a", Support.MAINLINE)])


def test_a_manager_with_two_steps_of_one_name_is_an_error() -> None:
    twice = [step("x", {Phase.CLEAN: 1}), step("x", {Phase.DEPLOY: 1})]
    with pytest.raises(PluginError, match=r"a has two steps deploy\.x"):
        rank([manager("a", steps=twice)])


@pytest.mark.parametrize("name", RESERVED_NAMES)
@pytest.mark.parametrize("interface", ["deploy", "power", "vendor"])
def test_a_manager_with_a_step_under_a_reserved_name_is_an_error(name: str, interface: str) -> None:
    taken = replace(step(name, {Phase.DEPLOY: 50}), interface=interface)
    words = rf"a has the step {interface}\.{name}: .* are reserved names, .*; rename it"
    with pytest.raises(PluginError, match=words):
        rank([manager("a", steps=[taken])])


def test_the_first_manager_that_offers_a_capability_is_asked() -> None:
    class Other(OneDisk):
        def list_disks(self) -> tuple[BlockDevice, ...]:
            return (disk("/dev/other"),)

    generic = replace(manager("generic"), disk_lister=OneDisk(), image_writer=OneDisk())
    special = replace(manager("special", Support.MAINLINE), disk_lister=Other())
    hardware = Hardware([generic, special])
    assert [str(d.path) for d in hardware.disks()] == ["/dev/other"]
    assert hardware.versions() == {"special": "1", "generic": "1"}


def test_wishes_reach_the_managers_that_want_them_again_and_again() -> None:
    def configure(wishes: Wishes) -> HardwareManager:
        return replace(asked, version=wishes.images.ca_pem)

    asked = replace(manager("asked"), configure=configure)
    hardware = Hardware([asked, manager("other")])
    for text in ("2", "3"):
        hardware.configure(Wishes(images=ImageRules(ca_pem=text)))
        assert hardware.versions() == {"asked": text, "other": "1"}
    assert hardware.wishes.images.ca_pem == "3"


def test_a_capability_that_nobody_offers_is_an_error_that_names_the_managers() -> None:
    hardware = Hardware([manager("generic")])
    for ask, does in (
        (hardware.disks, "lists disks"),
        (hardware.nics, "lists network interfaces"),
        (hardware.machine_reader, "reads what the machine is made of"),
        (hardware.image_writer, "writes images"),
        (lambda: hardware.root_disk({}), "chooses the root disk"),
        (hardware.metadata_eraser, "erases disk metadata"),
        (hardware.bootloader, "makes the firmware boot a disk"),
    ):
        with pytest.raises(PluginError, match=rf"no hardware manager {does} \(loaded: generic 1\)"):
            ask()


def test_the_next_manager_is_asked_when_one_declines_and_all_reasons_are_told() -> None:
    class Unwilling(OneDisk):
        def list_disks(self) -> tuple[BlockDevice, ...]:
            raise Declined("the RAID controller hides its disks")

        def write_image(
            self,
            image: ImageInfo,
            configdrive: str | None,
            disk: BlockDevice,
            progress: ProgressSink,
            *,
            stop: StopSignal | None = None,
            before_writing: Callable[[], None] | None = None,
        ) -> WrittenImage:
            raise Declined("no tool for this")

    unwilling = replace(
        manager("special", Support.MAINLINE), disk_lister=Unwilling(), image_writer=Unwilling()
    )
    generic = replace(manager("generic"), disk_lister=OneDisk(), image_writer=OneDisk())
    hardware = Hardware([unwilling, generic])
    assert hardware.disks() == (disk(),)
    image = ImageInfo(id="x", urls=[])
    written = hardware.image_writer().write_image(image, None, disk(), lambda _report: None)
    assert written.root_uuid == "0x0000002a"
    with pytest.raises(
        PluginError,
        match="no hardware manager lists disks here: special: the RAID controller hides its disks",
    ):
        Hardware([unwilling]).disks()


@dataclass(frozen=True)
class Eraser:
    """Offers the plans it is given."""

    offered: tuple[tuple[str, EraseLevel, int, str | None], ...]

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        if not self.offered:
            raise Declined("not my kind of disk")
        return tuple(
            ErasePlan(
                disk=disk,
                method=method,
                command=method,
                levels=frozenset({level}),
                strength=strength,
                obstacle=obstacle,
            )
            for method, level, strength, obstacle in self.offered
        )

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        raise AssertionError("only planned here")


def test_every_manager_offers_erasing_for_every_disk_and_the_best_comes_first() -> None:
    clear, purge = EraseLevel.CLEAR, EraseLevel.PURGE
    generic = Eraser(
        (
            ("overwrite", clear, 90, None),
            ("frozen", purge, 99, "suspend it"),
        )
    )
    special = Eraser((("weak", purge, 10, None), ("strong", purge, 50, None)))
    vendor = Eraser((("vendor's strong", purge, 50, None),))
    hardware = Hardware(
        [
            replace(manager("generic"), erasers=(generic,)),
            replace(manager("special", 7), erasers=(special,)),
            replace(manager("vendor", 9), erasers=(vendor, Eraser(()))),
        ]
    )
    offers = hardware.erase_offers(disk(), EraseWish(level=purge, allow_overwrite=False))
    assert [(offer.manager, offer.plan.method) for offer in offers] == [
        ("vendor", "vendor's strong"),
        ("special", "strong"),
        ("special", "weak"),
        ("generic", "frozen"),
        ("generic", "overwrite"),
    ]
    assert offers[1].eraser is special


def test_collectors_of_all_managers_are_known_by_name() -> None:
    def said(what: str) -> Collector:
        return Collector(name="lldp", collect=lambda _context: {"said": what})

    numa = Collector(name="numa", collect=lambda _context: {}, is_default=True)
    hardware = Hardware(
        [
            replace(manager("generic"), collectors=(said("generic"), numa)),
            replace(manager("special", Support.MAINLINE), collectors=(said("special"),)),
        ]
    )
    found = hardware.collectors()
    assert sorted(found) == ["lldp", "numa"]
    context = CollectContext(hardware=hardware, runner=FakeRunner({}))
    assert found["lldp"].collect(context) == {"said": "special"}


@pytest.mark.parametrize("support", [0, -1, True])
def test_a_support_level_is_any_integer_above_zero(support: int) -> None:
    with pytest.raises(PluginError, match=r"a: support is .*; give an integer above 0"):
        rank([manager("a", support)])
    assert [m.name for m in rank([manager("a", 2), manager("b", 1000)])] == ["b", "a"]


def test_a_machine_without_a_bmc_locator_has_no_known_bmc() -> None:
    assert Hardware([manager()]).bmc_addresses() == BmcAddresses()


PLUGIN = """
from agent.hardware.capabilities import HardwareManager, Support
def good(runner): return HardwareManager(name="good", version="2", support=Support.MAINLINE)
def elsewhere(runner): return None
def several(runner):
    yield good(runner)
    yield HardwareManager(name="better", version="3", support=10)
def mixed(runner): return [good(runner), 3]
def wrong(runner): return "a manager"
def failing(runner): raise OSError("no such device")
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Install a distribution with the given entry points below a folder of its own; return its group."""

    def do(*probes: str) -> str:
        group = f"ingot.test.{tmp_path.name}"
        name = f"ingot_plugin_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(PLUGIN)
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        lines = [f"{probe} = {name}:{probe}" for probe in probes]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        return group

    return do


def test_plug_ins_are_found_by_entry_point_and_asked_for_their_hardware(
    install: Callable[..., str],
) -> None:
    hardware = load_hardware(FakeRunner({}), install("good", "elsewhere"))
    assert hardware.versions() == {"good": "2"}


def test_an_entry_point_may_give_several_managers(install: Callable[..., str]) -> None:
    hardware = load_hardware(FakeRunner({}), install("several", "elsewhere"))
    assert list(hardware.versions().items()) == [("better", "3"), ("good", "2")]


def test_the_managers_that_have_settings_hear_of_the_wishes() -> None:
    def configure(wishes: Wishes) -> HardwareManager:
        return replace(asked, version=f"verify {wishes.images.verify}")

    asked = replace(manager("asked"), configure=configure)
    hardware = Hardware([asked, manager("other")])
    hardware.configure(Wishes(images=ImageRules(verify="whole")))
    assert hardware.versions() == {"asked": "verify whole", "other": "1"}


@pytest.mark.parametrize(
    ("probe", "complaint"),
    [
        ("missing", r"hardware manager missing \(.*:missing\) cannot be loaded: AttributeError"),
        ("wrong", "wrong returned a str, not a HardwareManager, several or None"),
        ("mixed", "mixed returned a int, not a HardwareManager, several or None"),
        ("failing", "failing failed while it looked for its hardware: OSError: no such device"),
        ("elsewhere", "no hardware manager of group .* is for this machine"),
    ],
)
def test_a_plug_in_that_cannot_be_used_stops_the_agent_with_its_name(
    install: Callable[..., str], probe: str, complaint: str
) -> None:
    with pytest.raises(PluginError, match=complaint):
        load_hardware(FakeRunner({}), install(probe))


def test_late_managers_join_the_chain_are_told_the_wishes_and_replace_their_parts() -> None:
    def configure(wishes: Wishes) -> HardwareManager:
        return replace(whole, version=wishes.images.ca_pem)

    part = replace(manager("generic"), disk_lister=OneDisk(), is_part=True)
    whole = replace(part, is_part=False, image_writer=OneDisk(), configure=configure)
    loaded = []

    def late() -> list[HardwareManager]:
        loaded.append("once")
        return [whole, manager("nvme", Support.MAINLINE)]

    hardware = Hardware([part], late)
    hardware.configure(Wishes(images=ImageRules(ca_pem="2")))
    assert hardware.versions() == {"generic": "1"}
    hardware.complete()
    hardware.complete()
    assert list(hardware.versions().items()) == [("nvme", "1"), ("generic", "2")]
    assert loaded == ["once"]


@pytest.mark.parametrize(
    ("late", "complaint"),
    [
        (
            replace(manager("vendor"), disk_lister=OneDisk()),
            "vendor offers disk_lister and is loaded after the lookup",
        ),
        (manager("vendor"), "of hardware manager generic only the part for the lookup was found"),
        (manager("whole"), "two hardware managers are called 'whole'"),
    ],
)
def test_a_chain_that_the_lookup_did_not_see_as_it_is_stops_the_agent(
    late: HardwareManager, complaint: str
) -> None:
    early = [manager("whole")]
    if late.name == "vendor":
        early.append(replace(manager("generic"), disk_lister=OneDisk(), is_part=True))
    with pytest.raises(PluginError, match=complaint):
        Hardware(early, lambda: [late]).complete()
