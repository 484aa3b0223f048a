"""Disks that an older system had in arrays and volumes, and a LUN with two paths.

The ramdisk leaves them alone until it is told to erase or to write them; then they are not in the way.
"""

import base64
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lone_ramdisk import BOOT_S, RAMDISK, BareDisk, Started, started
from tests.integration.disk_images import MIB, gpt_image, sha256
from tests.integration.image_server import ImageServer, image_server
from tests.lab.demo.keys import SshKey, make_key

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]

DISKS = (*4 * (BareDisk(size_bytes=96 * MIB),), BareDisk(paths=2))
STEP_S = 300
OLD_SYSTEM = """
set -e
for disk in vda vdb; do sgdisk -n 1:1M:+32M -n 2:0:+32M /dev/$disk; done; udevadm settle
export IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1
create() { yes | mdadm --create "$@" --run --raid-devices 2; }
create /dev/md0 --name data --homehost old --level 1 --metadata 1.2 /dev/vda1 /dev/vdb1
create /dev/md127 --metadata imsm /dev/vdc /dev/vdd
create /dev/md126 --level 1 --size 16M /dev/md127
mkfs.ext4 -q /dev/md0
sgdisk -n 1:1M:0 /dev/sda
udevadm settle; mdadm --wait /dev/md0 /dev/md126 || true
mdadm --stop /dev/md0; mdadm --stop /dev/md126; mdadm --stop /dev/md127; sync; cat /proc/mdstat
"""
MAP = """
import fcntl, struct, sys
name, lower, sectors = sys.argv[1], sys.argv[2], int(sys.argv[3])
def order(number, targets=b"", count=0):
    size = 312 + len(targets)
    head = struct.pack("<3I4Ii2IQ128s129s7x", 4, 0, 0, size, 312, count, 0, 0, 0, 0, 0, name.encode(), b"LVM-" + b"x" * 64 if number == 3 else b"")
    fcntl.ioctl(control, 0xC138FD00 + number, bytearray(head + targets))
with open("/dev/mapper/control", "rb") as control:
    order(3)
    table = struct.pack("<QQiI16s", 0, sectors, 0, 0, b"linear") + f"{lower} 0".encode().ljust(24, b"\\0")
    order(9, table, 1)
    order(6)
"""
STEP = """
import json, sys
from pathlib import Path
from agent.errors import AgentError
from agent.hardware.capabilities import StepContext
from agent.hardware.plugins import load_hardware
from agent.hardware.tools import StepTools
from agent.inspection.inventory import describe_disk
from agent.system.runner import HostRunner
from agent.system.stop_signal import StopSignal
from hardware_managers.generic import steps
import msgspec
order = json.load(sys.stdin)
hardware = load_hardware(HostRunner())
tools = StepTools(progress=lambda _: None, runner=HostRunner(), stop=StopSignal(), fetch=lambda *_: None, folder=Path("/tmp"))
context = StepContext(node=order["node"], ports=(), args=order.get("args", {}), hardware=hardware, tools=tools, remember=lambda _: None)
try:
    result = getattr(steps, order["step"])(context) if order["step"] else [describe_disk(disk) for disk in hardware.disks()]
except AgentError as error:
    result = {"error": str(error)}
print(json.dumps(msgspec.to_builtins(result)))
"""


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


def step(machine: Started, key: SshKey, name: str, **order: Any) -> Any:
    """Run a step of the generic manager in the machine; without a name list the disks."""
    text = base64.b64encode(json.dumps({"node": {}, "step": name, **order}).encode()).decode()
    program = f"PYTHONPATH=/opt/ingot/lib python3 -c {shlex.quote(STEP)}"
    return json.loads(
        machine.run_inside(key, f"echo {text} | base64 -d | {program}", timeout_s=STEP_S)
    )


def write(machine: Started, key: SshKey, url: str, content: bytes, disk: str) -> Any:
    node = {"instance_info": {"root_device": {"name": disk}}}
    image = {"id": "new", "urls": [url], "checksum": sha256(content)}
    return step(machine, key, "write_image", node=node, args={"image_info": image})


def stacked(machine: Started, key: SshKey) -> str:
    """Return the arrays and mappings that the kernel has now."""
    command = "ls /sys/class/block | grep -E '^(md|dm-)' || true"
    return machine.run_inside(key, f"udevadm settle; {command}").strip()


def test_what_an_older_system_left_is_neither_put_together_nor_in_the_way(
    tmp_path: Path,
) -> None:
    key = make_key(tmp_path)
    arguments = f'sshkey="{key.public}"'
    with started(tmp_path, arguments, disks=DISKS) as machine:
        log_in(machine)
        assert "unused devices: <none>" in machine.run_inside(key, OLD_SYSTEM, timeout_s=STEP_S)
        machine.run_inside(key, "poweroff", timeout_s=60)
        machine.wait_for_end(timeout_s=60)
    with started(tmp_path, arguments, disks=DISKS) as machine:
        log_in(machine)
        machine.console.wait_for("ingot: devices settled", timeout_s=BOOT_S)
        members = machine.run_inside(
            key, "IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1 mdadm --examine --scan"
        )
        assert "name=old:data" in members
        assert "metadata=imsm" in members
        assert stacked(machine, key) == ""
        the_inventory_has_one_disk_for_both_paths(machine, key)
        members_of_a_protected_volume_are_left_alone(machine, key)
        everything_that_stands_on_the_disks_is_ended_by_the_eraser(machine, key)


def log_in(machine: Started) -> None:
    machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
    machine.phases()


def the_inventory_has_one_disk_for_both_paths(machine: Started, key: SshKey) -> None:
    disks = {disk["name"]: disk for disk in step(machine, key, "")}
    assert set(disks) == {"/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdd", "/dev/sda"}
    assert disks["/dev/sda"]["paths"] == ["/dev/sdb"]


def members_of_a_protected_volume_are_left_alone(machine: Started, key: SshKey) -> None:
    node = {"properties": {"skip_block_devices": [{"volume_name": "data"}]}}
    done = step(machine, key, "erase_devices_metadata", node=node)
    kept = {disk for disk, what in done.items() if "skip_block_devices" in what}
    # the members of the Intel array too, as only RAID tools could tell that they are not meant
    assert kept == {"/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdd"}
    assert "name=old:data" in machine.run_inside(key, "mdadm --examine --scan")


def everything_that_stands_on_the_disks_is_ended_by_the_eraser(
    machine: Started, key: SshKey
) -> None:
    assemble = "mdadm --assemble --run /dev/md0 /dev/vda1 /dev/vdb1; IMSM_NO_PLATFORM=1 IMSM_DEVNAME_AS_SERIAL=1 mdadm --assemble --scan --run --config none || true"
    mapped = f"python3 -c {shlex.quote(MAP)} vg-root /dev/md0 8192"
    machine.run_inside(key, f"{assemble}; modprobe dm-mod; {mapped}; losetup /dev/loop7 /dev/vda2")
    assert {"md0", "md126", "md127", "dm-0"} <= set(stacked(machine, key).split())
    machine.run_inside(
        key, "mount /dev/loop7 /mnt 2>/dev/null; mkfs.ext4 -q /dev/loop7; mount /dev/loop7 /mnt"
    )
    refused = step(machine, key, "erase_devices_metadata")["error"]
    assert "loop7 is mounted on /mnt" in refused
    machine.run_inside(key, "umount /mnt; losetup /dev/loop7")
    done = step(machine, key, "erase_devices_metadata")
    assert {"/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdd", "/dev/sda"} <= set(done)
    assert stacked(machine, key) == ""
    left = "for disk in vda vdb vdc vdd sda sdb; do wipefs --no-act /dev/$disk; done"
    assert machine.run_inside(key, left) == ""


def test_who_holds_a_disk_is_found_before_the_first_write(
    tmp_path: Path, server: ImageServer
) -> None:
    """Beside ``test_disk_holders.py``: here the kernel shows the partitions of the disk itself."""
    key = make_key(tmp_path)
    with started(tmp_path, f'sshkey="{key.public}"', disks=DISKS[:1]) as machine:
        log_in(machine)
        holders_are_found(machine, key, server, tmp_path)


def holders_are_found(machine: Started, key: SshKey, server: ImageServer, folder: Path) -> None:
    image = gpt_image(folder)
    url = server.serve("new.raw", image.content).replace("127.0.0.1", "10.0.2.2")
    said = write(machine, key, url, image.content, "/dev/vda")
    assert said["receipt"]["warnings"] == []
    machine.run_inside(key, "(sleep 900 </dev/vda1 >/dev/null 2>&1 & echo $! >/run/holder)")
    digest = "head -c 1M /dev/vda | sha256sum"
    before = machine.run_inside(key, digest)
    refused = write(machine, key, url, image.content, "/dev/vda")["error"]
    assert "vda1 is open in sleep (process" in refused
    assert machine.run_inside(key, digest) == before
    machine.run_inside(key, "kill $(cat /run/holder); losetup /dev/loop7 /dev/vda1")
    assert "receipt" in write(machine, key, url, image.content, "/dev/vda")
    assert "vda" not in machine.run_inside(key, "losetup --list --output BACK-FILE")


@pytest.fixture(autouse=True)
def _needs_nothing_but_the_ramdisk() -> None:
    if not (RAMDISK / "ingot.initramfs").exists():
        pytest.skip(f"make ramdisk builds {RAMDISK}/ingot.initramfs")
