"""A machine's boot is followed to the login prompt through the controller's console, and a login is typed through it."""

import re
from pathlib import Path

import pytest

from tests.e2e.test_os_image_boots import BOOT_S, DISK_BYTES, make_fat, make_tree, with_drive
from tests.integration.console_site import People, Watcher
from tests.lab.api_client import ApiClient
from tests.lab.enrol import BUILD, enrol, ramdisk_settings
from tests.lab.hardware import BootDevice, Disk
from tests.lab.lab import Lab
from tests.lab.program import run

_PASSWORD = "lab-console"
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


def test_a_login_is_typed_through_the_controllers_console(logs: Path) -> None:
    with Lab(workdir=logs) as lab:
        tree = make_tree(lab.scratch, {"uuid": "1", "hostname": "typed-on"})
        disk = with_drive(BUILD / "os-image/debian.raw", make_fat(tree))
        _let_root_in(disk)
        controller = lab.controller(settings=ramdisk_settings())
        machine = lab.machine(
            name="m1", memory_mib=1024, disks=(Disk(size_bytes=DISK_BYTES, image=disk),)
        )
        machine.set_boot_device(BootDevice.DISK, persistent=True)
        with lab.network.inside():
            enrol(ApiClient(controller.url), machine, console_interface="ipmitool-socat")
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
        assert bytes(watcher.shown) in shown
