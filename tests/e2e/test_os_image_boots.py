"""The small Debian system starts under both firmwares and becomes what its config drive says."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.console import ConsoleLine
from tests.lab.demo.keys import SshKey, make_key
from tests.lab.hardware import BootDevice, Bus, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind
from tests.lab.program import run

REPOSITORY = Path(__file__).resolve().parents[2]
DISK_BYTES = 2 << 30
DRIVE_BYTES = 64 << 20
BOOT_S = 120

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def images() -> Path:
    run(str(REPOSITORY / "image-build/os-image/build"), timeout_s=900)
    return REPOSITORY / "build/os-image"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(workdir=tmp_path) as made:
        yield made


@pytest.fixture
def key(lab: Lab) -> SshKey:
    return make_key(lab.scratch)


def make_tree(folder: Path, meta_data: object) -> Path:
    """Write the files of a config drive."""
    latest = folder / "drive/openstack/latest"
    latest.mkdir(parents=True)
    (latest / "meta_data.json").write_text(json.dumps(meta_data))
    (latest / "user_data").write_text("#!/bin/sh\necho INGOT-OS-RAN-USER-DATA >/dev/ttyS0\n")
    (latest / "network_data.json").write_text("{}")
    return folder / "drive"


def make_iso(tree: Path) -> Path:
    drive = tree.with_suffix(".iso")
    run("genisoimage", "-quiet", "-R", "-V", "config-2", "-o", str(drive), str(tree))
    return drive


def make_fat(tree: Path) -> Path:
    drive = tree.with_suffix(".fat")
    with drive.open("wb") as file:
        file.truncate(DRIVE_BYTES)
    run("mkfs.fat", "-n", "CONFIG-2", str(drive))
    run("mcopy", "-s", "-i", str(drive), str(tree / "openstack"), "::")
    return drive


def with_drive(image: Path, drive: Path) -> Path:
    """Return a larger copy of the raw image with the config drive as its last partition, as a deployment leaves a disk."""
    disk = drive.with_suffix(".disk")
    run("cp", "--sparse=always", str(image), str(disk))
    os.truncate(disk, DISK_BYTES)
    run("sgdisk", "--move-second-header", f"--new=4:-{DRIVE_BYTES >> 20}M:0", str(disk))
    found = re.search(r"First sector: (\d+)", run("sgdisk", "--info=4", str(disk)))
    assert found
    with disk.open("r+b") as file:
        file.seek(int(found[1]) * 512)
        file.write(drive.read_bytes())
    return disk


def start(lab: Lab, image: Path, *, firmware: Firmware, bus: Bus) -> Machine:
    machine = lab.machine(
        firmware=firmware,
        memory_mib=1024,
        disks=(Disk(size_bytes=DISK_BYTES, bus=bus, serial="ROOT-1", image=image),),
    )
    machine.set_boot_device(BootDevice.DISK, persistent=True)
    machine.power_on()
    return machine


def wait_for_ready(machine: Machine) -> str:
    whole_line = "INGOT-OS-READY .* firmware=(bios|uefi)$"
    return machine.console.wait_for(whole_line, timeout_s=BOOT_S).text.strip()


def wait_for_prompt(machine: Machine, hostname: str) -> ConsoleLine:
    return machine.console.wait_for(f"^{re.escape(hostname)} login:", timeout_s=BOOT_S)


def log_in(lab: Lab, key: SshKey, command: str) -> str:
    """Give the machine an address by DHCP and run ``command`` in it as root over SSH."""
    address = lab.network.address(50)
    lab.network.start(
        "dnsmasq",
        (
            *("dnsmasq", "--keep-in-foreground", "--log-facility=-", "--log-dhcp", "--port=0"),
            *("--conf-file=/dev/null", f"--interface={lab.network.bridge}", "--bind-interfaces"),
            *(f"--dhcp-range={address},{address},255.255.255.0,1h", "--no-ping"),
            f"--dhcp-leasefile={lab.scratch}/leases",
        ),
        log=lab.logs / "dnsmasq.log",
    ).wait_for_log("DHCPACK", timeout_s=60)
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
    return lab.network.run(
        *("ssh", "-F", "/dev/null", "-i", str(key.private_file), "-o", "LogLevel=ERROR"),
        *(word for option in options for word in ("-o", option)),
        *(f"root@{address}", command),
        timeout_s=60,
    )


def test_it_starts_under_bios_takes_name_and_key_and_lets_the_key_in(
    lab: Lab, key: SshKey, images: Path
) -> None:
    tree = make_tree(
        lab.scratch, {"uuid": "1", "name": "metal-7", "public_keys": {"k": key.public}}
    )
    image = with_drive(images / "debian.raw", make_iso(tree))
    machine = start(lab, image, firmware=Firmware.BIOS, bus=Bus.VIRTIO)

    assert wait_for_ready(machine) == (
        f"INGOT-OS-READY hostname=metal-7 keys=1 fingerprint={key.fingerprint} "
        "booted_from=ROOT-1 firmware=bios"
    )
    wait_for_prompt(machine, "metal-7")
    assert log_in(lab, key, "hostname; systemctl --failed --plain --no-legend") == "metal-7\n"
    assert "INGOT-OS-RAN-USER-DATA" not in machine.console.text

    machine.soft_off()
    machine.wait_for_event(EventKind.GUEST_SHUTDOWN, timeout_s=60)


def test_it_starts_under_uefi_and_cuts_a_full_domain_name_short(
    lab: Lab, key: SshKey, images: Path
) -> None:
    meta_data = {
        "uuid": "1",
        "hostname": "metal-8.example.org",
        "name": "other",
        "public_keys": {"a": key.public, "b": key.public},
    }
    image = with_drive(images / "debian.raw", make_fat(make_tree(lab.scratch, meta_data)))
    machine = start(lab, image, firmware=Firmware.UEFI, bus=Bus.NVME)

    assert wait_for_ready(machine) == (
        f"INGOT-OS-READY hostname=metal-8 keys=2 fingerprint={key.fingerprint} "
        "booted_from=ROOT-1 firmware=uefi"
    )
    wait_for_prompt(machine, "metal-8")


def test_without_a_config_drive_it_says_so_and_starts_all_the_same(lab: Lab, images: Path) -> None:
    machine = start(lab, images / "debian.qcow2", firmware=Firmware.BIOS, bus=Bus.SCSI)

    assert wait_for_ready(machine) == (
        "INGOT-OS-READY hostname=debian keys=0 fingerprint=none booted_from=ROOT-1 firmware=bios"
    )
    assert "no disk or partition is labelled config-2" in machine.console.text
    wait_for_prompt(machine, "debian")


def test_a_host_name_that_is_none_is_refused_aloud(lab: Lab, images: Path) -> None:
    tree = make_tree(lab.scratch, {"hostname": "a; reboot", "public_keys": {}})
    image = with_drive(images / "debian.raw", make_iso(tree))
    machine = start(lab, image, firmware=Firmware.BIOS, bus=Bus.VIRTIO)

    assert wait_for_ready(machine).startswith("INGOT-OS-READY hostname=debian keys=0 ")
    assert "the config drive's host name is not a host name; ignored" in machine.console.text
