from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import pytest

from agent.errors import CommandFailed
from agent.hardware.devices import BmcAddresses
from agent.system.runner import Output
from agent.system.sysfs import SysRoot
from hardware_managers.generic.bmc import IpmitoolBmcLocator
from tests.unit.fakes import FakeRunner

DATA = Path(__file__).parents[3] / "data/ipmitool"
MODPROBE = "modprobe --all --quiet dmi_sysfs ipmi_si ipmi_ssif ipmi_devintf"
V4, NO_V4 = "lan-print", "lan-print-no-ipv4"


def answers(**channels: str) -> dict[str, str | CommandFailed]:
    """Return what ipmitool prints: channel ``c3="lan-print"`` speaks IPv4, ``c3="lan-print-no-ipv4"`` IPv6; others are no LAN."""
    made: dict[str, str | CommandFailed] = {f"ipmitool lan print {n}": "" for n in range(1, 12)}
    for name, sample in channels.items():
        number = name[1:]
        parameters = {"enables": "lan6-enables", "static_addr": "lan6-static"}
        parameters["dynamic_addr"] = "lan6-dynamic"
        made[f"ipmitool lan print {number}"] = (DATA / f"{sample}.txt").read_text()
        for parameter, source in parameters.items():
            text = "" if sample == V4 else (DATA / f"{source}.txt").read_text()
            made[f"ipmitool lan6 print {number} {parameter}"] = text
    return made


@pytest.fixture
def root(tmp_path: Path) -> SysRoot:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/ipmi0").touch()
    return SysRoot(tmp_path)


class SlowRunner(FakeRunner):
    """Every program takes ``takes_s``, or as long as it may if that is less; then it is killed."""

    def __init__(self, answers: Mapping[str, str | CommandFailed], takes_s: float) -> None:
        super().__init__(answers)
        self.now_s = 1000.0
        self._takes_s = takes_s

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        self.now_s += min(self._takes_s, timeout_s)
        done = super().run(*argv, timeout_s=timeout_s, ok=ok, stdin=stdin)
        if self._takes_s > timeout_s:
            raise CommandFailed(f"{argv[0]}: no end; killed")
        return done


@pytest.mark.parametrize(("first", "second"), list(product(range(1, 12), repeat=2)))
def test_the_first_channel_with_an_address_is_found_wherever_it_is(
    root: SysRoot, first: int, second: int
) -> None:
    runner = FakeRunner(answers(**{f"c{second}": V4, f"c{first}": NO_V4}))
    found = IpmitoolBmcLocator(runner, root).bmc_addresses()
    if first <= second:
        assert found == BmcAddresses(ipv6="2001:db8::d", mac="52:54:00:aa:bb:02")
    else:
        assert found == BmcAddresses(ipv4="192.0.2.7", mac="52:54:00:aa:bb:01")
    prints = [line for line in runner.lines if " lan print " in line]
    assert len(prints) == min(first, second)


def test_a_channel_that_is_no_lan_costs_one_question(root: SysRoot) -> None:
    runner = FakeRunner(answers())
    assert IpmitoolBmcLocator(runner, root).bmc_addresses() == BmcAddresses()
    assert runner.lines == [f"ipmitool lan print {n}" for n in range(1, 12)]


def test_static_addresses_are_asked_for_when_no_dynamic_one_is_better_than_link_local(
    root: SysRoot,
) -> None:
    told = answers(c1=NO_V4)
    dynamic = "ipmitool lan6 print 1 dynamic_addr"
    told[dynamic] = str(told[dynamic]).replace("2001:db8::d/", "fe80::d/")
    found = IpmitoolBmcLocator(FakeRunner(told), root).bmc_addresses()
    assert found.ipv6 == "2001:db8::7"


def test_a_link_local_address_is_told_when_there_is_no_other(root: SysRoot) -> None:
    told = answers(c1=V4, c2=V4)
    for line, channel in (("ipmitool lan print 1", 1), ("ipmitool lan print 2", 2)):
        told[line] = str(told[line]).replace("192.0.2.7", f"169.254.0.{channel}")
    found = IpmitoolBmcLocator(FakeRunner(told), root).bmc_addresses()
    assert found == BmcAddresses(ipv4="169.254.0.1", mac="52:54:00:aa:bb:01")


def test_a_bmc_without_addresses_still_has_a_mac(root: SysRoot) -> None:
    told = answers(c1=NO_V4) | {"ipmitool lan6 print 1 enables": CommandFailed("hangs")}
    found = IpmitoolBmcLocator(FakeRunner(told), root).bmc_addresses()
    assert found == BmcAddresses(mac="52:54:00:aa:bb:02")


@pytest.mark.parametrize("takes_s", [0.5, 4, 9, 60])
def test_all_channels_share_one_limit_of_time(root: SysRoot, takes_s: float) -> None:
    runner = SlowRunner(answers(), takes_s)
    began_s = runner.now_s
    locator = IpmitoolBmcLocator(runner, root, clock=lambda: runner.now_s)
    assert locator.bmc_addresses() == BmcAddresses()
    assert runner.now_s - began_s <= 30


def test_what_was_learned_in_time_is_told(root: SysRoot) -> None:
    runner = SlowRunner(answers(c2=V4), 9)
    found = IpmitoolBmcLocator(runner, root, clock=lambda: runner.now_s).bmc_addresses()
    assert found == BmcAddresses(ipv4="192.0.2.7", mac="52:54:00:aa:bb:01")


@pytest.mark.parametrize("answer", ["", CommandFailed("modprobe: program not found")])
def test_a_machine_without_an_ipmi_device_has_no_known_bmc(
    tmp_path: Path, answer: str | CommandFailed
) -> None:
    (tmp_path / "sys/class/dmi/id").mkdir(parents=True)
    runner = FakeRunner({MODPROBE: answer})
    assert IpmitoolBmcLocator(runner, SysRoot(tmp_path)).bmc_addresses() == BmcAddresses()
    assert runner.lines == [MODPROBE]
