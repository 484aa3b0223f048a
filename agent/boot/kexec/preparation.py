"""Looks for the deployed system's kernel on the disk and loads it: mounts without a journal's replay, seen by nobody else.

The image is somebody else's: nothing of it is executed here, paths stay inside it, and what is read is bounded. The kernel and its
initial ramdisk are read by the kernel while they are mounted; afterwards nothing is mounted any more.
"""

import logging
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from agent.boot.kexec.choice import choose_boot
from agent.boot.kexec.kernel_image import HEAD_BYTES, architecture_of
from agent.boot.kexec.plan import (
    Findings,
    KexecPlan,
    MachineState,
    WhyNot,
    obstacle_of_machine,
    plan_kexec,
)
from agent.boot.kexec.volumes import FilePlace, LinuxBoot, NoBootConfig, Volume
from agent.disks.mounted_files import FileSystems, Place, in_own_namespace
from agent.disks.open_disk import OpenDisk
from agent.disks.partition_table import Partition
from agent.errors import FileSystemError, KexecNotPossible
from agent.system.power import PowerActions
from agent.system.runner import Runner

log = logging.getLogger(__name__)
_TIMEOUT_S = 60.0
_MOUNT_OPTIONS = {
    "ext2": "",
    "ext3": "noload",
    "ext4": "noload",
    "xfs": "norecovery,nouuid",
    "btrfs": "rescue=nologreplay,subvolid=5",
    "vfat": "",
}
"""By the file system's kind: what keeps a read-only mount from writing; of Btrfs, the tree that GRUB sees."""
_MOST_PARTITIONS = 32
_MOST_KERNEL_BYTES = 256 << 20
_MOST_INITRD_BYTES = 1 << 30
_ALIGNED_BYTES = 4
"""What the kernel wants between two archives of an initial ramdisk."""
_CHUNK_BYTES = 1 << 20
_CONFIG_DRIVE = "config-2"
_SIGNATURE_AT = 440
_BLKID_NOTHING_FOUND, _BLKID_AMBIVALENT = 2, 8


def prepare_kexec(
    disk: Path, machine: MachineState, runner: Runner, power: PowerActions, *, is_on_array: bool
) -> KexecPlan:
    """Load the kernel of the system on ``disk``.

    Args:
        disk: The disk that was written and flushed.
        machine: What the ramdisk says.
        runner: Mounts.
        power: Loads.
        is_on_array: The disk is an array of others.

    Raises:
        KexecNotPossible: The machine has to boot through its firmware; the message says why.
    """
    obstacle = obstacle_of_machine(machine)
    if obstacle:
        raise KexecNotPossible(obstacle)
    with tempfile.TemporaryDirectory(prefix="ingot-kexec-") as folder:

        def load() -> KexecPlan:
            systems = FileSystems(disk, Path(folder), runner)
            with _volumes(systems, disk, runner, with_esp=machine.is_uefi) as volumes:
                findings = Findings(
                    machine=machine,
                    disk=str(disk),
                    is_on_array=is_on_array,
                    volumes=volumes,
                    boot=_boot_of(volumes, machine),
                )
                return _load(findings, power)

        try:
            return in_own_namespace(load)
        except FileSystemError as error:
            raise KexecNotPossible(str(error)) from error


def _boot_of(volumes: tuple[Volume, ...], machine: MachineState) -> LinuxBoot | str:
    try:
        return choose_boot(volumes, is_uefi=machine.is_uefi, machine=machine.architecture)
    except (NoBootConfig, FileSystemError) as error:
        return str(error)


def _load(findings: Findings, power: PowerActions) -> KexecPlan:
    """Plan with what the files are, and load them."""
    boot = findings.boot
    if isinstance(boot, str):
        return _planned(findings)
    with ExitStack() as open_files:
        kernel = open_files.enter_context(_opened(boot.kernel))
        initrds = [open_files.enter_context(_opened(one)) for one in boot.initrds]
        plan = _planned(
            replace(
                findings,
                kernel_architecture=architecture_of(kernel.read(HEAD_BYTES)),
                kernel_bytes=_size(kernel, boot.kernel, _MOST_KERNEL_BYTES),
                initrd_bytes=sum(
                    _size(file, place, _MOST_INITRD_BYTES)
                    for file, place in zip(initrds, boot.initrds, strict=True)
                ),
            )
        )
        initrd = open_files.enter_context(_as_one(initrds)) if initrds else None
        power.load_kernel(kernel.fileno(), initrd, plan.boot.command_line)
    log.info("the deployed system's kernel is loaded", extra=plan.shown())
    return plan


def _planned(findings: Findings) -> KexecPlan:
    match plan_kexec(findings):
        case KexecPlan() as plan:
            return plan
        case WhyNot(reason=reason):
            raise KexecNotPossible(reason)


def _opened(place: FilePlace) -> AbstractContextManager[BinaryIO]:
    files = place.volume.files
    if files is None:
        raise KexecNotPossible(f"{place}: the partition cannot be read: {place.volume.why}")
    return files.opened(place.path)


def _size(file: BinaryIO, place: FilePlace, most_bytes: int) -> int:
    size_bytes = os.fstat(file.fileno()).st_size
    if size_bytes > most_bytes:
        raise KexecNotPossible(f"{place}: has {size_bytes} bytes, more than {most_bytes}")
    return size_bytes


@contextmanager
def _as_one(files: Sequence[BinaryIO]) -> Iterator[int]:
    """Give one descriptor of all files, one behind the other as a boot loader puts them into memory."""
    if len(files) == 1:
        yield files[0].fileno()
        return
    made = os.memfd_create("initrd", os.MFD_CLOEXEC)
    with os.fdopen(made, "wb") as memory:
        for file in files:
            memory.write(bytes(-memory.tell() % _ALIGNED_BYTES))
            shutil.copyfileobj(file, memory, _CHUNK_BYTES)
        memory.flush()
        # the kernel reads no file that somebody could still write to
        readable = os.open(f"/proc/self/fd/{made}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield readable
    finally:
        os.close(readable)


@contextmanager
def _volumes(
    systems: FileSystems, disk: Path, runner: Runner, *, with_esp: bool
) -> Iterator[tuple[Volume, ...]]:
    """Give every partition of the disk, mounted if its file system is one that a kernel may lie on; each mount costs a while."""
    signature = _signature(disk)
    with ExitStack() as mounts:
        found = []
        for place, part in systems.places()[:_MOST_PARTITIONS]:
            volume = _identified(place, part, signature, runner)
            if volume.is_esp and not with_esp:
                found.append(replace(volume, why="only UEFI starts from it"))
            elif volume.label.lower() == _CONFIG_DRIVE:
                found.append(replace(volume, why="the config drive"))
            else:
                found.append(_mounted(systems, place, volume, mounts))
        yield tuple(found)


def _mounted(systems: FileSystems, place: Place, volume: Volume, mounts: ExitStack) -> Volume:
    options = _MOUNT_OPTIONS.get(volume.kind)
    if options is None:
        return replace(volume, why="no file system that a kernel lies on")
    try:
        tree = mounts.enter_context(systems.mounted(place, read_only=True, more=options))
    except FileSystemError as error:
        log.info("partition not mounted", extra={"partition": str(place), "why": str(error)})
        return replace(volume, why=str(error))
    return replace(volume, files=tree)


def _identified(place: Place, part: Partition, signature: int, runner: Runner) -> Volume:
    where = ("--offset", str(place.start_byte), "--size", str(place.size_bytes))
    answer = runner.run(
        *("blkid", "--probe", "--output", "export", *where, str(place.device)),
        timeout_s=_TIMEOUT_S,
        ok=(0, _BLKID_NOTHING_FOUND, _BLKID_AMBIVALENT),
    )
    tags = dict(line.partition("=")[::2] for line in answer.stdout.splitlines())
    return Volume(
        number=part.number,
        kind=tags.get("TYPE", ""),
        uuid=tags.get("UUID", ""),
        label=tags.get("LABEL", ""),
        part_uuid=part.id_text or f"{signature:08x}-{part.number:02x}",
        part_label=part.name,
        is_esp=part.is_esp,
    )


def _signature(disk: Path) -> int:
    """Return the signature of a disk with an MBR, by which Linux names its partitions."""
    with OpenDisk(disk, writable=False) as handle:
        (signature,) = struct.unpack_from("<I", handle.read(0, handle.sector_bytes), _SIGNATURE_AT)
    return int(signature)
