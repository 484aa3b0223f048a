"""Overwrites whole disks through their ordinary commands: the way for drives that have none of their own.

It reaches clear and no more: blocks that the drive has set aside, a host protected area and what flash keeps elsewhere are not met
(SP 800-88 Rev. 2, 3.1.1; Rev. 1, tables A-5 to A-8). Zeros are written as data, not ordered as a deallocation.
"""

import mmap
import os
from dataclasses import dataclass

from agent.disks.open_disk import MIB, OpenDisk
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import Content, EraseEvidence, EraseLevel, ErasePlan, EraseWish
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress

_CHUNK_BYTES = 4 * MIB
_NOT_ALLOWED = (
    "overwriting is not allowed: set driver_info.agent_erase_allow_overwrite to true, or the controller's setting"
    " erase_allow_overwrite (Ironic: shred_random_overwrite_iterations above 0)"
)
_NOTHING = (
    "overwriting is set to no pass of random bytes and none of zeros (agent_erase_devices_iterations,"
    " agent_erase_devices_zeroize)"
)


class Overwriter:
    """Implements :class:`agent.hardware.erasing.DiskEraser` for every disk that can be written."""

    def plans(self, disk: BlockDevice, wish: EraseWish) -> tuple[ErasePlan, ...]:
        """See :class:`agent.hardware.erasing.DiskEraser`; one plan, with an obstacle if it is not allowed."""
        obstacle = None if wish.allow_overwrite else _NOT_ALLOWED
        if not wish.overwrite_passes and not wish.zeroize:
            obstacle = obstacle or _NOTHING
        passes = _passes(wish)
        return (
            ErasePlan(
                disk=disk,
                method=f"overwriting, {', then '.join(passes) or 'no pass'}",
                command=f"ingot-agent: overwrite {disk.path}",
                levels=frozenset({EraseLevel.CLEAR}),
                strength=10,
                action=f"{wish.overwrite_passes} {wish.zeroize}",
                obstacle=obstacle,
                stoppable=True,
            ),
        )

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """See :class:`agent.hardware.erasing.DiskEraser`; stops between two pieces of 4 MiB."""
        random_passes, zeroize = plan.action.split()
        kinds = [False] * int(random_passes) + [True] * (zeroize == "True")
        with OpenDisk(plan.disk.path) as disk, mmap.mmap(-1, _CHUNK_BYTES) as room:
            size = disk.size_bytes
            for number, is_zeros in enumerate(kinds):
                told = _Told(tools=tools, number=number, passes=len(kinds), size_bytes=size)
                _pass(disk, room, told, is_zeros=is_zeros)
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            command=plan.command,
            detail=f"{size} bytes were written {len(kinds)} times and flushed",
            content=Content.ZEROS if kinds[-1] else Content.CHANGED,
        )


def _passes(wish: EraseWish) -> list[str]:
    random = wish.overwrite_passes
    shown = [f"{random} {'pass' if random == 1 else 'passes'} of random bytes"] if random else []
    return shown + ["zeros"] * wish.zeroize


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Which pass it is, and who is told; bytes are counted over all passes."""

    tools: StepTools
    number: int
    passes: int
    size_bytes: int

    def progress(self, disk: OpenDisk, done_bytes: int) -> None:
        message = f"{disk.path}: overwriting, pass {self.number + 1} of {self.passes}"
        self.tools.progress(
            Progress(
                phase="erase",
                message=message,
                bytes_done=self.number * self.size_bytes + done_bytes,
                bytes_total=self.passes * self.size_bytes,
            )
        )


def _pass(disk: OpenDisk, room: mmap.mmap, told: _Told, *, is_zeros: bool) -> None:
    """Write the whole disk once, and flush."""
    room[:] = bytes(_CHUNK_BYTES)
    for start in range(0, told.size_bytes, _CHUNK_BYTES):
        told.tools.stop.check(f"overwriting {disk.path}")
        size = min(_CHUNK_BYTES, told.size_bytes - start)
        if not is_zeros:
            room[:size] = os.urandom(size)
        with memoryview(room) as view, view[:size] as piece:
            disk.write(piece, start)
        told.progress(disk, start + size)
    disk.flush()
