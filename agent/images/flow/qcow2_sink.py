"""Writes a qcow2 image that comes in the order of its file: every cluster goes to its place as it passes by."""

import hashlib
import queue
from dataclasses import dataclass
from mmap import mmap

from agent.errors import ImageError
from agent.images.flow.buffers import Buffer
from agent.images.flow.disk_writers import DiskWriters
from agent.images.flow.stage import Stage
from agent.images.flow.target import ImageTarget
from agent.images.formats.qcow2_cluster import ClusterInflater
from agent.images.formats.qcow2_map import Map, ReadAt

_INFLATERS = 2
_ROOM_BYTES = 2 << 20
"""The largest cluster."""


class TableWatch:
    """Remembers the tables that were read ahead and compares them with what the checksum later covers.

    Without it, a server could show one set of tables to the reader and another to the checksum.
    """

    def __init__(self, read: ReadAt) -> None:
        self._read = read
        self._seen: list[tuple[int, int, bytes]] = []
        self._active: list[tuple[int, int, bytes, hashlib._Hash]] = []
        self._next = 0

    def read(self, start_byte: int, size_bytes: int) -> bytes:
        """Read a stretch of the file and remember it."""
        data = self._read(start_byte, size_bytes)
        self._seen.append((start_byte, start_byte + size_bytes, hashlib.sha256(data).digest()))
        return data

    def begin(self) -> None:
        """Get ready for the stream; nothing may be read afterwards."""
        self._seen.sort()

    def pass_by(self, buffer: Buffer) -> None:
        """Look at the next piece of the stream.

        Raises:
            ImageError: A table is not what was read ahead.
        """
        while self._next < len(self._seen) and self._seen[self._next][0] < buffer.end_byte:
            self._active.append((*self._seen[self._next], hashlib.sha256()))
            self._next += 1
        waiting = []
        for start, end, digest, seen in self._active:
            low, high = max(start, buffer.start_byte), min(end, buffer.end_byte)
            seen.update(buffer.view[low - buffer.start_byte : high - buffer.start_byte])
            if end > buffer.end_byte:
                waiting.append((start, end, digest, seen))
            elif seen.digest() != digest:
                raise ImageError("qcow2: the tables changed during the download; start again")
        self._active = waiting


@dataclass(frozen=True, slots=True)
class _Batch:
    """Compressed clusters that end in ``buffer``; the first may begin in ``carried``, which lies before it."""

    buffer: Buffer
    carried: memoryview
    carried_from: int
    first: int
    last: int

    def release(self) -> None:
        """Let go of the buffer."""
        self.buffer.release()

    def cut(self, start_byte: int, size_bytes: int) -> memoryview:
        """Return a stretch of the file as writable memory."""
        offset = start_byte - self.buffer.start_byte
        if offset >= 0:
            return self.buffer.view[offset : min(offset + size_bytes, self.buffer.used_bytes)]
        joined = bytearray(self.carried[start_byte - self.carried_from :][:size_bytes])
        joined += self.buffer.view[: max(0, size_bytes - len(joined))]
        return memoryview(joined)


class Qcow2Sink:
    """Takes the file's buffers in order; compressed clusters are inflated by two threads."""

    def __init__(self, image: Map, target: ImageTarget, watch: TableWatch) -> None:
        self._image = image
        self._target = target
        self._watch = watch
        self._writers = DiskWriters(target)
        self._next_plain = 0
        self._next_packed = 0
        self._carried = memoryview(bytearray())
        self._carried_from = 0
        self._rooms: queue.SimpleQueue[tuple[mmap, ClusterInflater]] = queue.SimpleQueue()
        self._inflaters: Stage[_Batch] | None = None
        if len(image.compressed):
            for _ in range(_INFLATERS):
                self._rooms.put((mmap(-1, _ROOM_BYTES), ClusterInflater(image.header)))
            self._inflaters = Stage("inflate", self._inflate, threads=_INFLATERS)

    def work(self, buffer: Buffer) -> None:
        """Write the plain clusters and hand the compressed ones to the inflaters."""
        self._watch.pass_by(buffer)
        self._write_plain(buffer)
        if self._inflaters is not None:
            self._inflaters.check()
            self._hand_out(buffer, self._inflaters)

    def finish(self) -> None:
        """Wait for the inflaters and the writers."""
        self._writers.finish()
        if self._inflaters is not None:
            self._inflaters.finish()

    def stop(self) -> None:
        """End the threads after a failure elsewhere."""
        self._writers.stop()
        if self._inflaters is not None:
            self._inflaters.stop()

    def _write_plain(self, buffer: Buffer) -> None:
        plain = self._image.plain
        base, end = buffer.start_byte, buffer.end_byte
        index = self._next_plain
        while index < len(plain) and plain.file_bytes_at[index] < end:
            start = plain.file_bytes_at[index]
            low, high = max(start, base), min(start + plain.sizes[index], end)
            place = plain.disk_bytes_at[index] + low - start
            self._writers.write(buffer, low - base, high - base, place)
            if start + plain.sizes[index] > end:
                break
            index += 1
        self._next_plain = index

    def _hand_out(self, buffer: Buffer, inflaters: Stage[_Batch]) -> None:
        packed = self._image.compressed
        first = last = self._next_packed
        end = buffer.end_byte
        while last < len(packed) and packed.file_bytes_at[last] + packed.sizes[last] <= end:
            last += 1
        if last > first:
            buffer.hold()
            inflaters.put(_Batch(buffer, self._carried, self._carried_from, first, last))
        self._next_packed = last
        if last < len(packed) and packed.file_bytes_at[last] < end:
            self._carry(buffer, packed.file_bytes_at[last])
        else:
            self._carried = memoryview(bytearray())

    def _carry(self, buffer: Buffer, start_byte: int) -> None:
        """Keep the bytes from ``start_byte`` on for the next buffer; never more than a few MiB."""
        used = buffer.view[: buffer.used_bytes]
        if start_byte >= buffer.start_byte:
            kept = bytearray(used[start_byte - buffer.start_byte :])
        else:
            kept = bytearray(self._carried[start_byte - self._carried_from :])
            kept += used
        self._carried, self._carried_from = memoryview(kept), start_byte

    def _inflate(self, batch: _Batch) -> None:
        """Inflate a batch; clusters that are neighbours on the disk are written together."""
        packed, header = self._image.compressed, self._image.header
        step = header.cluster_bytes
        room, inflater = self._rooms.get()
        try:
            view = memoryview(room)
            filled, begin = 0, 0
            for index in range(batch.first, batch.last):
                place = packed.disk_bytes_at[index]
                if filled and (place != begin + filled or filled + step > len(view)):
                    self._target.write(view[:filled], begin)
                    filled = 0
                if not filled:
                    begin = place
                file_byte = packed.file_bytes_at[index]
                source = batch.cut(file_byte, packed.sizes[index])
                inflater.inflate(source, view[filled : filled + step], file_byte)
                filled += min(step, header.virtual_bytes - place)
            self._target.write(view[:filled], begin)
        finally:
            self._rooms.put((room, inflater))
