"""The deploy ramdisk, frozen right before it writes an image: what tests do to the disk meanwhile is up to them.

The disk holds an older system before. The image comes from inside the guest, so nothing but the disk takes part.
"""

import base64
import gzip
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from tests.lab.disks.block_nodes import Node, file_node
from tests.lab.disks.bootable_image import MIB, make_bootable_image
from tests.lab.frozen_machine import FrozenHardware, FrozenMachine, RunningMachine
from tests.lab.program import run

ROOT = Path(__file__).resolve().parents[2]
RAMDISK = ROOT / "build/ramdisk"
DISK_BYTES = 96 * MIB
IMAGE_BYTES = 24 * MIB
OLD_BANNER = "the older guest."
NEW_BANNER = "a guest is here."
DONE = r"guest writer: (written|failed: .* \(end\))$"
WRITE_S = 180
_BOOT_S = 240
_IMAGE_DISK_BYTES = 32 * MIB
_ORDER_BYTES = MIB
_MEMORY_MIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """The frozen machine and what it works on; ``folder`` has room for disks of tests."""

    folder: Path
    machine: FrozenMachine
    raw: Path
    qcow2: Path
    old_disk: Path
    drive: bytes

    def new_disk(self, folder: Path | None = None) -> Path:
        """Return a copy of the disk with the older system."""
        disk = (folder or self.folder) / f"disk-{os.urandom(4).hex()}"
        run("cp", "--sparse=always", str(self.old_disk), str(disk))
        return disk

    def thaw(
        self, target: Node, image: Path, *, log: Path, configdrive: bool = True
    ) -> RunningMachine:
        """Return the machine with ``target`` as its disk, about to write ``image``; :func:`start` starts it."""
        content = image.read_bytes()
        order = {
            "checksum": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            "configdrive": base64.b64encode(gzip.compress(self.drive)).decode()
            if configdrive
            else None,
        }
        return self.machine.thaw((target, *_sources(self.folder, content, order)), log=log)


def start(machine: RunningMachine) -> None:
    """Have the guest begin to write."""
    machine.console.type("g\n")


def outcome(machine: RunningMachine) -> str:
    """Wait for the end of the write and return what the guest says of it."""
    return machine.console.wait_for(DONE, timeout_s=WRITE_S).text


def make_workbench(folder: Path, *, log: Path) -> Workbench:
    """Make the images and start the ramdisk up to the write."""
    raw, old_disk = folder / "image.raw", folder / "old-disk"
    make_bootable_image(raw, size_bytes=IMAGE_BYTES, banner=NEW_BANNER, seed=1)
    make_bootable_image(old_disk, size_bytes=DISK_BYTES, banner=OLD_BANNER, seed=2)
    qcow2 = folder / "image.qcow2"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", str(raw), str(qcow2))
    machine = FrozenMachine(
        FrozenHardware(
            kernel=RAMDISK / "ingot.vmlinuz",
            initramfs=_initramfs(folder),
            arguments="quiet",
            memory_mib=_MEMORY_MIB,
            serials=("target", "image", "order"),
        ),
        folder,
    )
    disks = (file_node(old_disk), *_sources(folder, b"", None))
    machine.freeze(disks, "guest writer: ready", timeout_s=_BOOT_S, log=log)
    return Workbench(
        folder=folder,
        machine=machine,
        raw=raw,
        qcow2=qcow2,
        old_disk=old_disk,
        drive=_config_drive(folder),
    )


def _sources(folder: Path, content: bytes, order: object) -> tuple[Node, Node]:
    """Return the disks that the guest reads: the image, and what to do with it."""
    nodes = []
    for data, size_bytes in (
        (content, _IMAGE_DISK_BYTES),
        (json.dumps(order).encode(), _ORDER_BYTES),
    ):
        path = folder / f"source-{size_bytes}"
        path.write_bytes(data.ljust(size_bytes, b"\0"))
        nodes.append(file_node(path, read_only=True))
    return nodes[0], nodes[1]


def _initramfs(folder: Path) -> Path:
    """Return the real initramfs with the guest's program in the place of the agent's start."""
    tree, path = folder / "overlay", folder / "initramfs"
    program = tree / "usr/lib/ingot/agent"
    program.parent.mkdir(parents=True)
    source = Path(__file__).with_name("guest_writer.py").read_text()
    program.write_text(f"#!/usr/bin/python3\n{source}")
    program.chmod(0o755)
    archive = ROOT / "image-build/archive"
    script = 'cp "$1" "$2" && SOURCE_DATE_EPOCH=0 "$3" "$4" | zstd -q >>"$2"'
    words = (str(RAMDISK / "ingot.initramfs"), str(path), str(archive), str(tree))
    run("bash", "-euo", "pipefail", "-c", script, "bash", *words, timeout_s=60)
    return path


def _config_drive(folder: Path) -> bytes:
    latest = folder / "drive/openstack/latest"
    latest.mkdir(parents=True)
    (latest / "meta_data.json").write_text('{"uuid": "1", "hostname": "n1"}')
    drive = folder / "drive.iso"
    run("genisoimage", "-quiet", "-R", "-V", "config-2", "-o", str(drive), str(folder / "drive"))
    return drive.read_bytes()
