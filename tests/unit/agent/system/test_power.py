from pathlib import Path

import pytest

from agent.errors import CommandFailed
from agent.system.power import MachinePower, NoPower
from tests.unit.fakes import FakeRunner


def test_every_way_is_tried_and_each_failure_named(tmp_path: Path) -> None:
    refused = CommandFailed("poweroff -f: program not found")
    runner = FakeRunner({"poweroff -f": refused, "poweroff": ""})
    sysrq = tmp_path / "sysrq-trigger"
    complaint = "power off: poweroff -f: program not found; poweroff: no effect after 0 s"
    with pytest.raises(CommandFailed, match=complaint):
        MachinePower(runner, sysrq, patience_s=0).power_off()
    assert (runner.lines, sysrq.read_text()) == (["poweroff -f", "poweroff"], "o")


def test_every_card_is_switched_off_and_one_that_is_not_is_named() -> None:
    refused = CommandFailed("ip link set dev eth0 down: Operation not permitted")
    lines = ["ip link set dev eth0 down", "ip link set dev eth1 down"]
    runner = FakeRunner(dict(zip(lines, (refused, ""), strict=True)))
    complaint = "network cards not switched off: ip link set dev eth0 down: Operation not permitted"
    with pytest.raises(CommandFailed, match=complaint):
        MachinePower(runner).isolate(["eth0", "eth1"])
    assert runner.lines == lines


def test_an_agent_on_somebodys_host_leaves_the_power_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    NoPower().power_off()
    NoPower().reboot()
    NoPower().isolate(["eth0"])
    assert caplog.messages == [
        "told to power off; not done because of --no-reboot",
        "told to reboot; not done because of --no-reboot",
        "told to switch network cards off; not done because of --no-reboot",
    ]
