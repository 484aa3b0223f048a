import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.errors import CommandFailed
from agent.network.configure import main
from agent.system.runner import Output
from tests.unit.fakes import ShortRunner


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with eth0, which udev has named, and what is no card."""
    (tmp_path / "run/net").mkdir(parents=True)
    for index, name in enumerate(("lo", "eth0", "docker0"), start=1):
        folder = tmp_path / "sys" / name
        folder.mkdir(parents=True)
        (folder / "ifindex").write_text(f"{index}\n")
        (folder / "address").write_text("52:54:00:aa:bb:01\n" if name == "eth0" else "00:00\n")
    (tmp_path / "sys/eth0/device").mkdir()
    return tmp_path


class Anything(ShortRunner):
    """Says yes to every command but ``refused``, and remembers them."""

    def __init__(self, refused: str = "") -> None:
        self.refused = refused
        self.lines: list[str] = []

    def run(
        self, *argv: str, timeout_s: float, ok: Sequence[int] = (0,), stdin: str | None = None
    ) -> Output:
        self.lines.append(" ".join(argv))
        if self.refused and self.refused in self.lines[-1]:
            raise CommandFailed(f"{self.lines[-1]}: exit status 2: no such device")
        return Output(stdout="", stderr="", exit_code=0)


def test_a_static_address_is_set_and_written_down(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = Anything()
    cmdline = "ip=192.0.2.7::192.0.2.1:24::eth0:none nameserver=192.0.2.53"
    (machine / "run/cmdline").write_text(cmdline)
    assert main(machine / "run", machine / "sys", None, runner) == 0
    assert "ip -4 address replace 192.0.2.7/24 broadcast + dev eth0" in runner.lines
    assert (machine / "run/net/eth0.address").read_text() == "192.0.2.7/24\n"
    assert (machine / "resolv.conf").read_text() == "nameserver 192.0.2.53\n"
    assert capsys.readouterr().out == "leave eth0\n"


def test_network_data_comes_before_kernel_arguments_and_leaves_other_cards_alone(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = {"id": "a", "type": "phy", "ethernet_mac_address": "52:54:00:aa:bb:01"}
    document = {"links": [link], "networks": [{"id": "n", "link": "a", "type": "ipv4_dhcp"}]}
    (machine / "run/network_data.json").write_text(json.dumps(document))
    (machine / "run/cmdline").write_text("ip=192.0.2.7:::24::eth0:none")
    assert main(machine / "run", machine / "sys", None, Anything()) == 0
    assert capsys.readouterr().out == "others leave\ndhcp eth0\n"


def test_a_command_that_fails_is_told_and_leaves_the_cards_to_dhcp(
    machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine / "run/cmdline").write_text("ip=192.0.2.7:::24::eth0:none")
    assert main(machine / "run", machine / "sys", None, Anything("set eth0 up")) == 1
    seen = capsys.readouterr()
    assert seen.out == ""
    assert "no such device" in seen.err
