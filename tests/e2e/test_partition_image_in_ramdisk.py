"""The ramdisk writes partition images to disks of both sector sizes, and a kernel mounts what is on them."""

import base64
import gzip
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lone_ramdisk import BOOT_S, RAMDISK, BareDisk, Started, started
from tests.integration.disk_images import MIB, RawImage, run, sha256
from tests.integration.image_server import ImageServer, image_server
from tests.integration.root_images import ROOT_UUID, root_image
from tests.lab.demo.keys import SshKey, make_key

pytestmark = [pytest.mark.vm, pytest.mark.long, pytest.mark.timeout(900)]

DISK_BYTES = 700 * MIB
WRITE_S = 300
PROGRAM = """
import json, sys
from pathlib import Path
import msgspec
from agent.boot.esp import EspReader, find_esp
from agent.hardware.devices import BlockDevice
from agent.images.writer import StreamingImageWriter
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
order = json.load(sys.stdin)
path = Path(order["disk"])
disk = BlockDevice(path=path, size_bytes=0, logical_sector_bytes=512, physical_sector_bytes=512, is_rotational=False)
image = msgspec.convert(order["image"], ImageInfo)
written = StreamingImageWriter(HostRunner()).write_image(image, order["drive"], disk, lambda _report: None)
esp, _is_gpt = find_esp(path, HostRunner())
print(json.dumps({
    "root uuid": written.root_uuid,
    "esp uuid": written.efi_system_partition_uuid,
    "partitions": dict(written.partitions),
    "esp files": EspReader(path, esp, HostRunner()).files(),
}))
"""


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> RawImage:
    return root_image(tmp_path, files={"boot/efi/EFI/BOOT/BOOTX64.EFI": "loader\n"})


def make_drive(folder: Path) -> str:
    latest = folder / "drive/openstack/latest"
    latest.mkdir(parents=True)
    (latest / "meta_data.json").write_text('{"hostname": "n1"}\n')
    iso = folder / "drive.iso"
    run(
        "genisoimage", "-quiet", "-V", "config-2", "-J", "-R", "-o", str(iso), str(folder / "drive")
    )
    return base64.b64encode(gzip.compress(iso.read_bytes())).decode()


def order_for(disk: str, server: ImageServer, root: RawImage, drive: str) -> dict[str, Any]:
    url = server.serve("root.img", root.content).replace("127.0.0.1", "10.0.2.2")
    image = {
        "id": "root.img",
        "urls": [url],
        "checksum": sha256(root.content),
        "image_type": "partition",
        "deploy_boot_mode": "uefi",
        "root_mb": 48,
        "swap_mb": 16,
        "ephemeral_mb": 32,
        "grow_root_filesystem": True,
    }
    return {"disk": disk, "image": image, "drive": drive}


def write(machine: Started, key: SshKey, order: dict[str, Any]) -> dict[str, Any]:
    """Write as told and return what the writer says of the disk."""
    text = base64.b64encode(json.dumps(order).encode()).decode()
    program = f"python3 -c {shlex.quote(PROGRAM)}"
    command = f"echo {text} | base64 -d | PYTHONPATH=/opt/ingot/lib {program}"
    told: dict[str, Any] = json.loads(machine.run_inside(key, command, timeout_s=WRITE_S))
    return told


def by_path(machine: Started, key: SshKey, disk: str) -> dict[str, dict[str, str]]:
    columns = "PATH,FSTYPE,LABEL,UUID"
    text = machine.run_inside(key, f"udevadm settle; lsblk --json --list -o {columns} {disk}")
    return {row["path"]: row for row in json.loads(text)["blockdevices"]}


def content(machine: Started, key: SshKey, part: str, name: str) -> str:
    """Return a file of the filesystem on ``part``, mounted by the guest's kernel."""
    command = f"mount -o ro {part} /mnt && cat /mnt/{name}; umount /mnt"
    return machine.run_inside(key, command)


def test_a_kernel_mounts_every_partition_of_both_sector_sizes_and_a_rebuild_keeps_data(
    tmp_path: Path, server: ImageServer, root: RawImage
) -> None:
    key = make_key(tmp_path)
    drive = make_drive(tmp_path)
    disks = (BareDisk(size_bytes=DISK_BYTES), BareDisk(size_bytes=DISK_BYTES, sector_bytes=4096))
    with started(tmp_path, f'sshkey="{key.public}"', disks=disks) as machine:
        machine.console.wait_for("login for the operator opened", timeout_s=BOOT_S)
        machine.phases()
        for disk, drive_kind in (("/dev/vda", "iso9660"), ("/dev/vdb", "vfat")):
            order = order_for(disk, server, root, drive)
            told = write(machine, key, order)
            parts, rows = told["partitions"], by_path(machine, key, disk)
            assert told["root uuid"] == ROOT_UUID == rows[parts["root"]]["uuid"]
            assert told["esp uuid"] == rows[parts["efi system partition"]]["uuid"]
            assert "/EFI/BOOT/BOOTX64.EFI" in told["esp files"]
            assert rows[parts["configdrive"]]["fstype"] == drive_kind
            assert content(machine, key, parts["root"], "etc/hostname") == "n1\n"
            meta_data = "openstack/latest/meta_data.json"
            assert content(machine, key, parts["configdrive"], meta_data) == '{"hostname": "n1"}\n'
            esp = parts["efi system partition"]
            assert content(machine, key, esp, "EFI/BOOT/BOOTX64.EFI") == "loader\n"
            room = f"mount {parts['root']} /mnt; df --output=size -B1M /mnt | tail -n1; umount /mnt"
            assert int(machine.run_inside(key, room)) > 36
            machine.run_inside(key, f"swapon {parts['swap']} && swapoff {parts['swap']}")

            keep = f"mount {parts['ephemeral']} /mnt && echo kept >/mnt/note; umount /mnt"
            machine.run_inside(key, keep)
            order["image"]["preserve_ephemeral"] = True
            again = write(machine, key, order)
            assert again["partitions"] == parts
            assert again["esp uuid"] == by_path(machine, key, disk)[esp]["uuid"]
            assert content(machine, key, parts["ephemeral"], "note") == "kept\n"
            assert content(machine, key, parts["root"], "etc/hostname") == "n1\n"


@pytest.fixture(autouse=True)
def _needs_nothing_but_the_ramdisk() -> None:
    if not (RAMDISK / "ingot.initramfs").exists():
        pytest.skip(f"make ramdisk builds {RAMDISK}/ingot.initramfs")
