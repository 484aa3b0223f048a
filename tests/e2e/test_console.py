"""A machine's boot is followed to the login prompt through the controller's console, and a login is typed through it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_os_image_boots import BOOT_S, DISK_BYTES, make_fat, make_tree, with_drive
from tests.integration.console_site import People, Watcher
from tests.lab.api_client import ApiClient
from tests.lab.enrol import BUILD, document_of, ramdisk_settings
from tests.lab.hardware import BmcKind, BootDevice, Disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.program import run
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.serial_line import SerialLine
from tests.lab.ssh_console import SshConsole

_PASSWORD = "lab-console"
_COMMAND = "console 1"
_ROOT = 3
"""Partition of the small Debian image."""

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]


def _let_root_in(disk: Path) -> None:
    """Give root a password."""
    found = re.search(r"First sector: (\d+)", run("sgdisk", f"--info={_ROOT}", str(disk)))
    assert found
    place = f"{disk}?offset={int(found[1]) * 512}"
    shadow = disk.with_suffix(".shadow")
    before = run("debugfs", "-R", "cat /etc/shadow", place)
    digest = run("openssl", "passwd", "-6", _PASSWORD).strip()
    shadow.write_text(re.sub(r"^root:[^:]*:", f"root:{digest}:", before, flags=re.MULTILINE))
    orders = disk.with_suffix(".orders")
    orders.write_text(f"rm /etc/shadow\nwrite {shadow} /etc/shadow\nsif /etc/shadow mode 0100640\n")
    run("debugfs", "-w", "-f", str(orders), place)


@contextmanager
def _console_by_ssh(lab: Lab, machine: Machine) -> Iterator[dict[str, Any]]:
    """Have the machine's Redfish BMC offer its serial line by SSH; give what a node of it says."""
    serial = SerialLine(machine.console.type_bytes)
    machine.console.on_bytes = serial.show
    bmc = machine.redfish
    ssh = SshConsole(
        lab.network,
        serial,
        address=bmc.address,
        folder=lab.scratch / "ssh",
        username=bmc.username,
        password=bmc.password,
    )
    try:
        bmc.set_faults(RedfishFaults(console_ways=("SSH",), console_command=_COMMAND))
        ssh.set_command(_COMMAND)
        document = document_of(machine, console_interface="redfish-ssh")
        document["driver_info"] |= {"redfish_console_host_key": ssh.host_key}
        yield document
    finally:
        ssh.remove()


@pytest.mark.parametrize("bmc", [BmcKind.IPMI, BmcKind.REDFISH])
def test_a_login_is_typed_through_the_controllers_console(logs: Path, bmc: BmcKind) -> None:
    with Lab(workdir=logs) as lab:
        tree = make_tree(lab.scratch, {"uuid": "1", "hostname": "typed-on"})
        disk = with_drive(BUILD / "os-image/debian.raw", make_fat(tree))
        _let_root_in(disk)
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(
            name="m1",
            bmc=bmc,
            memory_mib=1024,
            disks=(Disk(size_bytes=DISK_BYTES, image=disk),),
        )
        machine.set_boot_device(BootDevice.DISK, persistent=True)
        with ExitStack() as held:
            document = document_of(machine, console_interface="ipmitool-socat")
            if bmc is BmcKind.REDFISH:
                document = held.enter_context(_console_by_ssh(lab, machine))
            held.enter_context(lab.network.inside())
            ApiClient(controller.url).create_node(
                document, macs=tuple(nic.mac for nic in machine.nics)
            )
            people = People(controller.url, "m1")
            people.switch(is_on=True)
            people.wait_open()
            watcher = Watcher(people)
            machine.power_on()
            for wanted in (b"SeaBIOS", b"INGOT-OS-READY", b"typed-on login: "):
                watcher.wait_for(wanted, BOOT_S)
            keyboard, at = people.keyboard(), 0
            for typed, answer in (
                (b"root\r", b"Password: "),
                (f"{_PASSWORD}\r".encode(), b"# "),
                (b"echo $((40 + 2))-seen\r", b"\r42-seen\r\n"),
            ):
                at = people.type(keyboard, typed, at)
                watcher.wait_for(answer)
            watcher.leave()
            stored = people.call("GET", "/console/log").content
        shown = machine.console.raw.read_bytes()
        assert _PASSWORD.encode() not in stored
        by_bmc, entered, by_machine = bytes(watcher.shown).partition(b"-- console --\r\n")
        assert bool(entered) is (bmc is BmcKind.REDFISH)
        assert (by_machine or by_bmc) in shown
