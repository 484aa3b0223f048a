"""A machine whose only BMC speaks Redfish: power, network boot, media while it runs, boot from them, Secure Boot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.redfish_doubles import Client
from tests.lab.boot_loaders import fetch_loaders
from tests.lab.errors import LabError
from tests.lab.hardware import BmcKind, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.live_guest import READY, make_live_guest, make_live_image
from tests.lab.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]
SYSTEM = "Systems/1"
CD = "Managers/BMC/VirtualMedia/Cd"
BOOT_S = 240
SHELL = "Shell> "


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An ISO image of a live system; its loaders are fetched outside of the lab's network."""
    fetch_loaders()
    return make_live_image(make_live_guest(tmp_path), "lab.word=redfish")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(workdir=tmp_path / "logs") as made:
        yield made


def order(client: Client, path: str, document: object) -> None:
    """Give one order and see it accepted."""
    kind, _, rest = path.partition(" ")
    answer = client.ask(kind, rest, document)
    assert answer.status_code in {200, 204}, answer.text


def start_from(client: Client, target: str, *, reset: str) -> None:
    """Boot once from ``target``, by a reset of this kind."""
    boot = {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": "Once"}
    order(client, f"PATCH {SYSTEM}", {"Boot": boot})
    order(client, f"POST {SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": reset})


def mapped(machine: Machine) -> str:
    """Have the firmware's shell look at its devices again, and return what it lists."""
    mark = machine.console.mark()
    machine.console.type("connect -r\r")  # OVMF has started only what it boots from
    machine.console.wait_for("Connect.*Result|All handles|Success", timeout_s=60, since=mark)
    machine.console.type("map -r\r")
    machine.console.wait_for("BLK0:", timeout_s=60, since=mark)
    machine.console.type("echo done\r")
    machine.console.wait_for("^done", timeout_s=60, since=mark)
    return "\n".join(line.text for line in machine.console.lines if line.number >= mark)


def test_a_machine_lives_by_redfish_alone(lab: Lab, image: Path) -> None:
    machine = lab.machine(
        firmware=Firmware.UEFI,
        memory_mib=1024,
        disks=(Disk(size_bytes=1 << 20),),
        bmc=BmcKind.REDFISH,
    )
    with pytest.raises(LabError, match="has no IPMI"):
        machine.bmc.start()
    lab.network.start("dnsmasq", dnsmasq(lab), log=lab.logs / "dnsmasq.log")
    url = lab.http.publish("live.iso", image)
    with lab.network.inside():
        client = Client(machine.redfish)
        start_from(client, "Pxe", reset="On")
        machine.console.wait_for("iPXE initialising devices", timeout_s=BOOT_S)
        assert client.get(SYSTEM)["PowerState"] == "On"
        assert client.get(SYSTEM)["Boot"]["BootSourceOverrideEnabled"] == "Disabled"

        mark = machine.console.mark()
        start_from(client, "Hdd", reset="ForceRestart")
        machine.console.wait_for(SHELL, timeout_s=BOOT_S, since=mark)
        assert "CDROM" not in mapped(machine)
        order(client, f"POST {CD}/Actions/VirtualMedia.InsertMedia", {"Image": url})
        assert "CDROM" in mapped(machine)
        assert "medium-Cd" in str(machine.qmp("query-named-block-nodes"))
        order(client, f"POST {CD}/Actions/VirtualMedia.EjectMedia", {})
        assert "CDROM" not in mapped(machine)
        assert "medium-Cd" not in str(machine.qmp("query-named-block-nodes"))

        order(client, f"POST {CD}/Actions/VirtualMedia.InsertMedia", {"Image": url})
        mark = machine.console.mark()
        start_from(client, "Cd", reset="PowerCycle")
        ready = machine.console.wait_for(READY, timeout_s=BOOT_S, since=mark)
        assert "lab.word=redfish" in ready.text
        order(client, f"POST {CD}/Actions/VirtualMedia.EjectMedia", {})
        assert machine.is_on

        order(client, f"PATCH {SYSTEM}/SecureBoot", {"SecureBootEnable": True})
        mark = machine.console.mark()
        start_from(client, "Pxe", reset="PowerCycle")
        machine.console.wait_for("Access Denied|Security Violation", timeout_s=BOOT_S, since=mark)
        assert client.get(f"{SYSTEM}/SecureBoot")["SecureBootCurrentBoot"] == "Enabled"
        order(client, f"POST {SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "ForceOff"})
    assert not machine.is_on


def dnsmasq(lab: Lab) -> tuple[str, ...]:
    """Return the words of a DHCP and TFTP server that hands out iPXE, which nobody signed."""
    network = lab.network
    return (
        *("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--log-dhcp", "--port=0"),
        *("--conf-file=/dev/null", f"--interface={network.bridge}", "--bind-interfaces"),
        *("--no-ping", "--dhcp-boot=ipxe.efi", "--enable-tftp", "--tftp-root=/usr/lib/ipxe"),
        f"--dhcp-range={network.address(50)},{network.address(99)},255.255.255.0,1h",
        f"--dhcp-leasefile={lab.scratch}/leases",
    )
