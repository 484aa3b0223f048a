"""Removes what makes a disk recognisable: partition tables, filesystem, RAID and LVM signatures, boot code.

It does not erase data: the content between the wiped edges can still be read by someone who looks for it.
"""

import logging

from agent.disks import gpt, mbr
from agent.disks.kernel_view import partition_nodes
from agent.disks.open_disk import MIB, OpenDisk
from agent.errors import CommandFailed, EraseError, ImageError
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import MetadataEvidence
from agent.hardware.tools import ProgressSink
from agent.protocol.commands import Progress
from agent.system.runner import Runner
from hardware_managers.generic.guard import WIPE_SHARED, shared_filesystem

log = logging.getLogger(__name__)
_EDGE_BYTES = 5 * MIB
"""Wiped at both ends of disk and partitions: the last LUKS2 header lies at 4 MiB, md and ZFS keep copies at the end."""
_TIMEOUT_S = 60.0
_BLKID_NOTHING_FOUND = 2


class MetadataWiper:
    """Implements :class:`agent.hardware.erasing.MetadataEraser`; one object serves several disks at once."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def erase_metadata(
        self, disk: BlockDevice, progress: ProgressSink, *, wipe_shared: bool
    ) -> MetadataEvidence:
        """Leave nothing on ``disk`` that a kernel, a firmware or a RAID tool would recognise, or raise.

        Raises:
            DiskInUse: It is mounted, swapped to or part of another device.
            EraseError: It is read-only, carries a shared filesystem, or something is still found afterwards.
        """
        if disk.is_read_only:
            raise EraseError(f"{disk.path}: read-only; unlock it, or list it in skip_block_devices")
        progress(Progress(phase="erase metadata", message=str(disk.path)))
        with OpenDisk(disk.path) as handle:
            head = handle.read(0, min(MIB, handle.size_bytes))
            if not wipe_shared:
                _refuse_shared(handle, head)
            handle.require_sole_use()
            ranges = _partition_ranges(head, handle)
            nodes = partition_nodes(handle.path)
            for node in nodes:
                self._wipefs(str(node))
            self._wipefs(str(handle.path))
            for start_byte, end_byte in (*ranges, (0, handle.size_bytes)):
                _zero_edges(handle, start_byte, end_byte)
            handle.flush()
            handle.reread_partitions()
            self._verify(handle, ranges)
        detail = (
            f"wiped the signatures of {len(ranges)} partitions and of the disk, and {_EDGE_BYTES} bytes"
            f" at both ends of each; afterwards wipefs and blkid find nothing on {disk.path}"
        )
        log.info("metadata erased", extra={"disk": str(disk.path), "partitions": len(ranges)})
        return MetadataEvidence(disk=disk, method="metadata", detail=detail)

    def _wipefs(self, path: str) -> None:
        self._runner.run("wipefs", "--all", "--force", path, timeout_s=_TIMEOUT_S)

    def _verify(self, handle: OpenDisk, ranges: tuple[tuple[int, int], ...]) -> None:
        """Look at the disk with the tools' eyes."""
        path = str(handle.path)
        left = self._runner.run("wipefs", "--no-act", path, timeout_s=_TIMEOUT_S).stdout.strip()
        if left:
            raise EraseError(f"{path}: wipefs still finds signatures: {left[:400]}")
        for start_byte, end_byte in (*ranges, (0, handle.size_bytes)):
            place = ("--offset", str(start_byte), "--size", str(end_byte - start_byte))
            try:
                found = self._runner.run(
                    "blkid",
                    "--probe",
                    *place,
                    path,
                    timeout_s=_TIMEOUT_S,
                    ok=(0, _BLKID_NOTHING_FOUND),
                )
            except CommandFailed as error:
                raise EraseError(f"{path}: could not be verified: {error}") from error
            if found.exit_code == 0:
                raise EraseError(f"{path}: blkid still finds {found.stdout.strip()[:400]}")
        if nodes := partition_nodes(handle.path):
            raise EraseError(f"{path}: the kernel still shows {', '.join(map(str, nodes))}")


def _refuse_shared(handle: OpenDisk, head: bytes) -> None:
    found = shared_filesystem(head, handle.sector_bytes, handle.size_bytes, handle.read)
    if found:
        raise EraseError(
            f"{handle.path}: carries {found}, which other machines may be using; disconnect it, list it in"
            f" properties.skip_block_devices, or set driver_info.{WIPE_SHARED} to true to erase it all the same"
        )


def _zero_edges(handle: OpenDisk, start_byte: int, end_byte: int) -> None:
    handle.zero(start_byte, min(start_byte + _EDGE_BYTES, end_byte))
    handle.zero(max(start_byte, end_byte - _EDGE_BYTES), end_byte)


def _partition_ranges(head: bytes, handle: OpenDisk) -> tuple[tuple[int, int], ...]:
    """Return (start byte, end byte) of the partitions that the table names and that lie on the disk."""
    size = handle.sector_bytes
    found: list[tuple[int, int]] = []
    if gpt.has_signature(head, size):
        try:
            parts = gpt.parse(head, size).partitions()
        except ImageError as error:
            log.warning("damaged GPT", extra={"disk": str(handle.path), "reason": str(error)})
            parts = gpt.salvage(head, size, handle.size_bytes, handle.read)
        found = [(p.first_lba * size, (p.last_lba + 1) * size) for p in parts]
    elif mbr.is_valid(head):
        found = [
            (p.first_lba * size, (p.first_lba + p.sectors) * size) for p in mbr.partitions(head)
        ]
    return tuple((start, end) for start, end in found if 0 < start < end <= handle.size_bytes)
